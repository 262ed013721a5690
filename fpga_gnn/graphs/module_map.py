"""The module map: which pairs and triples of modules tracks cross, and the cuts on their hits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from fpga_gnn.contract import (
    DOUBLET_WINDOWS,
    TRIPLET_WINDOWS,
    CandidateRecords,
    Contract,
    DydxLaw,
    FixedPoint,
    HitRecords,
    ModuleMapRecords,
    dydx_sign,
)
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import CapacityError, InputError
from fpga_gnn.events.targets import TargetSelection
from fpga_gnn.graphs import module_map_numba
from fpga_gnn.graphs.map_settings import MapSettings

_PAIRS_PER_CHUNK = 1 << 18
"""Small enough for a CPU's cache."""


class ModuleMapInfo(MapSettings):
    """Where a module map comes from, and the settings it was learned with."""

    contract: str
    map_sha256: str
    source: dict[str, object]
    n_events: int
    n_tracks: int
    selection: TargetSelection
    n_rare_doublets: int
    n_cycle_doublets: int
    n_dropped_triplets: int


@dataclass(frozen=True, eq=False)
class ModuleMap:
    """A learned module map.

    ``modules`` [M] ascending sensor keys, ``records`` the integer tables, ``doublet_count`` [D]
    and ``triplet_count`` [T] how often training tracks crossed each entry.
    """

    modules: Int64
    records: ModuleMapRecords
    doublet_count: Int64
    triplet_count: Int64
    info: ModuleMapInfo

    def candidates(
        self, hits: HitRecords, contract: Contract, device: torch.device | str = "cpu"
    ) -> CandidateRecords:
        """Return the candidates of an event by this map's law: numba on a CPU, PyTorch on a GPU."""
        if torch.device(device).type == "cpu":
            return module_map_numba.build_candidates(hits, self.records, contract, self.info.dydx)
        return build_candidates(hits, self.records, contract, device, self.info.dydx)

    @cached_property
    def doublet_map(self) -> ModuleMap:
        """This map without its triplets: no candidate is tagged, and no time goes into it."""
        no_triplet = replace(
            self.records,
            triplet_start=np.zeros_like(self.records.triplet_start),
            triplet_outer=self.records.triplet_outer[:0],
            triplet_windows=self.records.triplet_windows[:0],
        )
        return replace(self, records=no_triplet, triplet_count=self.triplet_count[:0])

    def require_contract(self, contract: Contract, where: object) -> None:
        """Raise ``InputError`` unless the map was made with ``contract``'s integer formats."""
        if self.info.map_sha256 != contract.map_sha256:
            raise InputError(
                where,
                f"module map of hit format {self.info.map_sha256[:12]} ({self.info.contract})",
                f"{contract.map_sha256[:12]} ({contract.name})",
                "rebuild it with: fpga-gnn module-map build",
            )


def tagged_edges(candidates: CandidateRecords) -> tuple[Int64, Int64]:
    """Return source and destination of the triplet-confirmed candidates, in canonical order."""
    tagged = candidates.tagged == 1
    return candidates.src[tagged], candidates.dst[tagged]


