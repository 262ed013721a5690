"""The module map: which pairs and triples of modules tracks cross, and the cuts on their hits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from fpga_gnn.contract import (
    DOUBLET_WINDOWS,
    TRIPLET_WINDOWS,
    CandidateRecords,
    Contract,
    FixedPoint,
    HitRecords,
    ModuleMapRecords,
)
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import InputError
from fpga_gnn.events.targets import TargetSelection

_PAIRS_PER_CHUNK = 1 << 22


class ModuleMapInfo(BaseModel):
    """Where a module map comes from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    contract: str
    map_sha256: str
    source: dict[str, object]
    n_events: int
    n_tracks: int
    selection: TargetSelection
    pooling: str
    min_occurrence: int
    widening: float
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

    def require_contract(self, contract: Contract, where: object) -> None:
        """Raise ``InputError`` unless the map was made with ``contract``'s integer formats."""
        if self.info.map_sha256 != contract.map_sha256:
            raise InputError(
                where,
                f"module map of hit format {self.info.map_sha256[:12]} ({self.info.contract})",
                f"{contract.map_sha256[:12]} ({contract.name})",
                "rebuild it with: fpga-gnn module-map build",
            )


def build_candidates(
    hits: HitRecords,
    module_map: ModuleMapRecords,
    contract: Contract,
    device: torch.device | str = "cpu",
) -> CandidateRecords:
    """Return the doublet candidates of an event, the triplet-confirmed ones tagged.

    Vectorised PyTorch int64 implementation (CPU or GPU) of the module-map law, which
    ``fpga_gnn.reference.module_map`` states.
    """
    table = {
        name: torch.from_numpy(np.array(getattr(source, name))).to(device)
        for source in (hits, module_map)
        for name in source.__dataclass_fields__
    }
    src, dst, doublet = _doublets(table, contract)
    tagged = _triplets(table, contract, src, dst, doublet)
    return CandidateRecords(
        *(column.cpu().numpy() for column in (src, dst, doublet, tagged.to(torch.int64)))
    )


def _doublets(table: dict[str, Tensor], contract: Contract) -> tuple[Tensor, Tensor, Tensor]:
    hits_on = table["module_start"].diff()
    start = table["doublet_start"]
    source = torch.repeat_interleave(
        torch.arange(start.numel() - 1, device=start.device), start.diff()
    )
    target = table["doublet_target"]
    n_pairs = hits_on[source] * hits_on[target]
    found = [tuple(start.new_zeros(0) for _ in range(3))]
    for rows in _chunks(n_pairs):
        row, pair = _expand(n_pairs, rows)
        width = hits_on[target[row]]
        h1 = table["module_start"][source[row]] + pair // width
        h2 = table["module_start"][target[row]] + pair % width
        windows = table["doublet_windows"][row]
        good = _doublet_pass(table, contract, h1, h2, windows)
        found.append((h1[good], h2[good], row[good]))
    src, dst, doublet = (torch.cat(parts) for parts in zip(*found, strict=True))
    order = torch.argsort(src * table["x"].numel() + dst)
    return src[order], dst[order], doublet[order]


def _triplets(
    table: dict[str, Tensor], contract: Contract, src: Tensor, dst: Tensor, doublet: Tensor
) -> Tensor:
    tagged = torch.zeros(src.numel(), dtype=torch.bool, device=src.device)
    n_doublets = table["doublet_target"].numel()
    out_key = src * n_doublets + doublet
    n_triplets = table["triplet_start"].diff()[doublet]
    for rows in _chunks(n_triplets):
        inner, offset = _expand(n_triplets, rows)
        triplet = table["triplet_start"][doublet[inner]] + offset
        windows = table["triplet_windows"][triplet]
        good = _doublet_pass(table, contract, src[inner], dst[inner], windows[:, :4])
        inner, triplet = inner[good], triplet[good]
        key = dst[inner] * n_doublets + table["triplet_outer"][triplet]
        first = torch.searchsorted(out_key, key)
        n_outer = torch.searchsorted(out_key, key, right=True) - first
        which, offset = _expand(n_outer, torch.arange(n_outer.numel(), device=src.device))
        inner, triplet, outer = inner[which], triplet[which], first[which] + offset
        h1, h2, h3 = src[inner], dst[inner], dst[outer]
        windows = table["triplet_windows"][triplet]
        good = _doublet_pass(table, contract, h2, h3, windows[:, 4:8])
        good &= _triplet_pass(table, contract, h1, h2, h3, windows)
        tagged[inner[good]] = True
        tagged[outer[good]] = True
    return tagged


