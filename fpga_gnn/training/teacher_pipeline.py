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
from fpga_gnn.training.distributed import by_turns, leave_to_main, require_enough_work
from fpga_gnn.training.teacher import Progress, Scorer, TeacherTrainer
from fpga_gnn.training.teacher_data import (
    PartitionedExample,
    teacher_graph,
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
    the cuts of the track builders. An interrupted training in ``folder`` goes on. The ranks of a
    group train together; then the others leave, and the main one chooses cuts and writes.
    """
    require_enough_work(config.partitions_per_step, "--partitions-per-step")
    folder.mkdir(parents=True, exist_ok=True)
    total = sum(len(view) for view in train) + min(n_monitored, len(validation))

    def example(source: tuple[EventView, int]) -> PartitionedExample:
        view, event_id = source
        event = view.read(event_id)
        return PartitionedExample(teacher_graph(event, construction, config), event, config)

    examples = []
    for made in by_turns(example, [(view, i) for view in train for i in view.ids]):
        examples.append(made)
        progress.graphs(len(examples), total)
    n_unplaced = sum(cut.n_unplaced for cut in examples)
    if n_unplaced:
        raise CapacityError(
            f"{n_unplaced} training edges have a neighbourhood of more than "
            f"{config.partition_edges} edges; raise partition_edges or lower halo_hops"
        )
    monitored = list(
        by_turns(
            lambda event_id: teacher_graph(validation.read(event_id), construction, config),
            validation.ids[:n_monitored],
        )
    )
    progress.graphs(total, total)
    record = _events(train, validation)
    key = json.dumps([config.model_dump(mode="json"), record, kind], sort_keys=True)
    trainer = TeacherTrainer(config, runtime, examples, monitored, folder, key)
    network = trainer.run(progress.epoch, progress.steps)
    leave_to_main()
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
