"""The three stages of a trained model as the benchmark times them: a teacher's in PyTorch, a
student's on a backend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import InputError
from fpga_gnn.events.event import Event
from fpga_gnn.events.targets import TargetSelection
from fpga_gnn.events.view import Detector, detector_of
from fpga_gnn.flows.backend_names import BackendName
from fpga_gnn.flows.backends import (
    Backend,
    BuiltGraph,
    GraphScores,
    load_backend,
    require_no_xclbin,
)
from fpga_gnn.flows.benchmark_way import Way
from fpga_gnn.graphs.construction import GraphConstruction, HitGraph, ModuleMapConstruction
from fpga_gnn.graphs.truth import EdgeLabels, label_edges
from fpga_gnn.models.scoring import probability
from fpga_gnn.tracks.builder import BUILDERS, builder
from fpga_gnn.training.config import Runtime
from fpga_gnn.training.edge_model import StudentModel, TeacherModel, load_model
from fpga_gnn.training.run import Run
from fpga_gnn.training.teacher import Scorer
from fpga_gnn.training.teacher_data import teacher_graph, teacher_inputs
from fpga_gnn.training.teacher_run import Teacher
from fpga_gnn.training.track_points import WorkingPoint

_RUNTIMES: dict[str, dict[str, bool]] = {
    "fp32": {},
    "AMP (bfloat16)": {"amp": True},
    "torch.compile": {"compile": True},
    "AMP + torch.compile": {"amp": True, "compile": True},
}


@dataclass(frozen=True, eq=False)
class TimedGraph:
    """An event's graph with the labels of its edges and the ``inputs`` of the model's network."""

    graph: HitGraph
    labels: EdgeLabels
    inputs: Any


class TimedModel(Protocol):
    """What the benchmark asks of a model. ``scores`` are what its track builders take."""

    @property
    def backend(self) -> BackendName:
        """What runs its stages."""

    @property
    def detector(self) -> Detector:
        """The hits it was trained on."""

    @property
    def targets(self) -> TargetSelection:
        """The particles it was trained to find."""

    @property
    def construction(self) -> GraphConstruction:
        """How it makes graphs."""

    @property
    def points(self) -> Mapping[str, WorkingPoint]:
        """The working points of the track builders to time, by name."""

    def graph_ways(self, event: Event) -> list[Way]:
        """Return how the backend makes the graph, where it has a way of its own."""

    def graph(self, event: Event) -> TimedGraph:
        """Return the graph of ``event``."""

    def feature_ways(self, event: Event, graph: TimedGraph) -> list[Way]:
        """Return how the network's inputs are made, where that is a step of its own."""

    def network_ways(self, graph: TimedGraph) -> list[Way]:
        """Return how the edges are scored; the others are held against the first."""

    def scores(self, output: Any) -> Any:
        """Return the scores in the ``output`` of a way."""

    def probability(self, scores: Any) -> NDArray[np.float64]:
        """Return the probability of each edge [E]."""

    def labels(self, name: str, graph: TimedGraph, scores: Any) -> Int64:
        """Return the track of each node [N] by the builder ``name``, -1 for none."""


def load_timed_model(
    folder: Path, backend: BackendName, runtime: Runtime, design: Path, xclbin: Path | None = None
) -> TimedModel:
    """Read a teacher or a student; csim writes its project to ``design``, board loads ``xclbin``.

    ``InputError`` for no model, a teacher on another backend than torch, or a device that this
    machine does not have.
    """
    require_no_xclbin(xclbin, backend)
    _require_device(runtime.device)
    model = load_model(folder, runtime)
    if isinstance(model, StudentModel):
        return TimedStudent(model.run, backend, runtime.threads, design, xclbin)
    assert isinstance(model, TeacherModel)
    if backend != "torch":
        raise InputError("backend", backend, "torch, which runs a teacher", "try --model student")
    return TimedTeacher(model.teacher, runtime)


