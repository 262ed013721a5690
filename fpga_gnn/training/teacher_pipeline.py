"""One teacher from events to a saved model with its working points."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fpga_gnn.errors import CapacityError
from fpga_gnn.events.view import EventView
from fpga_gnn.graphs.construction import GraphConstruction
from fpga_gnn.tracks.builder import BUILDERS
from fpga_gnn.tracks.metrics import TrackSelection
from fpga_gnn.training.config import Runtime, TeacherConfig
from fpga_gnn.training.construction import Construction, save_construction
from fpga_gnn.training.teacher import Progress, Scorer, TeacherTrainer
from fpga_gnn.training.teacher_data import (
    PartitionedExample,
    teacher_graph,
    teacher_graphs,
    teacher_inputs,
)
from fpga_gnn.training.teacher_run import Teacher, TeacherInfo, save_teacher
from fpga_gnn.training.track_points import ScoredGraph, working_points

Count = Callable[[int, int], None]
_TRACKS = TrackSelection()


@dataclass(frozen=True)
class TeacherProgress:
    """Callbacks of the long steps: done and total, or an epoch's row."""

    graphs: Count
    steps: Count
    epoch: Progress
    cuts: Count


def train_teacher(
    config: TeacherConfig,
    runtime: Runtime,
    construction: GraphConstruction,
    kind: Construction,
    train: Sequence[EventView],
    validation: EventView,
    folder: Path,
    *,
    n_monitored: int,
    progress: TeacherProgress,
    tracks: TrackSelection = _TRACKS,
) -> Teacher:
    """Train on ``train``, choose epoch and cuts on ``validation``; write into ``folder``.

    The first ``n_monitored`` validation events are scored after every epoch, all of them choose
    the cuts of the track builders. An interrupted training in ``folder`` goes on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    total = sum(len(view) for view in train) + min(n_monitored, len(validation))
    examples = []
    n_unplaced = 0
    for event in (event for view in train for event in view):
        example = PartitionedExample(teacher_graph(event, construction, config), event, config)
        n_unplaced += example.n_unplaced
        examples.append(example)
        progress.graphs(len(examples), total)
    if n_unplaced:
        raise CapacityError(
            f"{n_unplaced} training edges have a neighbourhood of more than "
            f"{config.partition_edges} edges; raise partition_edges or lower halo_hops"
        )
    monitored = list(
        teacher_graphs(map(validation.read, validation.ids[:n_monitored]), construction, config)
    )
    progress.graphs(total, total)
    record = _events(train, validation)
    key = json.dumps([config.model_dump(mode="json"), record, kind], sort_keys=True)
    trainer = TeacherTrainer(config, runtime, examples, monitored, folder, key)
    network = trainer.run(progress.epoch, progress.steps)
    info = TeacherInfo(
        detector=validation.detector,
        graph=kind,
        training=config,
        runtime=runtime,
        events=record,
        history=trainer.history,
        tracks=tracks,
        builders=working_points(
            score_events(Scorer(network, runtime), construction, config, validation),
            list(BUILDERS),
            tracks,
            config.selection,
            progress.cuts,
        ),
    )
    save_construction(construction, folder)
    save_teacher(network, info, folder)
    return Teacher(network, construction, info)


def score_events(
    scorer: Scorer, construction: GraphConstruction, config: TeacherConfig, view: EventView
) -> list[ScoredGraph]:
    """Return graphs and edge probabilities of all events of ``view``."""
    scored = []
    for event in view:
        graph = construction(event)
        logits = scorer.logits(teacher_inputs(event, graph, config)).double()
        scored.append(ScoredGraph(event, graph, logits.sigmoid().numpy()))
    return scored


def _events(train: Sequence[EventView], validation: EventView) -> dict[str, Any]:
    return {"train": [view.record for view in train], "validation": validation.record}
