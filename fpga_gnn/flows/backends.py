"""The three stages of a trained student on one implementation or another, all exact.

Every backend takes the same event to the same graph, scores and tracks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import InputError
from fpga_gnn.events.event import Event
from fpga_gnn.export.firmware import write_firmware
from fpga_gnn.export.hls4ml_project import PROJECT, CompiledProject, HlsProject
from fpga_gnn.export.rtl_design import write_rtl_design
from fpga_gnn.flows.backend_names import KERNEL_BUILDERS, BackendName
from fpga_gnn.flows.design import hls_target
from fpga_gnn.graphs.construction import HitGraph
from fpga_gnn.graphs.graph import (
    Graph,
    build_event_graph,
    graph_from_candidates,
    node_positions,
)
from fpga_gnn.graphs.hits import QuantizedHits, quantize_hits
from fpga_gnn.graphs.partition import PackedPartition, pack, partition_graph
from fpga_gnn.hw.boards import load_board
from fpga_gnn.hw.csim import CsimModuleMap
from fpga_gnn.hw.kernel_calls import ModuleMapKernel, PartitionScorerKernel
from fpga_gnn.hw.rtl_classifier import ClassifierInput, RtlEdgeClassifier
from fpga_gnn.hw.rtl_module_map import RtlModuleMap
from fpga_gnn.hw.vectors import format_vectors
from fpga_gnn.hw.xrt import Card
from fpga_gnn.models.scoring import student_scores, to_integers
from fpga_gnn.reference import interaction_network as reference_network
from fpga_gnn.reference import module_map as reference_map
from fpga_gnn.tracks.builder import BUILDERS, TrackBuilder
from fpga_gnn.training.data import graph_inputs
from fpga_gnn.training.edge_model import StudentModel
from fpga_gnn.training.run import Run, load_run
from fpga_gnn.verify.track_kernels import TrackKernels

_KERNEL_OF = {"cc": "connected_components", "cc-jr": "track_builder", "dwalk": "dwalk"}
"""The kernel of each of ``KERNEL_BUILDERS``."""


@dataclass(frozen=True, eq=False)
class BuiltGraph:
    """The graph of an event: its nodes are ``hits``, its edges confirmed candidates."""

    hits: QuantizedHits
    graph: Graph
    n_candidates: int


@dataclass(frozen=True, eq=False)
class GraphScores:
    """Integer ``scores`` [E] of a graph; an edge that no partition could hold is ``unplaced`` and
    has the score of ``PartitionedGraph.gather_scores``."""

    scores: Int64
    n_partitions: int
    unplaced: Int64

    @property
    def placed(self) -> NDArray[np.bool_]:
        """Which edges [E] some partition held."""
        mask = np.ones(self.scores.size, dtype=np.bool_)
        mask[self.unplaced] = False
        return mask


class Backend(Protocol):
    """One implementation of graph construction, edge scores and track building."""

    @property
    def name(self) -> BackendName:
        """Which one it is."""

    @property
    def builders(self) -> tuple[str, ...]:
        """The track builders it has."""

    def graph(self, event: Event) -> BuiltGraph:
        """Return the candidate graph of ``event``."""

    def scores(self, graphs: Sequence[Graph]) -> list[GraphScores]:
        """Score every edge of each of ``graphs``; a card scores all their partitions at once."""

    def labels(self, name: str, graph: Graph, scored: GraphScores) -> Int64:
        """Return the track of each node [N] by the builder ``name``, -1 for none.

        Tracks are numbered by their smallest node.
        """


def load_backend(name: BackendName, run: Run, folder: Path, xclbin: Path | None = None) -> Backend:
    """Return the backend ``name`` of ``run``; csim and rtl write their classifier to ``folder``.

    board needs ``xclbin``, the binary that it loads: ``InputError`` without.
    """
    return open_backend(name, run, build_design(name, run, folder), xclbin)


def build_design(name: BackendName, run: Run, folder: Path) -> Path | None:
    """Write the classifier that csim or rtl needs to ``folder`` and return what they open.

    That is csim's shared library, which is compiled here, and the folder of the RTL.
    """
    match name:
        case "csim":
            return _write_project(run, folder).compile()
        case "rtl":
            network = run.student.integer_network()
            return write_rtl_design(network, run.contract, folder / "rtl").folder
        case _:
            return None


def open_backend(
    name: BackendName, run: Run, design: Path | None, xclbin: Path | None = None
) -> Backend:
    """Return the backend ``name`` on the ``design`` that ``build_design`` made, maybe elsewhere."""
    match name:
        case "torch":
            return TorchBackend(run)
        case "reference":
            return ReferenceBackend(run)
        case "csim":
            assert design is not None
            return CsimBackend(run, design)
        case "rtl":
            assert design is not None
            return RtlBackend(run, design)
        case "board":
            if xclbin is None:
                raise InputError("--backend board", "no binary", "--xclbin FILE")
            network = run.student.integer_network()
            return BoardBackend(run, Card(xclbin, run.contract, network.sha256))


def backend_model(
    model: Path, name: BackendName, folder: Path, xclbin: Path | None = None
) -> BackendModel:
    """Return the student of the run ``model`` on the backend ``name``; see ``load_backend``."""
    run = load_run(model)
    return BackendModel(run, load_backend(name, run, folder, xclbin))


def require_no_xclbin(xclbin: Path | None, *backends: BackendName | None) -> None:
    """Raise ``InputError`` for a binary that none of ``backends`` loads."""
    if xclbin is not None and "board" not in backends:
        raise InputError("--xclbin", xclbin, "--backend board, which loads it")


def require_builder(name: str, backend: Backend) -> None:
    """Raise ``InputError`` unless ``backend`` has the track builder ``name``."""
    if name not in backend.builders:
        where = f"track builder with the backend {backend.name}"
        raise InputError(where, repr(name), f"one of {', '.join(backend.builders)}")


@dataclass(frozen=True, eq=False)
class TorchBackend:
    """PyTorch and numba: the quantized student on the whole graph."""

    run: Run

    name: BackendName = "torch"
    builders: tuple[str, ...] = tuple(BUILDERS)

    def graph(self, event: Event) -> BuiltGraph:
        built = build_event_graph(event, self.run.module_map, self.run.contract)
        return BuiltGraph(built.hits, built.graph, built.candidates.src.size)

    def scores(self, graphs: Sequence[Graph]) -> list[GraphScores]:
        contract, student, grid = self.run.contract, self.run.student, self.run.grid
        every = (graph_inputs(graph, contract) for graph in graphs)
        return [_whole(student_scores(student, inputs, grid.score)) for inputs in every]

    def labels(self, name: str, graph: Graph, scored: GraphScores) -> Int64:
        builder, n_nodes, src, dst, scores = _problem(self.run, name, graph, scored)
        return builder.labels(n_nodes, src, dst, scores)


class ReferenceBackend:
    """The integer reference on the whole graph."""

    name: BackendName = "reference"
    builders = KERNEL_BUILDERS

    def __init__(self, run: Run) -> None:
        self._run, self._network = run, run.student.integer_network()
        self._tracks = TrackKernels.reference(run.contract)

    def graph(self, event: Event) -> BuiltGraph:
        contract, module_map = self._run.contract, self._run.module_map
        hits = quantize_hits(event, module_map.modules, contract)
        records, dydx = module_map.records, module_map.info.dydx
        candidates = reference_map.build(hits.records, records, contract, dydx)
        graph = graph_from_candidates(hits.records, candidates, contract)
        return BuiltGraph(hits, graph, candidates.src.size)

    def scores(self, graphs: Sequence[Graph]) -> list[GraphScores]:
        score = partial(reference_network.score, self._network)
        return [
            _whole(score(graph.node_features, graph.edge_features, graph.src, graph.dst))
            for graph in graphs
        ]

    def labels(self, name: str, graph: Graph, scored: GraphScores) -> Int64:
        return self._tracks.labels(*_problem(self._run, name, graph, scored))


class _KernelBackend(ABC):
    """The kernels one by one; the classifier works on partitions."""

    def __init__(
        self,
        run: Run,
        module_map: CsimModuleMap | RtlModuleMap | ModuleMapKernel,
        tracks: TrackKernels,
    ) -> None:
        self._run, self._map, self._tracks = run, module_map, tracks

    def graph(self, event: Event) -> BuiltGraph:
        contract, module_map = self._run.contract, self._run.module_map
        hits = quantize_hits(event, module_map.modules, contract)
        built = self._map.graph(hits.records, module_map.records, module_map.info.dydx)
        graph = Graph(
            built.node_features,
            built.edge_features,
            built.src,
            built.dst,
            node_positions(hits.records),
            built.n_saturated,
        )
        return BuiltGraph(hits, graph, built.n_candidates)

    def scores(self, graphs: Sequence[Graph]) -> list[GraphScores]:
        shape, hops = self._run.contract.partition, self._run.contract.network.iterations
        every = [partition_graph(graph, shape, hops) for graph in graphs]
        packed = (
            pack(part, graph, shape)
            for graph, partitioned in zip(graphs, every, strict=True)
            for part in partitioned.partitions
        )
        found = iter(self._partition_scores(packed))
        scored = []
        for partitioned in every:
            parts = [next(found)[: part.edges.size] for part in partitioned.partitions]
            merged = partitioned.gather_scores(parts)
            scored.append(GraphScores(merged, len(parts), partitioned.unplaced))
        return scored

    def labels(self, name: str, graph: Graph, scored: GraphScores) -> Int64:
        return self._tracks.labels(*_problem(self._run, name, graph, scored))

    @abstractmethod
    def _partition_scores(self, partitions: Iterable[PackedPartition]) -> list[Int64]:
        """Return the integer scores of each of ``partitions``: of its edges, then maybe padding."""


class CsimBackend(_KernelBackend):
    """The kernels' C++ compiled for this machine; the classifier's ``library`` lies in the folder
    ``project``."""

    name: BackendName = "csim"
    builders = KERNEL_BUILDERS

    def __init__(self, run: Run, library: Path) -> None:
        super().__init__(run, CsimModuleMap(run.contract), TrackKernels.csim(run.contract))
        self.project = library.parents[1]
        self._classifier = CompiledProject(library, run.contract)

    def _partition_scores(self, partitions: Iterable[PackedPartition]) -> list[Int64]:
        grid = self._run.grid.score
        return [to_integers(self._classifier.scores(packed), grid) for packed in partitions]


class RtlBackend(_KernelBackend):
    """The kernels' RTL, simulated cycle by cycle; its classifier is the design in a folder."""

    name: BackendName = "rtl"
    builders = ("cc", "cc-jr")

    def __init__(self, run: Run, design: Path) -> None:
        super().__init__(run, RtlModuleMap(run.contract), TrackKernels.rtl(run.contract))
        self._classifier = RtlEdgeClassifier(design, run.contract)

    def _partition_scores(self, partitions: Iterable[PackedPartition]) -> list[Int64]:
        rows = [
            ClassifierInput(
                p.node_features[: p.n_nodes],
                p.edge_features[: p.n_edges],
                *p.edge_index[: p.n_edges].T,
            )
            for p in partitions
        ]
        return self._classifier.run(rows).scores


