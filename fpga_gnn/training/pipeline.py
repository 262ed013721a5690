"""One training run from events to a saved model with its quality on held-out events."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fpga_gnn.contract import Contract
from fpga_gnn.errors import InputError
from fpga_gnn.events.event import Event
from fpga_gnn.events.split import split_ids
from fpga_gnn.events.store import EventStore
from fpga_gnn.events.view import Detector, EventView, recorded_hashes
from fpga_gnn.files import sha256_of
from fpga_gnn.graphs.map_learning import learn_module_map
from fpga_gnn.graphs.map_settings import MapSettings
from fpga_gnn.graphs.module_map import ModuleMap
from fpga_gnn.graphs.truth import EdgeLabels
from fpga_gnn.models.scoring import student_scores
from fpga_gnn.models.student import Student
from fpga_gnn.tracks.builder import BUILDERS
from fpga_gnn.tracks.edge_metrics import EdgeSummary, summarize_edges
from fpga_gnn.tracks.metrics import TrackSelection, TrackSummary
from fpga_gnn.training.checkpoint import load_tensors, save_tensors
from fpga_gnn.training.config import TrainingConfig
from fpga_gnn.training.data import Example, clipped_shares, graph_inputs, labelled_graph
from fpga_gnn.training.distillation import Distiller
from fpga_gnn.training.distributed import by_turns, leave_to_main, require_enough_work
from fpga_gnn.training.loop import Count, Progress, Trainer
from fpga_gnn.training.run import FLOAT_FILE, Run, RunInfo, save_run
from fpga_gnn.training.track_points import ScoredGraph, track_summary, working_points


@dataclass(frozen=True)
class TrainingEvents:
    """Events to learn from, to choose epoch and cuts on, and to report on (None: on no others)."""

    train: Sequence[EventView]
    validation: EventView
    test: EventView | None

    @classmethod
    def split(cls, store: EventStore, detector: Detector) -> TrainingEvents:
        """Split one store as ``events.split`` does."""
        split = split_ids(store.event_ids, store.path)
        train, validation, test = (
            EventView(store, ids, detector) for ids in (split.train, split.validation, split.test)
        )
        return cls([train], validation, test)

    def require_unseen(self, module_map: ModuleMap, where: object) -> None:
        """Raise ``InputError``, naming ``where``, for a map learned from test events."""
        if self.test:
            unseen = self.test.without(recorded_hashes(module_map.info.source))
            if n_seen := len(self.test) - len(unseen):
                raise InputError(
                    where,
                    f"a map learned from {n_seen} of the {len(self.test)} events held out",
                    "one of other events",
                    "leave out --module-map, or use --validation",
                )

    @property
    def record(self) -> dict[str, Any]:
        """What the run keeps of its events."""
        return {
            "train": [view.record for view in self.train],
            "validation": self.validation.record,
            "test": self.test.record if self.test else None,
        }


@dataclass(frozen=True)
class TrainingProgress:
    """Callbacks of the long steps: done and total, or an epoch's row."""

    graphs: Count
    steps: Count
    epoch: Progress
    cuts: Count


def learn_training_map(
    contract: Contract,
    config: TrainingConfig,
    sources: Sequence[EventView],
    progress: Callable[[int, int], None],
) -> ModuleMap:
    """Learn a module map, windows pooled by layer, from all events of ``sources``."""
    total = sum(len(view) for view in sources)

    def events() -> Iterator[Event]:
        for done, event in enumerate((event for view in sources for event in view), start=1):
            yield event
            progress(done, total)

    return learn_module_map(
        events(),
        contract,
        config.selection,
        MapSettings(pooling="layer"),
        {"sources": [view.record for view in sources]},
    )


_Source = tuple[EventView, int, Distiller | None]
"""An event to make an example of, and the teacher that says something about it."""