class TimedTeacher:
    """A float teacher in PyTorch, with every option of its network's runtime."""

    backend: BackendName = "torch"

    def __init__(self, teacher: Teacher, runtime: Runtime) -> None:
        self._info, self._runtime = teacher.info, runtime
        self._scorers = {
            name: Scorer(teacher.network, runtime.model_copy(update=options))
            for name, options in _RUNTIMES.items()
        }
        self.construction = teacher.construction
        self.detector, self.targets = teacher.info.detector, teacher.info.training.selection
        points = teacher.info.builders
        self.points = {name: points[name] for name in BUILDERS if name in points}
        self._builders = {
            name: builder(name, **point.settings) for name, point in self.points.items()
        }

    def graph_ways(self, event: Event) -> list[Way]:
        return []

    def graph(self, event: Event) -> TimedGraph:
        found = teacher_graph(event, self.construction, self._info.training)
        return TimedGraph(found.graph, found.labels, found.inputs)

    def feature_ways(self, event: Event, graph: TimedGraph) -> list[Way]:
        return [
            Way(
                "gnn",
                "edge and node features",
                "event and graph to the network's float32 inputs (numpy)",
                partial(teacher_inputs, event, graph.graph, self._info.training),
                "edges",
                lambda _: graph.graph.n_edges,
            )
        ]

    def network_ways(self, graph: TimedGraph) -> list[Way]:
        return [
            Way(
                "gnn",
                name,
                "inputs to logits, both in host memory",
                partial(scorer.logits, graph.inputs),
                "edges",
                lambda _: graph.graph.n_edges,
                self._runtime.device,
                self._runtime.threads,
                (RuntimeError,) if _RUNTIMES[name] else (),
            )
            for name, scorer in self._scorers.items()
        ]

    def scores(self, output: torch.Tensor) -> NDArray[np.float64]:
        return probability(output.double().numpy())

    def probability(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        return scores

    def labels(self, name: str, graph: TimedGraph, scores: NDArray[np.float64]) -> Int64:
        nodes = graph.graph
        return self._builders[name].labels(nodes.n_nodes, nodes.src, nodes.dst, scores)


class TimedStudent:
    """A quantized student whose stages run on ``backend``, which is loaded when first needed."""

    def __init__(
        self,
        run: Run,
        backend: BackendName,
        threads: int,
        design: Path,
        xclbin: Path | None = None,
    ) -> None:
        self._run, self._design, self._xclbin = run, design, xclbin
        self._threads = threads if backend == "torch" else 1
        self.backend = backend
        self.construction = ModuleMapConstruction(run.module_map, run.contract)
        self.detector = detector_of(run.module_map.modules)
        self.targets = run.info.training.selection

    @cached_property
    def _stages(self) -> Backend:
        return load_backend(self.backend, self._run, self._design, self._xclbin)

    @cached_property
    def points(self) -> Mapping[str, WorkingPoint]:
        points = self._run.info.builders
        return {name: points[name] for name in self._stages.builders if name in points}

    def graph_ways(self, event: Event) -> list[Way]:
        def n_edges(built: BuiltGraph) -> int:
            return built.graph.n_edges

        return [
            Way(
                "graph",
                f"graph, {self.backend}",
                "event to the graph with its integer features",
                partial(self._stages.graph, event),
                "edges",
                n_edges,
                threads=self._threads,
            )
        ]

    def graph(self, event: Event) -> TimedGraph:
        built = self._stages.graph(event)
        graph = HitGraph(built.hits.rows, built.graph.src, built.graph.dst)
        labels = label_edges(event, self.targets, graph.rows, graph.src, graph.dst)
        return TimedGraph(graph, labels, built.graph)

    def feature_ways(self, event: Event, graph: TimedGraph) -> list[Way]:
        return []

    def network_ways(self, graph: TimedGraph) -> list[Way]:
        return [
            Way(
                "gnn",
                f"student, {self.backend}",
                "graph to integer edge scores",
                partial(self._stages.scores, [graph.inputs]),
                "edges",
                lambda _: graph.graph.n_edges,
                threads=self._threads,
            )
        ]

    def scores(self, output: list[GraphScores]) -> GraphScores:
        return output[0]

    def probability(self, scores: GraphScores) -> NDArray[np.float64]:
        return probability(self._run.grid.score.to_float(scores.scores))

    def labels(self, name: str, graph: TimedGraph, scores: GraphScores) -> Int64:
        return self._stages.labels(name, graph.inputs, scores)


def _require_device(device: str) -> None:
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError("device", f"{device} ({reason})", "a device of this machine") from None