class BoardBackend(_KernelBackend):
    """The kernels on a card; partitions are scored by all its classifiers at once.

    The track builders are those whose kernel the card's binary has.
    """

    name: BackendName = "board"

    def __init__(self, run: Run, card: Card) -> None:
        module_map = ModuleMapKernel(run.contract, card.kernel("module_map"))
        super().__init__(run, module_map, TrackKernels.called(run.contract, card.kernel))
        scorer = partial(card.run_all, "partition_scorer")
        self._scorer = PartitionScorerKernel(run.contract, scorer)
        units = card.design.units
        self.builders = tuple(name for name in KERNEL_BUILDERS if _KERNEL_OF[name] in units)

    def _partition_scores(self, partitions: Iterable[PackedPartition]) -> list[Int64]:
        slots = ((p.node_features, p.edge_features, p.edge_index) for p in partitions)
        return list(self._scorer.scores(slots))


def _write_project(run: Run, folder: Path) -> HlsProject:
    """Write the classifier's project, without vectors for a bench, for the default board."""
    target = hls_target(load_board("u250"))
    no_vectors = format_vectors(PROJECT, run.contract, {})
    return write_firmware(run.student, run.contract, target, folder, no_vectors).project


def _whole(scores: Int64) -> GraphScores:
    """Return the scores of a graph that was not cut into partitions."""
    return GraphScores(scores, 1, np.zeros(0, dtype=np.int64))


