"""One training run from events to a saved model with its quality on held-out events."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fpga_gnn.contract import Contract
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.events.event import Event
from fpga_gnn.events.split import split_ids
from fpga_gnn.events.store import EventStore
from fpga_gnn.graphs.map_learning import learn_module_map
from fpga_gnn.graphs.map_settings import MapSettings
from fpga_gnn.graphs.module_map import ModuleMap
from fpga_gnn.models.scoring import student_scores
from fpga_gnn.tracks.edge_metrics import EdgeSummary, summarize_edges
from fpga_gnn.tracks.metrics import TrackSummary
from fpga_gnn.training.config import TrainingConfig
from fpga_gnn.training.data import LabelledGraph, graph_inputs, labelled_graphs
from fpga_gnn.training.loop import Progress, Trainer
from fpga_gnn.training.run import Run, RunInfo, save_run
from fpga_gnn.training.working_point import choose_cut, track_quality


def learn_training_map(
    contract: Contract,
    config: TrainingConfig,
    store: EventStore,
    extra: EventStore | None,
    progress: Callable[[int, int], None],
) -> ModuleMap:
    """Learn a module map, windows pooled by layer, from the training split of ``store``.

    ``extra`` is a sample of which all events may be learned from.
    """
    split = split_ids(store.event_ids, store.path)
    sources = [(store, split.train), *([(extra, extra.event_ids)] if extra else [])]
    total = sum(len(ids) for _, ids in sources)

    def events() -> Iterator[Event]:
        done = 0
        for source, ids in sources:
            for event_id in ids:
                yield source.read(event_id)
                done += 1
                progress(done, total)

    origin = {"events": store.origin, "ids": split.train, "extra": extra.origin if extra else None}
    return learn_module_map(
        events(), contract, config.selection, MapSettings(pooling="layer"), dict(origin)
    )


def train_run(
    contract: Contract,
    config: TrainingConfig,
    store: EventStore,
    module_map: ModuleMap,
    folder: Path,
    *,
    building: Callable[[int, int], None],
    training: Progress,
) -> Run:
    """Train on the training split of ``store``; report quality on its test split.

    Writes the run into ``folder``, resuming an interrupted one. ``building`` is called with
    graphs built and their total, ``training`` with each epoch's row.
    """
    split = split_ids(store.event_ids, store.path)
    n_built, n_events = 0, len(store.event_ids)

    def graphs(ids: Sequence[int]) -> list[LabelledGraph]:
        nonlocal n_built
        built = []
        events = (store.read(i) for i in ids)
        for graph in labelled_graphs(events, module_map, contract, config.selection):
            built.append(graph)
            n_built += 1
            building(n_built, n_events)
        return built

    train, validation, test = graphs(split.train), graphs(split.validation), graphs(split.test)
    folder.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(contract, config, train, validation, folder)
    student = trainer.run(training)
    score = student.integer_network().score

    def scores(of: Sequence[LabelledGraph]) -> list[Int64]:
        return [student_scores(student, graph_inputs(g.graph, contract), score) for g in of]

    validation_scores = scores(validation)
    cut = choose_cut(validation, validation_scores, config.min_track_hits, config.selection)
    quality = {
        name: _quality(part, found, cut, config)
        for name, part, found in (
            ("validation", validation, validation_scores),
            ("test", test, scores(test)),
        )
    }
    run = Run(
        contract,
        module_map,
        student,
        RunInfo(
            contract_sha256=contract.sha256,
            training=config,
            events={"origin": store.origin, **asdict(split)},
            score_cut=cut,
            history=trainer.history,
            quality=quality,
        ),
    )
    save_run(run, folder)
    return run


def _quality(
    graphs: Sequence[LabelledGraph], scores: Sequence[Int64], cut: int, config: TrainingConfig
) -> dict[str, Any]:
    edges = summarize_edges(scores, [g.labels for g in graphs], cut)
    tracks = track_quality(graphs, scores, cut, config.min_track_hits, config.selection)
    return quality_row(edges, tracks)


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