def train_run(
    contract: Contract,
    config: TrainingConfig,
    events: TrainingEvents,
    module_map: ModuleMap,
    folder: Path,
    *,
    distiller: Distiller | None = None,
    start: Path | None = None,
    builders: Sequence[str] = tuple(BUILDERS),
    shared_map: bool = False,
    progress: TrainingProgress,
) -> Run:
    """Train, choose the cuts of ``builders`` on validation events, report quality.

    Writes the run into ``folder``, resuming an interrupted one. With a ``distiller`` the student
    learns from the teacher as ``config`` says. ``start`` is the folder of a run whose float network
    this training begins with. ``shared_map`` is that of ``save_run``. The ranks of a group train
    together; then the others leave, and the main one chooses cuts, reports and writes.
    """
    require_enough_work(config.sectors_per_step, "--sectors-per-step")
    weights = load_tensors(start / FLOAT_FILE)[0] if start else None
    detector = events.validation.detector
    if distiller and distiller.detector != detector:
        raise InputError("teacher", f"one of {distiller.detector} hits", f"one of {detector} hits")
    monitored_ids = events.validation.ids[: config.monitored]
    sources: list[_Source] = [(view, i, distiller) for view in events.train for i in view.ids]
    n_train = len(sources)
    sources += [(events.validation, i, None) for i in monitored_ids]

    def example(source: _Source) -> Example:
        view, event_id, teacher = source
        event = view.read(event_id)
        labelled = labelled_graph(event, module_map, contract, config.selection)
        targets = teacher.targets(event, labelled.hit_graph) if teacher else None
        return Example(labelled, contract, config.batch_edges, targets)

    examples: list[Example] = []
    for part in (sources[:1], sources[1:]):  # the teacher's components are those of the first
        for made in by_turns(example, part):
            examples.append(made)
            progress.graphs(len(examples), len(sources))
    train, monitored = examples[:n_train], examples[n_train:]
    teacher_sha256 = distiller.sha256 if distiller else None
    start_sha256 = sha256_of(start / FLOAT_FILE) if start else None
    map_info = module_map.info.model_dump(mode="json")
    key = json.dumps([events.record, teacher_sha256, start_sha256, map_info])
    trainer = Trainer(contract, config, train, monitored, folder, key, weights)
    folder.mkdir(parents=True, exist_ok=True)
    student = trainer.run(progress.epoch, progress.steps)
    leave_to_main()
    clipped = clipped_shares(train, contract)
    history, float_weights = trainer.history, trainer.float_weights
    del trainer, train, monitored, examples
    tracks = TrackSelection(min_hits=config.min_track_hits)
    validation = _scored(student, events.validation, module_map, contract, config)
    points = working_points(
        [graph for graph, _ in validation], builders, tracks, config.selection, progress.cuts
    )
    quality = {"validation": _quality(validation, points["cc"].settings, config)}
    if events.test:
        test = _scored(student, events.test, module_map, contract, config)
        quality["test"] = _quality(test, points["cc"].settings, config)
    info = RunInfo(
        contract_sha256=contract.sha256,
        training=config,
        teacher_sha256=teacher_sha256,
        start_sha256=start_sha256,
        events=events.record,
        builders=points,
        history=history,
        clipped=clipped,
        quality=quality,
    )
    run = Run(contract, module_map, student, info)
    save_tensors(folder / FLOAT_FILE, float_weights, {})
    save_run(run, folder, shared_map=shared_map)
    return run


_Scored = list[tuple[ScoredGraph, EdgeLabels]]


def _scored(
    student: Student,
    view: EventView,
    module_map: ModuleMap,
    contract: Contract,
    config: TrainingConfig,
) -> _Scored:
    score = student.integer_network().score
    scored = []
    for event in view:
        labelled = labelled_graph(event, module_map, contract, config.selection)
        scores = student_scores(student, graph_inputs(labelled.graph, contract), score)
        graph = ScoredGraph.of_logits(event, labelled.hit_graph, score.to_float(scores))
        scored.append((graph, labelled.labels))
    return scored


def _quality(scored: _Scored, settings: dict[str, Any], config: TrainingConfig) -> dict[str, Any]:
    graphs, labels = zip(*scored, strict=True)
    edges = summarize_edges([graph.score for graph in graphs], labels, settings["cut"])
    return quality_row(edges, track_summary("cc", settings, graphs, config.selection))


def quality_row(edges: EdgeSummary, tracks: TrackSummary) -> dict[str, Any]:
    """Return the figures a user reads first, with the counts behind them; NaN becomes None."""
    figures = {
        "events": tracks.n_events,
        "edges": edges.n_edges,
        "graph_efficiency": edges.graph_efficiency,
        "graph_purity": edges.graph_purity,
        "edge_efficiency": edges.efficiency,
        "edge_purity": edges.purity,
        "edge_auc": edges.auc,
        "targets": tracks.n_targets,
        "tracks": tracks.n_tracks,
        "track_efficiency": tracks.efficiency,
        "track_efficiency_two_way": tracks.efficiency_two_way,
        "fake_rate": tracks.fake_rate,
        "strict_fake_rate": tracks.strict_fake_rate,
        "duplicate_rate": tracks.duplicate_rate,
    }
    return {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in figures.items()}