def build_candidates(
    hits: HitRecords,
    module_map: ModuleMapRecords,
    contract: Contract,
    device: torch.device | str = "cpu",
    dydx: DydxLaw = "compatible",
) -> CandidateRecords:
    """Return the doublet candidates of an event, the triplet-confirmed ones tagged.

    Vectorised PyTorch integer implementation (CPU or GPU) of the module-map law, which
    ``fpga_gnn.reference.module_map`` states.
    """
    module_map_numba.require_few_queries(hits.module_start, module_map)
    table = {
        name: torch.from_numpy(np.array(getattr(source, name))).to(device)
        for source in (hits, module_map)
        for name in source.__dataclass_fields__
    }
    pairs, queries = _doublets(table, contract)
    tagged = _triplets(table, contract, pairs, queries, dydx_sign(dydx))
    columns = (pairs.h1, pairs.h2, pairs.doublet, tagged.to(torch.int64))
    return CandidateRecords(*(column.cpu().numpy() for column in columns))


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Hit pairs ``h1``, ``h2`` [P] of map row ``doublet`` [P], and what the windows test.

    ``z0`` is the numerator: z0 times dr.
    """

    h1: Tensor
    h2: Tensor
    doublet: Tensor
    dr: Tensor
    dz: Tensor
    dphi: Tensor
    deta: Tensor
    z0: Tensor

    @classmethod
    def of(
        cls, table: dict[str, Tensor], h1: Tensor, h2: Tensor, doublet: Tensor, phi: FixedPoint
    ) -> _Pairs:
        z, r = (table[name].index_select(0, h1) for name in ("z", "r"))
        dr, dz = (table[name].index_select(0, h2) for name in ("r", "z"))
        dr, dz = dr - r, dz - z
        dphi = table["phi"].index_select(0, h2) - table["phi"].index_select(0, h1)
        deta = table["eta"].index_select(0, h1) - table["eta"].index_select(0, h2)
        dphi = (dphi - phi.min_int) % (1 << phi.bits) + phi.min_int
        return cls(h1, h2, doublet, dr, dz, dphi, deta, z * dr - r * dz)

    def take(self, rows: Tensor) -> _Pairs:
        return _Pairs(*(getattr(self, f.name).index_select(0, rows) for f in fields(self)))


@dataclass(frozen=True, eq=False)
class _Queries:
    """The pairs of node ``n`` and map row ``d``: the ``count`` [Q] ones from ``first`` [Q] on, of
    query ``offset[n] + d``."""

    offset: Tensor
    first: Tensor
    count: Tensor


def _doublets(table: dict[str, Tensor], contract: Contract) -> tuple[_Pairs, _Queries]:
    """Look up each hit's dphi window on every target module, then test the pairs found.

    Pairs are in canonical order.
    """
    phi, dphi = contract.hit.phi, contract.windows.dphi
    turn = 1 << phi.bits
    module_start, start = table["module_start"], table["doublet_start"]
    n_known = int(module_start[-1])
    module = _runs(module_start)
    angle = table["phi"][:n_known] - phi.min_int
    # Twice, one turn apart: a window that wraps around is one range, too.
    key = module * (2 * turn) + angle
    key, by_angle = torch.sort(torch.cat((key, key + turn)))
    by_angle %= max(n_known, 1)

    window = table["doublet_windows"][:, DOUBLET_WINDOWS.index("dphi")]
    low = torch.where(window[:, 0] == dphi.min_int, phi.min_int, window[:, 0])
    high = torch.where(window[:, 1] == dphi.max_int, phi.max_int, window[:, 1])
    low, high = low.clamp(min=phi.min_int), high.clamp(max=phi.max_int)
    n_queries = start.diff()[module]
    src, doublet = _expand(start[module], n_queries)
    begin = (angle.index_select(0, src) + low.index_select(0, doublet)) % turn
    begin += (table["doublet_target"] * (2 * turn)).index_select(0, doublet)
    first = torch.searchsorted(key, begin)
    end = begin + (high - low).index_select(0, doublet)
    n_pairs = (torch.searchsorted(key, end, right=True) - first).clamp(min=0)

    windows = _columns(table["doublet_windows"])
    found = [_Pairs(*(src[:0] for _ in fields(_Pairs)))]
    queries, n_found = [src[:0]], 0
    for rows in _chunks(n_pairs):
        query, at = _expand(first[rows], n_pairs[rows])
        query += rows.start
        h2 = by_angle.index_select(0, at)
        h1, row = src.index_select(0, query), doublet.index_select(0, query)
        pairs = _Pairs.of(table, h1, h2, row, phi)
        good = _pass(pairs, torch.arange(row.numel(), device=row.device), windows, row, contract)
        found.append(pairs.take(good))
        n_found += good.numel()
        if n_found > module_map_numba.MOST_CANDIDATES:
            raise CapacityError(module_map_numba.TOO_OPEN)
        queries.append(query.index_select(0, good))
    pairs = _Pairs(*(torch.cat([getattr(p, f.name) for p in found]) for f in fields(_Pairs)))
    query = torch.cat(queries)
    order = torch.argsort(query * table["x"].numel() + pairs.h2)
    count = torch.bincount(query, minlength=src.numel())
    offset = torch.zeros_like(table["x"])
    offset[:n_known] = torch.cumsum(n_queries, 0) - n_queries - start[module]
    return pairs.take(order), _Queries(offset, torch.cumsum(count, 0) - count, count)


def _triplets(
    table: dict[str, Tensor], contract: Contract, pairs: _Pairs, queries: _Queries, sign: int
) -> Tensor:
    """Return which pairs are part of a triplet inside its windows, bool."""
    inner_row = _runs(table["triplet_start"])
    outer_source = _runs(table["doublet_start"])[table["triplet_outer"]]
    chained = _where(outer_source == table["doublet_target"][inner_row])
    outer_row = table["triplet_outer"][chained]
    n_rows = table["doublet_target"].numel()
    start = torch.searchsorted(inner_row[chained], torch.arange(n_rows + 1, device=chained.device))
    windows = _columns(table["triplet_windows"][chained])
    inner_windows, outer_windows = windows[:_N_WINDOWS], windows[_N_WINDOWS : 2 * _N_WINDOWS]
    dydx_window, dzdr_window = (windows[TRIPLET_WINDOWS.index(name)] for name in ("dydx", "dzdr"))
    formats = contract.windows
    tagged = torch.zeros_like(pairs.h1, dtype=torch.bool)
    has_next = torch.zeros_like(table["x"], dtype=torch.bool)
    has_next[pairs.h1] = True
    inner_of = _where(has_next.index_select(0, pairs.h2))
    row_of = pairs.doublet.index_select(0, inner_of)
    first_of = start.index_select(0, row_of)
    query_of = queries.offset.index_select(0, pairs.h2.index_select(0, inner_of))
    n_triplets = start.diff().index_select(0, row_of)
    for rows in _chunks(n_triplets):
        which, triplet = _expand(first_of[rows], n_triplets[rows])
        which += rows.start
        query = query_of.index_select(0, which)
        query += outer_row.index_select(0, triplet)
        met = _where(queries.count.index_select(0, query))
        which, triplet, query = (c.index_select(0, met) for c in (which, triplet, query))
        inner = inner_of.index_select(0, which)
        good = _pass(pairs, inner, inner_windows, triplet, contract)
        inner, triplet, query = (c.index_select(0, good) for c in (inner, triplet, query))

        which, outer = _expand(*(c.index_select(0, query) for c in (queries.first, queries.count)))
        dr, dz = (c.index_select(0, inner).index_select(0, which) for c in (pairs.dr, pairs.dz))
        outer_dr = pairs.dr.index_select(0, outer)
        dzdr = dz * outer_dr - pairs.dz.index_select(0, outer) * dr
        bounds = [c.index_select(0, triplet).index_select(0, which) for c in dzdr_window]
        good = _where(
            _ratio_inside(dzdr, dr * outer_dr, dzdr, formats.dzdr, bounds, formats.dzdr.frac)
        )
        which, outer = which.index_select(0, good), outer.index_select(0, good)
        inner, triplet = inner.index_select(0, which), triplet.index_select(0, which)
        good = _pass(pairs, outer, outer_windows, triplet, contract)
        inner, outer, triplet = (c.index_select(0, good) for c in (inner, outer, triplet))

        h1, h2 = (c.index_select(0, inner) for c in (pairs.h1, pairs.h2))
        hits = (h1, h2, pairs.h2.index_select(0, outer))
        (x1, x2, x3), (y1, y2, y3) = (
            [table[name].index_select(0, hit) for hit in hits] for name in "xy"
        )
        a, b = y2 - y1, sign * (x1 - x2)
        c, d = y2 - y3, x2 - x3
        dydx = a * d - c * b
        bounds = [c.index_select(0, triplet) for c in dydx_window]
        good = _where(_ratio_inside(dydx, b * d, dydx, formats.dydx, bounds, formats.dydx.frac))
        tagged[inner.index_select(0, good)] = True
        tagged[outer.index_select(0, good)] = True
    return tagged


_Window = Sequence[Tensor]
"""Low and high, each [P]."""


def _columns(windows: Tensor) -> list[_Window]:
    """Return the bounds of each variable of ``windows`` [K, V, 2] one after the other."""
    return list(windows.permute(1, 2, 0).contiguous())


def _pass(
    pairs: _Pairs, rows: Tensor, windows: Sequence[_Window], entry: Tensor, contract: Contract
) -> Tensor:
    """Return the positions in ``rows``, rising, of those pairs inside the windows of ``entry``.

    ``windows`` hold the bounds [K] of each doublet variable. Each test sees only the pairs that
    passed the ones before.
    """
    formats = contract.windows
    passed = torch.arange(rows.numel(), device=rows.device)
    for name in ("deta", "dphi", "z0", "phi_slope"):
        window = [side.index_select(0, entry) for side in windows[DOUBLET_WINDOWS.index(name)]]
        if name == "deta":
            good = _inside(pairs.deta.index_select(0, rows), formats.deta, window)
        elif name == "dphi":
            good = _inside(pairs.dphi.index_select(0, rows), formats.dphi, window)
        elif name == "z0":
            z0, dr, dz = (c.index_select(0, rows) for c in (pairs.z0, pairs.dr, pairs.dz))
            good = _ratio_inside(z0, dr, dz, formats.z0, window, 0)
        else:
            dphi, dr = (c.index_select(0, rows) for c in (pairs.dphi, pairs.dr))
            fixed = formats.phi_slope
            good = _ratio_inside(dphi, dr, dphi, fixed, window, fixed.frac)
        good = _where(good)
        passed, entry, rows = (c.index_select(0, good) for c in (passed, entry, rows))
    return passed


_N_WINDOWS = len(DOUBLET_WINDOWS)


def _inside(value: Tensor, fixed: FixedPoint, window: _Window) -> Tensor:
    low, high = window
    return ((low <= value) | (low == fixed.min_int)) & ((value <= high) | (high == fixed.max_int))


def _ratio_inside(
    numerator: Tensor,
    denominator: Tensor,
    sign: Tensor,
    fixed: FixedPoint,
    window: _Window,
    frac: int,
) -> Tensor:
    """``low <= numerator / denominator <= high`` without division; x/0 is infinite by ``sign``."""
    low, high = window
    value = (numerator * denominator.sign()) << frac
    # Against a bound times 0, +-1 stands for infinity.
    value = torch.where(denominator == 0, torch.where(sign >= 0, 1, -1), value)
    scale = denominator.abs()
    above = (low * scale <= value) | (low == fixed.min_int)
    return above & ((value <= high * scale) | (high == fixed.max_int))


def _where(condition: Tensor) -> Tensor:
    """Return the positions where ``condition`` [P] is not 0."""
    return torch.nonzero(condition).squeeze(1)


def _runs(start: Tensor) -> Tensor:
    """Return, for runs that begin at ``start`` [R + 1], the run of every element."""
    return torch.repeat_interleave(
        torch.arange(start.numel() - 1, device=start.device), start.diff()
    )


def _expand(first: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Concatenate the runs ``first[i] .. first[i] + count[i] - 1``; see ``expand_ranges``."""
    run = torch.repeat_interleave(torch.arange(count.numel(), device=count.device), count)
    offset = first - torch.cumsum(count, 0) + count
    return run, torch.arange(run.numel(), device=run.device) + offset.index_select(0, run)


def _chunks(counts: Tensor) -> list[slice]:
    """Split 0..len(counts)-1 into runs of about ``_PAIRS_PER_CHUNK`` counts each."""
    if not counts.numel():
        return []
    chunk = torch.cumsum(counts, 0) // _PAIRS_PER_CHUNK
    ends = torch.cumsum(torch.unique_consecutive(chunk, return_counts=True)[1], 0).tolist()
    return [slice(a, b) for a, b in pairwise([0, *ends])]
