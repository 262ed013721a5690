"""The module map in float64: the same law and the same loops, as a ruler for formats."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np

from fpga_gnn.contract import DOUBLET_WINDOWS, TRIPLET_WINDOWS, CandidateRecords
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import InputError
from fpga_gnn.events.event import Event
from fpga_gnn.graphs.arithmetic import OPEN, FloatArithmetic
from fpga_gnn.graphs.construction import HitGraph
from fpga_gnn.graphs.hits import Float64, HitCoordinates, sort_by_module
from fpga_gnn.graphs.map_learning import Crossings, find_rows, tolerant_windows
from fpga_gnn.graphs.module_map import ModuleMap, tagged_edges
from fpga_gnn.graphs.module_map_numba import Units, find_candidates

_REAL = Units(
    ends=np.tile([-OPEN, OPEN], (6, 1)),
    scales=(1.0, 1.0, 1.0),
    turn=1.0,
    angles=(-0.5, float(np.nextafter(0.5, 0.0))),
)


@dataclass(frozen=True, eq=False)
class FloatModuleMap:
    """The doublets and triplets of ``rows`` with windows in mm, turns, eta and their ratios:
    ``doublet_windows`` [D, 4, 2], ``triplet_windows`` [T, 10, 2] float64, open at ``OPEN``."""

    rows: ModuleMap
    doublet_windows: Float64
    triplet_windows: Float64

    def candidates(self, hits: Float64, module_start: Int64) -> CandidateRecords:
        """Return the candidates of ``hits`` [N, 6] (x y z r phi eta), whose modules are
        ``module_start`` [M + 1], as in ``HitRecords``."""
        module = np.repeat(np.arange(module_start.size - 1), np.diff(module_start))
        node = np.lexsort((hits[: module.size, 4], module))
        windows = (self.doublet_windows, self.triplet_windows)
        return find_candidates(
            hits[node], node, module_start, self.rows.records, windows, _REAL, self.rows.info.dydx
        )


def learn_float_map(crossings: Crossings, rows: ModuleMap) -> FloatModuleMap:
    """Give the entries of ``rows`` the windows that ``crossings`` in float64 (``FloatArithmetic``)
    of the same events have by its settings.

    ``InputError`` for a map of pooled windows.
    """
    info, records, arithmetic = rows.info, rows.records, FloatArithmetic()
    if info.pooling != "module":
        raise InputError("module map in float64", f"pooling {info.pooling}", "pooling module")
    source = np.repeat(np.arange(records.n_modules), np.diff(records.doublet_start))
    doublets = rows.modules[np.stack([source, records.doublet_target], axis=1)]
    inner = np.repeat(np.arange(records.n_doublets), np.diff(records.triplet_start))
    triplets = np.column_stack([doublets[inner], doublets[records.triplet_outer, 1]])
    pairs, triples = crossings.doublets, crossings.triplets_of(info.dydx)
    pairs = pairs.take(find_rows(pairs.keys, doublets))
    triples = triples.take(find_rows(triples.keys, triplets))
    return FloatModuleMap(
        rows,
        tolerant_windows(pairs, DOUBLET_WINDOWS, arithmetic, info),
        tolerant_windows(triples, TRIPLET_WINDOWS, arithmetic, info),
    )


@dataclass(frozen=True, eq=False)
class FloatMapConstruction:
    """Edges are the triplet-confirmed doublets of ``module_map`` from unrounded hits."""

    module_map: FloatModuleMap

    @property
    def name(self) -> str:
        """Name in reports."""
        return "module-map float64"

    def __call__(self, event: Event) -> HitGraph:
        """Return the candidate graph of ``event``."""
        rows, start = sort_by_module(event, self.module_map.rows.modules)
        hits = np.stack(astuple(HitCoordinates.of(event)), axis=1)[rows]
        return HitGraph(rows, *tagged_edges(self.module_map.candidates(hits, start)))
