"""The verification ladder: every implementation of every stage on the same events, held to ``==``.

Rungs of the edge classifier, per partition: student == QONNX == lowered QONNX == integer
reference == hls4ml C simulation; the merged partitions == the student on the whole graph. Rungs
of our kernels, per event: numba == PyTorch == integer reference == C simulation for the module
map, numba == integer reference == C simulation for connected components.
The first difference raises ``MismatchError``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import CapacityError, MismatchError
from fpga_gnn.events.event import Event
from fpga_gnn.export.execute import execute
from fpga_gnn.export.firmware import Firmware
from fpga_gnn.graphs.graph import EventGraph, build_event_graph
from fpga_gnn.graphs.module_map import build_candidates
from fpga_gnn.graphs.partition import Partition, PartitionedGraph, pack, partition_graph
from fpga_gnn.hw.csim import CsimConnectedComponents, CsimModuleMap
from fpga_gnn.models.scoring import student_scores, to_integers
from fpga_gnn.models.student import require_exact
from fpga_gnn.reference import connected_components as reference_components
from fpga_gnn.reference import interaction_network as reference_network
from fpga_gnn.reference import module_map as reference_map
from fpga_gnn.tracks.connected_components import label
from fpga_gnn.training.data import graph_inputs, network_inputs
from fpga_gnn.training.run import Run
from fpga_gnn.verify.compare import require_equal

CLASSIFIER_RUNGS = ("QONNX", "lowered QONNX", "integer reference", "hls4ml csim")


@dataclass
class Rung:
    """One comparison: what is held against what, and how much was found equal."""

    kernel: str
    left: str
    right: str
    unit: str
    n_compared: int = 0
    n_different: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class ScoredEvent:
    """An event on top of the ladder: its graph and its firmware scores [E] (integers)."""

    event: Event
    event_graph: EventGraph
    partitioned: PartitionedGraph
    scores: Int64


class Ladder:
    """Climbs the ladder with one trained ``run`` and its ``firmware``.

    Raises ``InputError`` for a module map that the kernel does not implement.
    """

    def __init__(self, run: Run, firmware: Firmware) -> None:
        run.module_map.require_kernel_law("verification ladder")
        self._run, self._firmware = run, firmware
        self._network = run.student.integer_network()
        require_exact(self._network)
        self._csim_map = CsimModuleMap(run.contract)
        self._csim_components = CsimConnectedComponents(run.contract)
        edges, nodes = "edges", "nodes"
        self._classifier = {
            name: Rung("edge classifier", left, name, edges)
            for left, name in zip(("student", *CLASSIFIER_RUNGS), CLASSIFIER_RUNGS, strict=False)
        }
        self._merged = Rung("edge classifier", "partitions", "whole graph", edges)
        self._map = {
            name: Rung("module map", left, name, "candidates")
            for left, name in pairwise(("numba", "PyTorch", "integer reference", "csim"))
        }
        self._components = {
            name: Rung("connected components", left, name, nodes)
            for left, name in pairwise(("numba", "integer reference", "csim"))
        }

    @property
    def rungs(self) -> list[Rung]:
        """All rungs with their counts so far."""
        return [
            *self._map.values(),
            *self._classifier.values(),
            self._merged,
            *self._components.values(),
        ]

    @property
    def n_edges(self) -> int:
        """Edges compared on every rung of the edge classifier."""
        return min(rung.n_compared for rung in (*self._classifier.values(), self._merged))

    def climb(
        self,
        events: Iterable[Event],
        *,
        min_edges: int | None,
        progress: Callable[[int], None],
    ) -> list[ScoredEvent]:
        """Compare ``events`` until ``min_edges`` edges stood every rung (None: all events).

        ``progress`` is called with the number of edges compared so far.
        """
        scored = []
        for event in events:
            scored.append(self._event(event, progress))
            if min_edges is not None and self.n_edges >= min_edges:
                break
        return scored

    def _event(self, event: Event, progress: Callable[[int], None]) -> ScoredEvent:
        contract, case = self._run.contract, f"event {event.event_id}"
        event_graph = build_event_graph(event, self._run.module_map, contract)
        self._compare_module_map(event_graph, case)
        graph = event_graph.graph
        partitioned = partition_graph(graph, contract.partition, self._network.iterations)
        if partitioned.unplaced.size:
            raise CapacityError(
                f"{case}: {partitioned.unplaced.size} edges have a neighbourhood larger than "
                f"{contract.partition.usable_nodes} nodes or {contract.partition.max_edges} edges; "
                "raise partition.max_nodes and max_edges"
            )
        scores = []
        for i, part in enumerate(partitioned.partitions):
            scores.append(self._compare_partition(partitioned, part, f"{case} partition {i}"))
            progress(self.n_edges_total)
        merged = partitioned.gather_scores(scores)
        with _timed(self._merged):
            whole = student_scores(
                self._run.student, graph_inputs(graph, contract), self._network.score
            )
            self._merged.n_compared += _hold(self._merged, case, whole, merged)
        self._compare_components(event_graph, merged, case)
        return ScoredEvent(event, event_graph, partitioned, merged)

    @property
    def n_edges_total(self) -> int:
        """Edges compared on the classifier's first rung."""
        return self._classifier[CLASSIFIER_RUNGS[0]].n_compared

    def _compare_module_map(self, event_graph: EventGraph, case: str) -> None:
        hits, table = event_graph.hits.records, self._run.module_map.records
        expected = event_graph.candidates
        for rung, build in zip(
            self._map.values(),
            (
                lambda: build_candidates(hits, table, self._run.contract),
                lambda: reference_map.build(hits, table, self._run.contract),
                lambda: self._csim_map.build(hits, table),
            ),
            strict=True,
        ):
            with _timed(rung):
                got = build()
            for column in ("src", "dst", "doublet", "tagged"):
                _hold(rung, f"{case} {column}", getattr(expected, column), getattr(got, column))
            rung.n_compared += expected.src.size
            expected = got

    def _compare_partition(self, parts: PartitionedGraph, part: Partition, case: str) -> Int64:
        contract, score = self._run.contract, self._network.score
        graph = parts.graph
        node_features = graph.node_features[part.nodes]
        edge_features = graph.edge_features[part.edges]
        packed = pack(part, graph, contract.partition)
        inputs = network_inputs(node_features, edge_features, part.src, part.dst, contract)
        expected = student_scores(self._run.student, inputs, score)
        implementations: dict[str, Callable[[], Int64]] = {
            "QONNX": lambda: to_integers(execute(self._firmware.qonnx, packed, contract), score),
            "lowered QONNX": lambda: to_integers(
                execute(self._firmware.lowered, packed, contract), score
            ),
            "integer reference": lambda: reference_network.score(
                self._network, node_features, edge_features, part.src, part.dst
            ),
            "hls4ml csim": lambda: to_integers(self._firmware.project.scores(packed), score),
        }
        for name, rung in self._classifier.items():
            with _timed(rung):
                got = implementations[name]()
            _hold(rung, case, expected, got)
            rung.n_compared += int(part.owned.sum())
            expected = got
        return expected

    def _compare_components(self, event_graph: EventGraph, scores: Int64, case: str) -> None:
        graph = event_graph.graph
        keep = (scores > self._run.score_cut).astype("int64")
        arguments = (graph.n_nodes, graph.src, graph.dst, keep)
        expected = label(*arguments)
        for rung, build in zip(
            self._components.values(),
            (reference_components.label, self._csim_components.label),
            strict=True,
        ):
            with _timed(rung):
                got = build(*arguments)
            rung.n_compared += _hold(rung, case, expected, got)


def _hold(rung: Rung, case: str, expected: Int64, got: Int64) -> int:
    kernel = f"{rung.kernel} ({rung.left} == {rung.right})"
    try:
        return require_equal(kernel, case, expected, got)
    except MismatchError as error:
        rung.n_different += error.n_different
        raise


@contextmanager
def _timed(rung: Rung) -> Iterator[None]:
    start = time.perf_counter()
    yield
    rung.seconds += time.perf_counter() - start
