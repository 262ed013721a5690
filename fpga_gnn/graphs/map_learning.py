"""Learn a module map from the target tracks of simulated events.

Windows are the inclusive minimum and maximum of each variable over the training tracks (module
map definition of the ATLAS GNN4ITk project), rounded outwards onto the contract's formats, so
that every training track passes its own map exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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
from fpga_gnn.graphs.truth import truth_segments

_Bounds = tuple[Int64, Int64]


@dataclass(frozen=True, eq=False)
class _Sample:
    """Doublets [P] and triplets [Q] of the training tracks: sensor keys and windows."""

    doublet_keys: Int64
    doublet_bounds: Int64
    triplet_keys: Int64
    triplet_bounds: Int64
    n_tracks: int


def learn_module_map(
    events: Iterable[Event],
    contract: Contract,
    selection: TargetSelection | None = None,
    *,
    min_occurrence: int = 1,
    widening: float = 0.0,
    source: dict[str, object] | None = None,
) -> ModuleMap:
    """Learn doublets and triplets of modules, with their windows, from ``events``.

    Entries crossed fewer than ``min_occurrence`` times are dropped; each window grows on both
    sides by ``widening`` times its width. Doublets that close a cycle of modules are removed,
    rarest first, with their triplets. Raises ``InputError`` when no target track is found.
    """
    selection = selection or TargetSelection()
    samples = [_event_sample(event, contract, selection) for event in events]
    if not sum(sample.doublet_keys.size for sample in samples):
        raise InputError("module map", "no target track", "events with target particles")
    pairs, pair_windows, pair_count = _group(
        np.concatenate([sample.doublet_keys for sample in samples]),
        np.concatenate([sample.doublet_bounds for sample in samples]),
    )
    triples, triple_windows, triple_count = _group(
        np.concatenate([sample.triplet_keys for sample in samples]),
        np.concatenate([sample.triplet_bounds for sample in samples]),
    )

    often = pair_count >= min_occurrence
    acyclic = often.copy()
    acyclic[often] = _acyclic(pairs[often], pair_count[often])
    modules = np.unique(pairs[acyclic])
    pairs_kept = np.searchsorted(modules, pairs[acyclic])
    pair_id = pairs_kept[:, 0] * modules.size + pairs_kept[:, 1]
    inner, inner_known = _find_pair(triples[:, :2], modules, pair_id)
    outer, outer_known = _find_pair(triples[:, 1:], modules, pair_id)
    kept = (triple_count >= min_occurrence) & inner_known & outer_known
    order = np.lexsort((outer[kept], inner[kept]))

    return ModuleMap(
        modules=modules,
        records=ModuleMapRecords(
            doublet_start=np.searchsorted(pairs_kept[:, 0], np.arange(modules.size + 1)),
            doublet_target=pairs_kept[:, 1],
            doublet_windows=_widen(pair_windows[acyclic], DOUBLET_WINDOWS, contract, widening),
            triplet_start=np.searchsorted(inner[kept][order], np.arange(pairs_kept.shape[0] + 1)),
            triplet_outer=outer[kept][order],
            triplet_windows=_widen(
                triple_windows[kept][order], TRIPLET_WINDOWS, contract, widening
            ),
        ),
        doublet_count=pair_count[acyclic],
        triplet_count=triple_count[kept][order],
        info=ModuleMapInfo(
            contract=contract.name,
            map_sha256=contract.map_sha256,
            source=source or {},
            n_events=len(samples),
            n_tracks=sum(sample.n_tracks for sample in samples),
            selection=selection,
            min_occurrence=min_occurrence,
            widening=widening,
            n_dropped_doublets=int((~often).sum()),
            n_dropped_triplets=int((~kept).sum()),
            n_cycle_doublets=int((often & ~acyclic).sum()),
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


def _group(keys: Int64, bounds: Int64) -> tuple[Int64, Int64, Int64]:
    """Return the unique rows of ``keys``, their joined windows and their counts."""
    unique, inverse, count = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    order = np.argsort(inverse.reshape(-1), kind="stable")
    first = np.cumsum(count) - count
    if not count.size:
        return unique, bounds, count
    low = np.minimum.reduceat(bounds[order, :, 0], first, axis=0)
    high = np.maximum.reduceat(bounds[order, :, 1], first, axis=0)
    return unique, np.stack([low, high], axis=2), count


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


def _find_pair(keys: Int64, modules: Int64, pair_id: Int64) -> tuple[Int64, NDArray[np.bool_]]:
    """Return the doublet row of each pair of sensor keys, and whether the map has it."""
    slot = np.minimum(np.searchsorted(modules, keys), modules.size - 1)
    known = (modules[slot] == keys).all(axis=1)
    wanted = slot[:, 0] * modules.size + slot[:, 1]
    row = np.minimum(np.searchsorted(pair_id, wanted), pair_id.size - 1)
    return row.astype(np.int64), known & (pair_id[row] == wanted)


def _widen(windows: Int64, names: Sequence[str], contract: Contract, widening: float) -> Int64:
    """Grow each window by ``widening`` of its width and clip it to its format."""
    grown = windows.copy()
    for i, name in enumerate(names):
        fixed = contract.windows.of(name)
        low, high = windows[:, i, 0], windows[:, i, 1]
        margin = np.ceil(widening * (high - low)).astype(np.int64)
        grown[:, i, 0] = np.where(low == fixed.max_int, low, fixed.saturate(low - margin))
        grown[:, i, 1] = np.where(high == fixed.min_int, high, fixed.saturate(high + margin))
    return grown
