"""The ways to construct a graph that are timed: module maps beside their peer, metric learning."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_gnn.contract import (
    CandidateRecords,
    Contract,
    DydxLaw,
    HitRecords,
    ModuleMapRecords,
)
from fpga_gnn.contract.config import ModuleMapShape
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import CapacityError, InputError, ToolFailedError, ToolMissingError
from fpga_gnn.events.event import Event
from fpga_gnn.flows.benchmark_peers import PeerModuleMap
from fpga_gnn.flows.benchmark_way import Way
from fpga_gnn.graphs.construction import ModuleMapConstruction
from fpga_gnn.graphs.hits import quantize_hits
from fpga_gnn.graphs.metric_learning import neighbour_edges
from fpga_gnn.graphs.module_map import build_candidates
from fpga_gnn.graphs.module_map_numba import build_candidates as numba_candidates
from fpga_gnn.hw.csim import CsimModuleMap
from fpga_gnn.hw.kernels import load_kernels
from fpga_gnn.training.config import Runtime
from fpga_gnn.training.metric_learning_run import MetricLearning
from fpga_gnn.training.neighbour_graphs import embed

MAP, MAP_PEER = "module map, numba", "peer: module map, float64, parallel numba"
"""Names of our module map and its peer."""

_KERNEL_PATIENCE = 10.0
"""Seconds: a call of the C simulation that takes longer is its last."""


class ModuleMaps:
    """The implementations of the module map, on the same hit records."""

    def __init__(self, construction: ModuleMapConstruction, runtime: Runtime) -> None:
        self._construction, self._runtime = construction, runtime
        records, contract = construction.module_map.records, construction.contract
        dydx = construction.module_map.info.dydx
        self._peer = PeerModuleMap(records, contract, dydx, runtime.threads)
        self._kernel = _Kernel(contract, dydx)

    def hits(self, event: Event) -> HitRecords:
        """Return the hit records of ``event``."""
        construction = self._construction
        modules = construction.module_map.modules
        return quantize_hits(event, modules, construction.contract).records

    def quantisation(self, event: Event) -> Way:
        """Return how the hit records are made."""
        what = "event to integer hit records sorted by module (numpy)"
        return Way("graph", "hit quantisation", what, partial(self.hits, event), "hits", len)

    def ways(self, hits: HitRecords) -> Iterator[Way]:
        """Return all implementations on ``hits``."""
        records, contract = self._construction.module_map.records, self._construction.contract
        dydx = self._construction.module_map.info.dydx
        device, threads = self._runtime.device, self._runtime.threads

        def tagged(result: Any) -> int:
            return int(np.count_nonzero(result.tagged))

        yield Way(
            "graph",
            MAP,
            "hit records to candidates, tagged, in canonical order",
            partial(numba_candidates, hits, records, contract, dydx),
            "edges",
            tagged,
        )
        yield Way(
            "graph",
            "module map, PyTorch",
            "hit records to candidates, tagged, in canonical order, with the copies to the device",
            partial(build_candidates, hits, records, contract, device, dydx),
            "edges",
            tagged,
            device,
            threads,
        )
        flags = " ".join(flag for flag in load_kernels().cxxflags if flag.startswith("-O"))
        yield Way(
            "graph",
            f"module map, HLS C++ (g++ {flags}), not FPGA",
            "hit records to candidates, tagged, by the firmware's source on this CPU, with packing",
            partial(self._kernel.build, hits, records),
            "edges",
            tagged,
            refusals=(ToolMissingError, ToolFailedError, CapacityError, InputError),
            patience=_KERNEL_PATIENCE,
        )
        yield Way(
            "graph",
            MAP_PEER,
            "hit records to candidates, tagged, in no order",
            partial(self._peer.build, hits),
            "edges",
            lambda result: int(np.count_nonzero(result[2])),
            threads=threads,
        )


class _Kernel:
    """The HLS kernel compiled for the host, with slots for the largest event so far."""

    def __init__(self, contract: Contract, dydx: DydxLaw) -> None:
        self._contract, self._dydx = contract, dydx
        self._kernel: CsimModuleMap | None = None

    def build(self, hits: HitRecords, module_map: ModuleMapRecords) -> CandidateRecords:
        """Return the candidates; compile first where nothing or too little was compiled."""
        self._reserve(
            max_hits=len(hits),
            max_modules=module_map.n_modules,
            max_doublets=module_map.n_doublets,
        )
        while True:
            if self._kernel is None:
                self._kernel = CsimModuleMap(self._contract)
            try:
                return self._kernel.build(hits, module_map, self._dydx)
            except CapacityError:
                self._reserve(
                    max_blocks=self._shape.max_blocks + 1, max_edges=self._shape.max_edges + 1
                )

    @property
    def _shape(self) -> ModuleMapShape:
        return self._contract.kernels.module_map

    def _reserve(self, **sizes: int) -> None:
        """Double every capacity that is below ``sizes`` until it is not."""
        grown = {}
        for name, size in sizes.items():
            capacity = getattr(self._shape, name)
            while capacity < size:
                capacity *= 2
            grown[name] = capacity
        shape = self._shape.model_copy(update=grown)
        if shape != self._shape:
            kernels = self._contract.kernels.model_copy(update={"module_map": shape})
            self._contract = self._contract.model_copy(update={"kernels": kernels})
            self._kernel = None


def metric_learning_ways(trained: MetricLearning, event: Event, threads: int) -> Iterator[Way]:
    """Return the two steps from ``event`` to edges."""
    points = embed(trained.network, event)
    radius = trained.info.radius
    yield Way(
        "graph",
        "metric learning, embedding",
        "event to points of the embedding (PyTorch)",
        partial(embed, trained.network, event),
        "hits",
        len,
        threads=threads,
    )
    yield Way(
        "graph",
        "metric learning, neighbour search",
        f"points to edges within {radius:g} in canonical order (scipy k-d tree)",
        partial(neighbour_edges, points, event.hits, radius),
        "edges",
        lambda edges: int(edges.src.size),
    )


def map_difference(
    n_hits: int, ours: CandidateRecords, peer: tuple[Int64, Int64, NDArray[np.bool_]]
) -> tuple[int, int]:
    """Return the number of candidates and tags, and how many only one of the two has."""
    columns = (ours.src, ours.dst, ours.tagged == 1), peer
    keys = [(src * n_hits + dst, tagged) for src, dst, tagged in columns]
    (one, one_tagged), (two, two_tagged) = keys
    different = np.setxor1d(one, two).size + np.setxor1d(one[one_tagged], two[two_tagged]).size
    return one.size + int(one_tagged.sum()), different
