"""Rungs of the RTL: every kernel in Verilator on real events, held to the C simulation or the
integer reference, first without pauses, where cycles count, then with pauses on every stream."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import CapacityError
from fpga_gnn.events.event import Event
from fpga_gnn.graphs.graph import Graph, build_event_graph
from fpga_gnn.graphs.partition import PartitionedGraph, partition_graph
from fpga_gnn.hw.csim import CsimModuleMap
from fpga_gnn.hw.rtl_classifier import ClassifierInput, RtlEdgeClassifier, RtlScores
from fpga_gnn.hw.rtl_module_map import RtlModuleMap
from fpga_gnn.hw.rtl_tracks import RtlConnectedComponents, RtlTrackBuilder
from fpga_gnn.hw.verilator import Stalls
from fpga_gnn.reference import connected_components, interaction_network, track_builder
from fpga_gnn.tracks.builder import JunctionRemoval
from fpga_gnn.training.run import Run
from fpga_gnn.verify.rung import Rung

Announce = Callable[[str], None]
_GRAPH = ("node_features", "edge_features", "src", "dst", "n_saturated")


@dataclass(frozen=True, eq=False)
class EventCycles:
    """Cycles of one event (``rtl-sim``), without pauses.

    ``module_map`` by phase; ``classifier`` until the last score, of ``partitions`` that hold
    ``rows`` nodes and edges in all, ``idle`` [stages] the cycles between the edges of a partition
    in which none entered (0: II = 1); ``components`` and ``tracks`` from first edge to last row.
    """

    event_id: int
    hits: int
    edges: int
    partitions: int
    rows: int
    module_map: dict[str, int]
    classifier: int
    idle: Int64
    components: int
    tracks: int


class RtlRungs:
    """The RTL of ``run``, whose classifier is the design in the folder ``design``.

    ``pauses`` are those of the second pass; None: there is none. Raises ``InputError`` for a run
    without a working point of ``cc-jr``, ``ToolMissingError`` without Verilator or a compiler.
    """

    def __init__(self, run: Run, design: Path, pauses: Stalls | None) -> None:
        contract = run.contract
        builder = run.builder("cc-jr")
        assert isinstance(builder, JunctionRemoval)
        self._run, self._cut, self._min_hits = run, int(builder.cut), builder.min_hits
        self._network = run.student.integer_network()
        self._csim_map = CsimModuleMap(contract)
        self._classifier = RtlEdgeClassifier(design, contract)
        self._passes: list[_Pass] = []
        for stalls in (None, pauses) if pauses else (None,):
            self._passes.append(
                _Pass(
                    "rtl, pauses" if stalls else "rtl",
                    stalls,
                    RtlModuleMap(contract, stalls),
                    RtlConnectedComponents(contract, stalls),
                    RtlTrackBuilder(contract, stalls),
                )
            )

    @property
    def rungs(self) -> list[Rung]:
        """All rungs with their counts so far."""
        return [rung for one in self._passes for rung in one.rungs]

    def compare(self, event: Event, announce: Announce) -> EventCycles:
        """Hold every kernel on ``event``; ``announce`` gets a line before each simulation.

        Raises ``MismatchError`` on the first difference and ``CapacityError`` for an edge that no
        partition can hold.
        """
        run, case = self._run, f"event {event.event_id}"
        built = build_event_graph(event, run.module_map, run.contract)
        graph = built.graph
        parts, inputs = self._partitions(graph, case)
        expected = [
            interaction_network.score(self._network, p.node_features, p.edge_features, p.src, p.dst)
            for p in inputs
        ]
        scores = parts.gather_scores(expected)
        edges = graph.n_nodes, graph.src, graph.dst
        kept = *edges, (scores > self._cut).astype(np.int64)
        problem = *edges, scores, self._cut, self._min_hits
        hits = built.hits.records, run.module_map.records, run.module_map.info.dydx
        mapped = self._csim_map.graph(*hits)
        labels = connected_components.label(*kept)
        lists = track_builder.build(*problem, run.contract)
        # A partition waits for larger ones in the chain, so the largest go first.
        order = sorted(range(len(inputs)), key=lambda i: -_rows(inputs[i]))
        scored: list[RtlScores] = []
        for one in self._passes:
            announce(f"{case}: module map, {one.name}")
            with one.module_map.timed():
                got_graph = one.map.graph(*hits)
            _hold_columns(one.module_map, case, _GRAPH, mapped, got_graph)
            one.module_map.n_compared += mapped.node_features.size + mapped.edge_features.size
            announce(f"{case}: {len(inputs)} partitions, {one.name}")
            with one.classifier.timed():
                scored.append(self._classifier.run([inputs[i] for i in order], one.stalls))
            for i, got in zip(order, scored[-1].scores, strict=True):
                compared = one.classifier.hold(f"{case} partition {i}", expected[i], got)
                one.classifier.n_compared += compared
            announce(f"{case}: tracks, {one.name}")
            with one.labels.timed():
                got_labels = one.components.label(*kept)
            one.labels.n_compared += one.labels.hold(case, labels, got_labels)
            with one.lists.timed():
                got_lists = one.tracks.build(*problem)
            _hold_columns(one.lists, case, ("start", "nodes"), lists, got_lists)
            one.lists.n_compared += len(lists)
        first = self._passes[0]
        return EventCycles(
            event.event_id,
            graph.n_nodes,
            graph.n_edges,
            len(inputs),
            sum(map(_rows, inputs)),
            first.map.phase_cycles,
            int(scored[0].finished.max(initial=0)),
            scored[0].stalls,
            first.components.cycles,
            first.tracks.cycles,
        )

    def _partitions(
        self, graph: Graph, case: str
    ) -> tuple[PartitionedGraph, list[ClassifierInput]]:
        contract = self._run.contract
        parts = partition_graph(graph, contract.partition, contract.network.iterations)
        if parts.unplaced.size:
            raise CapacityError(
                f"{case}: {parts.unplaced.size} edges fit no partition; raise partition.max_nodes "
                "and max_edges (fpga-gnn reshape)"
            )
        return parts, [
            ClassifierInput(
                graph.node_features[p.nodes], graph.edge_features[p.edges], p.src, p.dst
            )
            for p in parts.partitions
        ]


def _hold_columns(
    rung: Rung, case: str, columns: Iterable[str], expected: object, got: object
) -> None:
    for column in columns:
        rung.hold(f"{case} {column}", getattr(expected, column), getattr(got, column))


def _rows(partition: ClassifierInput) -> int:
    return len(partition.node_features) + len(partition.src)


class _Pass:
    """The simulations with, or without, pauses, and their rungs."""

    def __init__(
        self,
        name: str,
        stalls: Stalls | None,
        module_map: RtlModuleMap,
        components: RtlConnectedComponents,
        tracks: RtlTrackBuilder,
    ) -> None:
        self.name, self.stalls = name, stalls
        self.map, self.components, self.tracks = module_map, components, tracks
        self.module_map = Rung("module map", "csim graph", name, "features")
        self.classifier = Rung("edge classifier", "integer reference", name, "edges")
        self.labels = Rung("connected components", "integer reference", name, "nodes")
        self.lists = Rung("track builder", "integer reference", name, "tracks")

    @property
    def rungs(self) -> tuple[Rung, ...]:
        return self.module_map, self.classifier, self.labels, self.lists
