"""Rungs of the module map: numba == PyTorch == integer reference == C simulation on candidates,
and the graph that the kernel writes == the pipeline's."""

from __future__ import annotations

from fpga_gnn.contract import Contract
from fpga_gnn.graphs.graph import EventGraph
from fpga_gnn.graphs.module_map import ModuleMap, build_candidates
from fpga_gnn.hw.csim import CsimModuleMap
from fpga_gnn.reference import module_map as reference
from fpga_gnn.verify.rung import Rung, chain

KERNEL = "module map"


class ModuleMapRungs:
    """Holds the implementations of ``module_map`` against each other, by its own law."""

    def __init__(self, contract: Contract, module_map: ModuleMap) -> None:
        self._contract, self._map = contract, module_map
        self._csim = CsimModuleMap(contract)
        self._candidates = chain(
            KERNEL, "candidates", "numba", "PyTorch", "integer reference", "csim"
        )
        self._graph = Rung(KERNEL, "pipeline graph", "csim graph", "features")

    @property
    def rungs(self) -> list[Rung]:
        """All rungs with their counts so far."""
        return [*self._candidates, self._graph]

    def compare(self, event_graph: EventGraph, case: str) -> None:
        """Hold every implementation against the graph and candidates of one event."""
        self._compare_candidates(event_graph, case)
        self._compare_graph(event_graph, case)

    def _compare_candidates(self, event_graph: EventGraph, case: str) -> None:
        hits, records = event_graph.hits.records, self._map.records
        contract, law = self._contract, self._map.info.dydx
        expected = event_graph.candidates
        for rung, build in zip(
            self._candidates,
            (
                lambda: build_candidates(hits, records, contract, dydx=law),
                lambda: reference.build(hits, records, contract, law),
                lambda: self._csim.build(hits, records, law),
            ),
            strict=True,
        ):
            with rung.timed():
                got = build()
            for column in ("src", "dst", "doublet", "tagged"):
                rung.hold(f"{case} {column}", getattr(expected, column), getattr(got, column))
            rung.n_compared += expected.src.size
            expected = got

    def _compare_graph(self, event_graph: EventGraph, case: str) -> None:
        rung, graph = self._graph, event_graph.graph
        with rung.timed():
            got = self._csim.graph(event_graph.hits.records, self._map.records, self._map.info.dydx)
        for column in ("src", "dst", "node_features", "edge_features", "n_saturated"):
            rung.hold(f"{case} {column}", getattr(graph, column), getattr(got, column))
        rung.n_compared += graph.node_features.size + graph.edge_features.size