def _doublet_pass(
    table: dict[str, Tensor], contract: Contract, h1: Tensor, h2: Tensor, windows: Tensor
) -> Tensor:
    formats, phi = contract.windows, contract.hit.phi
    r1, z1 = table["r"][h1], table["z"][h1]
    dr, dz = table["r"][h2] - r1, table["z"][h2] - z1
    deta = table["eta"][h1] - table["eta"][h2]
    dphi = (table["phi"][h2] - table["phi"][h1] - phi.min_int) % (1 << phi.bits) + phi.min_int
    column = {name: windows[:, i] for i, name in enumerate(DOUBLET_WINDOWS)}
    return (
        _ratio_inside(z1 * dr - r1 * dz, dr, dz, formats.z0, column["z0"], 0)
        & _inside(dphi, formats.dphi, column["dphi"])
        & _inside(deta, formats.deta, column["deta"])
        & _ratio_inside(
            dphi, dr, dphi, formats.phi_slope, column["phi_slope"], formats.phi_slope.frac
        )
    )


def _triplet_pass(
    table: dict[str, Tensor],
    contract: Contract,
    h1: Tensor,
    h2: Tensor,
    h3: Tensor,
    windows: Tensor,
) -> Tensor:
    formats = contract.windows
    x, y, z, r = (table[name] for name in "xyzr")
    a, b = y[h2] - y[h1], x[h1] - x[h2]
    c, d = y[h2] - y[h3], x[h2] - x[h3]
    dydx = a * d - c * b
    dr12, dr23 = r[h2] - r[h1], r[h3] - r[h2]
    dzdr = (z[h2] - z[h1]) * dr23 - (z[h3] - z[h2]) * dr12
    column = {name: windows[:, i] for i, name in enumerate(TRIPLET_WINDOWS)}
    return _ratio_inside(
        dydx, b * d, dydx, formats.dydx, column["dydx"], formats.dydx.frac
    ) & _ratio_inside(dzdr, dr12 * dr23, dzdr, formats.dzdr, column["dzdr"], formats.dzdr.frac)


def _inside(value: Tensor, fixed: FixedPoint, window: Tensor) -> Tensor:
    low, high = window[:, 0], window[:, 1]
    return ((low <= value) | (low == fixed.min_int)) & ((value <= high) | (high == fixed.max_int))


def _ratio_inside(
    numerator: Tensor,
    denominator: Tensor,
    sign: Tensor,
    fixed: FixedPoint,
    window: Tensor,
    frac: int,
) -> Tensor:
    """``low <= numerator / denominator <= high`` without division; x/0 is infinite by ``sign``."""
    low, high = window[:, 0], window[:, 1]
    value = torch.where(denominator < 0, -numerator, numerator) << frac
    scale = denominator.abs()
    infinite = denominator == 0
    positive = sign >= 0
    above = torch.where(infinite, positive, low * scale <= value)
    below = torch.where(infinite, ~positive, value <= high * scale)
    return (above | (low == fixed.min_int)) & (below | (high == fixed.max_int))


def _expand(counts: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Repeat each of ``rows`` ``counts[row]`` times; return the rows and 0..count-1 within."""
    repeats = counts[rows]
    row = torch.repeat_interleave(rows, repeats)
    first = torch.repeat_interleave(torch.cumsum(repeats, 0) - repeats, repeats)
    return row, torch.arange(row.numel(), device=row.device) - first


def _chunks(counts: Tensor) -> tuple[Tensor, ...]:
    """Split 0..len(counts)-1 into runs of about ``_PAIRS_PER_CHUNK`` counts each."""
    rows = torch.arange(counts.numel(), device=counts.device)
    chunk = torch.cumsum(counts, 0) // _PAIRS_PER_CHUNK
    return torch.split(rows, torch.unique_consecutive(chunk, return_counts=True)[1].tolist())
