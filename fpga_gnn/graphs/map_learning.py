"""Learn a module map from the target tracks of simulated events.

Windows are the inclusive minimum and maximum of each variable over the training tracks (module
map definition of the ATLAS GNN4ITk project), rounded outwards onto the contract's formats, so
that every training track passes its own map exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from fpga_gnn.contract import (
    DOUBLET_WINDOWS,
    TRIPLET_WINDOWS,
    Contract,
    FixedPoint,
    HitRecords,
    ModuleMapRecords,
)
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import InputError
from fpga_gnn.events.event import Event
from fpga_gnn.events.targets import TargetSelection
from fpga_gnn.graphs.hits import quantize_hits, wrap_phi
from fpga_gnn.graphs.module_map import ModuleMap, ModuleMapInfo
from fpga_gnn.graphs.ranges import expand_ranges
from fpga_gnn.graphs.truth import truth_segments

Pooling = Literal["module", "layer"]
_Bounds = tuple[Int64, Int64]
_LAYER_SHIFT = 24


@dataclass(frozen=True, eq=False)
class _Sample:
    """Doublets [P] and triplets [Q] of the training tracks: sensor keys and windows."""

    doublet_keys: Int64
    doublet_bounds: Int64
    triplet_keys: Int64
    triplet_bounds: Int64
    n_tracks: int


@dataclass(frozen=True, eq=False)
class _Entries:
    """Distinct doublets or triplets: sensor keys [K, 2 or 3], joined windows, counts [K]."""

    keys: Int64
    windows: Int64
    count: Int64

    def take(self, rows: NDArray[np.bool_] | Int64) -> _Entries:
        return _Entries(self.keys[rows], self.windows[rows], self.count[rows])


def learn_module_map(
    events: Iterable[Event],
    contract: Contract,
    selection: TargetSelection | None = None,
    *,
    pooling: Pooling = "module",
    min_occurrence: int = 1,
    widening: float = 0.0,
    source: dict[str, object] | None = None,
) -> ModuleMap:
    """Learn doublets and triplets of modules, with their windows, from ``events``.

    Entries crossed fewer than ``min_occurrence`` times are dropped; each window without an open
    bound grows on both sides by ``widening`` times its width. Doublets that close a cycle of
    modules are removed, rarest first, with their triplets.

    ``pooling="module"`` is the field's definition: each entry has the windows of its own tracks,
    which takes hundreds of events to converge. ``pooling="layer"`` is for small samples: entries
    share the windows of all tracks that cross the same layers, two doublets make a triplet if
    tracks cross their three layers, and the dydx window, which has no meaning across modules of
    different azimuth, is open.

    Raises ``InputError`` when no target track is found, or no doublet is left.
    """
    selection = selection or TargetSelection()
    samples = [_event_sample(event, contract, selection) for event in events]
    n_tracks = sum(sample.n_tracks for sample in samples)
    if not n_tracks:
        raise InputError("module map", "no target track", "events with target particles")
    doublet_keys, doublet_bounds, triplet_keys, triplet_bounds = (
        np.concatenate([getattr(sample, name) for sample in samples])
        for name in ("doublet_keys", "doublet_bounds", "triplet_keys", "triplet_bounds")
    )
    crossed = _group(doublet_keys, doublet_bounds)
    often = crossed.take(crossed.count >= min_occurrence)
    doublets = often.take(_acyclic(often.keys, often.count))
    if not doublets.count.size:
        raise InputError(
            "module map",
            f"no doublet crossed {min_occurrence} times",
            "more events, or fewer times",
        )
    triplets = _group(triplet_keys, triplet_bounds)
    n_triplets_crossed = triplets.count.size
    if pooling == "layer":
        by_layer = _group(triplet_keys >> _LAYER_SHIFT, triplet_bounds)
        triplets = _compose(doublets.keys, triplets, by_layer, contract)
        by_layer = _group(doublet_keys >> _LAYER_SHIFT, doublet_bounds)
        shared = _find_rows(by_layer.keys, doublets.keys >> _LAYER_SHIFT)
        doublets = _Entries(doublets.keys, by_layer.windows[shared], doublets.count)
    else:
        triplets = triplets.take(triplets.count >= min_occurrence)

    inner = _find_rows(doublets.keys, triplets.keys[:, :2])
    outer = _find_rows(doublets.keys, triplets.keys[:, 1:])
    known = (inner >= 0) & (outer >= 0)
    triplets, inner, outer = triplets.take(known), inner[known], outer[known]
    order = np.lexsort((outer, inner))
    modules = np.unique(doublets.keys)
    source_module = np.searchsorted(modules, doublets.keys[:, 0])
    return ModuleMap(
        modules=modules,
        records=ModuleMapRecords(
            doublet_start=np.searchsorted(source_module, np.arange(modules.size + 1)),
            doublet_target=np.searchsorted(modules, doublets.keys[:, 1]),
            doublet_windows=_widen(doublets.windows, DOUBLET_WINDOWS, contract, widening),
            triplet_start=np.searchsorted(inner[order], np.arange(doublets.count.size + 1)),
            triplet_outer=outer[order],
            triplet_windows=_widen(triplets.windows[order], TRIPLET_WINDOWS, contract, widening),
        ),
        doublet_count=doublets.count,
        triplet_count=triplets.count[order],
        info=ModuleMapInfo(
            contract=contract.name,
            map_sha256=contract.map_sha256,
            source=source or {},
            n_events=len(samples),
            n_tracks=n_tracks,
            selection=selection,
            pooling=pooling,
            min_occurrence=min_occurrence,
            widening=widening,
            n_rare_doublets=crossed.count.size - often.count.size,
            n_cycle_doublets=often.count.size - doublets.count.size,
            n_dropped_triplets=n_triplets_crossed - int((triplets.count > 0).sum()),
        ),
    )


def _event_sample(event: Event, contract: Contract, selection: TargetSelection) -> _Sample:
    hits = quantize_hits(event, np.unique(event.hits.module_key), contract)
    node = np.empty(len(event.hits), dtype=np.int64)
    node[hits.rows] = np.arange(hits.rows.size)
    segments = truth_segments(event, selection)
    key = event.hits.module_key
    wanted = segments.target & (key[segments.inner] != key[segments.outer])
    inner, outer = segments.inner[wanted], segments.outer[wanted]
    chained = np.flatnonzero(outer[:-1] == inner[1:])
    h1, h2, h3 = inner[chained], outer[chained], outer[chained + 1]
    return _Sample(
        doublet_keys=np.stack([key[inner], key[outer]], axis=1),
        doublet_bounds=_stack(doublet_bounds(hits.records, node[inner], node[outer], contract)),
        triplet_keys=np.stack([key[h1], key[h2], key[h3]], axis=1),
        triplet_bounds=_stack(
            [
                *doublet_bounds(hits.records, node[h1], node[h2], contract),
                *doublet_bounds(hits.records, node[h2], node[h3], contract),
                *triplet_bounds(hits.records, node[h1], node[h2], node[h3], contract),
            ]
        ),
        n_tracks=int(wanted.sum() - chained.size),
    )


def doublet_bounds(hits: HitRecords, h1: Int64, h2: Int64, contract: Contract) -> list[_Bounds]:
    """Return floor and ceiling of the ``DOUBLET_WINDOWS`` variables of hit pairs, as integers."""
    formats = contract.windows
    dr, dz = hits.r[h2] - hits.r[h1], hits.z[h2] - hits.z[h1]
    dphi = wrap_phi(hits.phi[h2] - hits.phi[h1], contract.hit.phi)
    deta = hits.eta[h1] - hits.eta[h2]
    z0 = hits.z[h1] * dr - hits.r[h1] * dz
    return [
        _ratio_bounds(z0, dr, dz, formats.z0, 0),
        (dphi, dphi),
        (deta, deta),
        _ratio_bounds(dphi, dr, dphi, formats.phi_slope, formats.phi_slope.frac),
    ]


def triplet_bounds(
    hits: HitRecords, h1: Int64, h2: Int64, h3: Int64, contract: Contract
) -> list[_Bounds]:
    """Return floor and ceiling of dydx and dzdr of hit triples, as integers."""
    formats = contract.windows
    a, b = hits.y[h2] - hits.y[h1], hits.x[h1] - hits.x[h2]
    c, d = hits.y[h2] - hits.y[h3], hits.x[h2] - hits.x[h3]
    dydx = a * d - c * b
    dr12, dr23 = hits.r[h2] - hits.r[h1], hits.r[h3] - hits.r[h2]
    dzdr = (hits.z[h2] - hits.z[h1]) * dr23 - (hits.z[h3] - hits.z[h2]) * dr12
    return [
        _ratio_bounds(dydx, b * d, dydx, formats.dydx, formats.dydx.frac),
        _ratio_bounds(dzdr, dr12 * dr23, dzdr, formats.dzdr, formats.dzdr.frac),
    ]


def _ratio_bounds(
    numerator: Int64, denominator: Int64, sign: Int64, fixed: FixedPoint, frac: int
) -> _Bounds:
    divisor = np.where(denominator == 0, 1, denominator)
    scaled = numerator << frac
    infinite = np.where(sign >= 0, fixed.max_int, fixed.min_int)
    low = np.where(denominator == 0, infinite, scaled // divisor)
    high = np.where(denominator == 0, infinite, -(-scaled // divisor))
    return fixed.saturate(low), fixed.saturate(high)


def _stack(bounds: Sequence[_Bounds]) -> Int64:
    """Return [rows, variables, 2] from per-variable (low, high) columns."""
    return np.stack([np.stack(pair, axis=1) for pair in bounds], axis=1)


def _group(keys: Int64, bounds: Int64) -> _Entries:
    """Join the windows of equal rows of ``keys``; entries come sorted by key."""
    unique, inverse, count = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    if not count.size:
        return _Entries(unique, bounds, count)
    order = np.argsort(inverse.reshape(-1), kind="stable")
    first = np.cumsum(count) - count
    low = np.minimum.reduceat(bounds[order, :, 0], first, axis=0)
    high = np.maximum.reduceat(bounds[order, :, 1], first, axis=0)
    return _Entries(unique, np.stack([low, high], axis=2), count)


def _compose(
    doublets: Int64, crossed: _Entries, by_layer: _Entries, contract: Contract
) -> _Entries:
    """Return every pair of ``doublets`` that meet, if ``by_layer`` knows their three layers.

    Counts are those of ``crossed``, 0 for triplets that no training track took.
    """
    first = np.searchsorted(doublets[:, 0], doublets[:, 1])
    n_next = np.searchsorted(doublets[:, 0], doublets[:, 1], side="right") - first
    inner, outer = expand_ranges(first, n_next)
    keys = np.column_stack([doublets[inner], doublets[outer, 1]])
    layers = _find_rows(by_layer.keys, keys >> _LAYER_SHIFT)
    keys, layers = keys[layers >= 0], layers[layers >= 0]
    windows = by_layer.windows[layers]
    fixed = contract.windows.dydx
    windows[:, TRIPLET_WINDOWS.index("dydx")] = fixed.min_int, fixed.max_int
    seen = _find_rows(crossed.keys, keys)
    return _Entries(keys, windows, np.where(seen >= 0, crossed.count[seen], 0))


def _acyclic(pairs: Int64, count: Int64) -> NDArray[np.bool_]:
    """Return which pairs to keep so that no cycle of modules is left; rarest go first."""
    kept = np.ones(len(pairs), dtype=np.bool_)
    graph = nx.DiGraph()
    graph.add_edges_from((int(a), int(b), {"row": i}) for i, (a, b) in enumerate(pairs))
    while True:
        rows = [
            data["row"]
            for component in nx.strongly_connected_components(graph)
            if len(component) > 1
            for _, _, data in graph.subgraph(component).edges(data=True)
        ]
        if not rows:
            return kept
        weakest = min(rows, key=lambda row: (count[row], row))
        kept[weakest] = False
        graph.remove_edge(int(pairs[weakest, 0]), int(pairs[weakest, 1]))


def _find_rows(table: Int64, wanted: Int64) -> Int64:
    """Return the row of each row of ``wanted`` in ``table`` (distinct rows), -1 if absent."""
    _, code = np.unique(np.concatenate([table, wanted]), axis=0, return_inverse=True)
    code = code.reshape(-1)
    row = np.full(code.max(initial=-1) + 1, -1, dtype=np.int64)
    row[code[: len(table)]] = np.arange(len(table))
    found: Int64 = row[code[len(table) :]]
    return found


def _widen(windows: Int64, names: Sequence[str], contract: Contract, widening: float) -> Int64:
    """Grow each closed window by ``widening`` of its width and clip it to its format."""
    grown = windows.copy()
    for i, name in enumerate(names):
        fixed = contract.windows.of(name)
        low, high = windows[:, i, 0], windows[:, i, 1]
        closed = (low != fixed.min_int) & (high != fixed.max_int)
        margin = np.where(closed, np.ceil(widening * (high - low)), 0).astype(np.int64)
        grown[:, i, 0] = fixed.saturate(low - margin)
        grown[:, i, 1] = fixed.saturate(high + margin)
    return grown