def _problem(
    run: Run, name: str, graph: Graph, scored: GraphScores
) -> tuple[TrackBuilder, int, Int64, Int64, Int64]:
    """Return the builder of ``run``, the number of nodes, and source, destination and score of the
    placed edges."""
    placed = scored.placed
    scores = run.builder_scores(name, scored.scores[placed])
    return run.builder(name), graph.n_nodes, graph.src[placed], graph.dst[placed], scores


@dataclass(frozen=True, eq=False)
class _BackendGraph(HitGraph):
    built: BuiltGraph


@dataclass(frozen=True, eq=False)
class BackendModel(StudentModel):
    """A student whose graphs, scores and tracks come from ``backend``, as evaluation wants them.

    An edge that fits no partition gets the lowest score.
    """

    backend: Backend

    @property
    def builders(self) -> dict[str, dict[str, Any]]:
        known = super().builders
        return {name: known[name] for name in known if name in self.backend.builders}

    def graph(self, event: Event) -> HitGraph:
        built = self.backend.graph(event)
        return _BackendGraph(built.hits.rows, built.graph.src, built.graph.dst, built)

    def logits(self, event: Event, graph: HitGraph) -> NDArray[np.float64]:
        assert isinstance(graph, _BackendGraph)
        score = self.run.grid.score
        [scored] = self.backend.scores([graph.built.graph])
        return score.to_float(np.maximum(scored.scores, score.min_int))

    def labels(self, name: str, graph: HitGraph, logits: NDArray[np.float64]) -> Int64:
        assert isinstance(graph, _BackendGraph)
        scores = to_integers(logits, self.run.grid.score)
        scored = GraphScores(scores, 0, np.zeros(0, dtype=np.int64))
        return self.backend.labels(name, graph.built.graph, scored)
