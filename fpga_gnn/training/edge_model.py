"""Trained edge classifiers of either kind behind one interface: graph, logits, working points."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import InputError
from fpga_gnn.events.event import Event
from fpga_gnn.events.targets import TargetSelection
from fpga_gnn.events.view import Detector, detector_of
from fpga_gnn.files import sha256_of
from fpga_gnn.graphs.construction import HitGraph, ModuleMapConstruction
from fpga_gnn.graphs.graph import graph_of_edges
from fpga_gnn.graphs.hits import quantize_hits
from fpga_gnn.models.scoring import probability, student_scores, to_integers
from fpga_gnn.tracks.builder import BUILDERS, builder
from fpga_gnn.tracks.metrics import TrackSelection
from fpga_gnn.training.config import Runtime
from fpga_gnn.training.data import graph_inputs
from fpga_gnn.training.run import RUN_FILE, STUDENT_FILE, Run, default_run, load_run
from fpga_gnn.training.teacher import Scorer
from fpga_gnn.training.teacher_data import teacher_inputs
from fpga_gnn.training.teacher_run import (
    NETWORK_FILE,
    TEACHER_FILE,
    Teacher,
    default_teacher,
    load_teacher,
)


class EdgeModel(Protocol):
    """What evaluation and benchmark ask of a model; ``builders`` are settings by builder name."""

    @property
    def kind(self) -> str:
        """``teacher`` or ``student``."""

    @property
    def detector(self) -> Detector:
        """The hits it was trained on."""

    @property
    def seen(self) -> frozenset[str]:
        """Hashes (``EventView.hashes``) of the events that it comes from."""

    @property
    def targets(self) -> TargetSelection:
        """The particles it was trained to find."""

    @property
    def tracks(self) -> TrackSelection:
        """Cuts on tracks."""

    @property
    def builders(self) -> dict[str, dict[str, Any]]:
        """Track builders with cuts on the edge probability."""

    @property
    def construction_name(self) -> str:
        """How it makes graphs."""

    def graph(self, event: Event) -> HitGraph:
        """Return the candidate graph of ``event``."""

    def logits(self, event: Event, graph: HitGraph) -> NDArray[np.float64]:
        """Return one logit per edge [E] of ``graph``."""

    def labels(self, name: str, graph: HitGraph, logits: NDArray[np.float64]) -> Int64:
        """Return the track of each node [N] by the builder ``name``, -1 for none."""


@dataclass(frozen=True, eq=False)
class TeacherModel:
    """A teacher and how to run it."""

    teacher: Teacher
    scorer: Scorer

    kind = "teacher"

    @property
    def detector(self) -> Detector:
        return self.teacher.info.detector

    @property
    def seen(self) -> frozenset[str]:
        return self.teacher.seen

    @property
    def targets(self) -> TargetSelection:
        return self.teacher.info.training.selection

    @property
    def tracks(self) -> TrackSelection:
        return self.teacher.info.tracks

    @property
    def builders(self) -> dict[str, dict[str, Any]]:
        points = self.teacher.info.builders
        return {name: points[name].settings for name in BUILDERS if name in points}

    @property
    def construction_name(self) -> str:
        return self.teacher.construction.name

    def graph(self, event: Event) -> HitGraph:
        return self.teacher.construction(event)

    def logits(self, event: Event, graph: HitGraph) -> NDArray[np.float64]:
        inputs = teacher_inputs(event, graph, self.teacher.info.training)
        return self.scorer.logits(inputs).double().numpy()

    def labels(self, name: str, graph: HitGraph, logits: NDArray[np.float64]) -> Int64:
        build = builder(name, **self.builders[name])
        return build.labels(graph.n_nodes, graph.src, graph.dst, probability(logits))


@dataclass(frozen=True, eq=False)
class StudentModel:
    """A quantized student with its module map."""

    run: Run

    kind = "student"

    @property
    def detector(self) -> Detector:
        return detector_of(self.run.module_map.modules)

    @property
    def seen(self) -> frozenset[str]:
        return self.run.seen

    @property
    def targets(self) -> TargetSelection:
        return self.run.info.training.selection

    @property
    def tracks(self) -> TrackSelection:
        return TrackSelection(min_hits=self.run.info.training.min_track_hits)

    @property
    def builders(self) -> dict[str, dict[str, Any]]:
        points = self.run.info.builders
        return {name: points[name].settings for name in BUILDERS if name in points}

    @property
    def construction_name(self) -> str:
        return self._construction.name

    @property
    def _construction(self) -> ModuleMapConstruction:
        return ModuleMapConstruction(self.run.module_map, self.run.contract)

    def graph(self, event: Event) -> HitGraph:
        return self._construction(event)

    def logits(self, event: Event, graph: HitGraph) -> NDArray[np.float64]:
        hits = quantize_hits(event, self.run.module_map.modules, self.run.contract)
        integers = graph_of_edges(hits.records, graph.src, graph.dst, self.run.contract)
        inputs = graph_inputs(integers, self.run.contract)
        score = self.run.grid.score
        return score.to_float(student_scores(self.run.student, inputs, score))

    def labels(self, name: str, graph: HitGraph, logits: NDArray[np.float64]) -> Int64:
        scores = self.run.builder_scores(name, to_integers(logits, self.run.grid.score))
        return self.run.builder(name).labels(graph.n_nodes, graph.src, graph.dst, scores)


def model_folder(name: str) -> Path:
    """Return the folder of the shipped ``teacher`` or ``student``, or ``name`` as a path."""
    shipped = {"teacher": default_teacher(), "student": default_run()}
    return shipped.get(name, Path(name))


def weights_sha256(folder: Path) -> str:
    """Return the hash of the weights' file of the teacher or student in ``folder``."""
    teacher = (folder / TEACHER_FILE).is_file()
    return sha256_of(folder / (NETWORK_FILE if teacher else STUDENT_FILE))


def load_model(folder: Path, runtime: Runtime) -> EdgeModel:
    """Read a teacher or a student; ``InputError`` if ``folder`` holds neither."""
    if (folder / TEACHER_FILE).is_file():
        teacher = load_teacher(folder, runtime.device)
        return TeacherModel(teacher, Scorer(teacher.network, runtime))
    if (folder / RUN_FILE).is_file():
        return StudentModel(load_run(folder))
    hint = "run fpga-gnn train-teacher or fpga-gnn train"
    raise InputError(folder, f"neither {TEACHER_FILE} nor {RUN_FILE}", "a trained model", hint)
