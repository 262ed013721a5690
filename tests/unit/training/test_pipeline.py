"""From events to a saved run: who learns from which events, and what the quality rows count."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
import torch

from fpga_gnn.errors import InputError
from fpga_gnn.events.sample import sample_store
from fpga_gnn.events.split import split_ids
from fpga_gnn.events.store import EventStore
from fpga_gnn.events.view import EventView
from fpga_gnn.files import sha256_of
from fpga_gnn.graphs.truth import label_edges
from fpga_gnn.models.scoring import probability, student_scores
from fpga_gnn.tracks.edge_metrics import summarize_edges
from fpga_gnn.tracks.metrics import TrackSelection, TrackSummary
from fpga_gnn.training.checkpoint import load_tensors
from fpga_gnn.training.config import Runtime, TrainingConfig
from fpga_gnn.training.data import graph_inputs, labelled_graph
from fpga_gnn.training.distillation import Distiller
from fpga_gnn.training.pipeline import (
    TrainingEvents,
    TrainingProgress,
    learn_training_map,
    quality_row,
    train_run,
)
from fpga_gnn.training.run import FLOAT_FILE, load_run
from fpga_gnn.training.teacher_run import NETWORK_FILE, TEACHER_FILE
from fpga_gnn.training.track_points import (
    ScoredGraph,
    n_settings,
    track_summary,
    working_points,
)

CONFIG = TrainingConfig(float_epochs=3, qat_epochs=2, batch_edges=1024)
BUILDERS = ("cc", "dwalk")


class Calls:
    """What the callbacks of a training were told."""

    def __init__(self):
        self.graphs, self.steps, self.rows, self.cuts = [], [], [], []

    @property
    def progress(self):
        return TrainingProgress(
            graphs=lambda *n: self.graphs.append(n),
            steps=lambda *n: self.steps.append(n),
            epoch=self.rows.append,
            cuts=lambda *n: self.cuts.append(n),
        )


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Four shipped events: 0 and 1 train, 2 validates, 3 tests."""
    store = EventStore.create(tmp_path_factory.mktemp("events"), {"made": "for a test"})
    for event_id in range(4):
        store.write(sample_store().read(event_id))
    return store


@pytest.fixture(scope="module")
def events(store):
    return TrainingEvents.split(store, "pixel")


@pytest.fixture(scope="module")
def learned(contract, events):
    return learn_training_map(contract, CONFIG, events.train, lambda done, total: None)


@pytest.fixture(scope="module")
def train(contract, events, learned):
    def run(folder, config=CONFIG, on=events, **options):
        calls = Calls()
        options = {"builders": BUILDERS, "progress": calls.progress} | options
        return train_run(contract, config, on, learned, folder, **options), calls

    return run


@pytest.fixture(scope="module")
def trained(train, tmp_path_factory):
    """The run, its folder and what the callbacks were told."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    run, calls = train(folder)
    return run, folder, calls


def scored(run, event):
    """The labelled graph of ``event`` and what the student says of its edges."""
    config, score = run.info.training, run.student.integer_network().score
    labelled = labelled_graph(event, run.module_map, run.contract, config.selection)
    scores = student_scores(run.student, graph_inputs(labelled.graph, run.contract), score)
    return labelled, scores, probability(score.to_float(scores))


def test_a_store_is_split(events):
    assert [view.ids for view in events.train] == [(0, 1)]
    assert (events.validation.ids, events.test.ids) == ((2,), (3,))


def test_a_map_of_events_held_out_is_refused(events, learned):
    events.require_unseen(learned, "map")
    seen = learned.info.model_copy(update={"source": {"events": events.test.record}})
    message = "map: found a map learned from 1 of the 1 events held out.*leave out --module-map"
    with pytest.raises(InputError, match=message):
        events.require_unseen(dataclasses.replace(learned, info=seen), "map")
    events = dataclasses.replace(events, test=None)
    events.require_unseen(dataclasses.replace(learned, info=seen), "map")


def test_a_run_has_seen_what_network_cuts_and_map_come_from(trained, events):
    run, _, _ = trained
    seen = {*events.train[0].hashes, *events.validation.hashes}
    assert run.seen == seen
    (held_out,) = events.test.hashes
    map_info = run.module_map.info.model_copy(update={"source": {"sources": [events.test.record]}})
    other = dataclasses.replace(run, module_map=dataclasses.replace(run.module_map, info=map_info))
    assert other.seen == seen | {held_out}


@pytest.mark.parametrize("with_extra", [False, True])
def test_the_map_is_learned_from_all_events_of_its_sources(contract, store, events, with_extra):
    calls = []
    sources = [*events.train, *([EventView.of(store, "pixel")] if with_extra else [])]
    learned = learn_training_map(contract, CONFIG, sources, lambda *n: calls.append(n))
    n_events = 2 + 4 * with_extra
    assert learned.info.n_events == n_events
    assert calls == [(i, n_events) for i in range(1, n_events + 1)]
    assert [list(part["ids"]) for part in learned.info.source["sources"]] == (
        [[0, 1], [0, 1, 2, 3]] if with_extra else [[0, 1]]
    )
    assert learned.info.pooling == "layer"


def test_callbacks_count_graphs_steps_epochs_and_cuts(trained):
    _, _, calls = trained
    assert calls.graphs == [(i, 3) for i in range(1, 4)]
    total = calls.steps[-1][1]
    assert calls.steps == [(i, total) for i in range(1, total + 1)]
    assert [row["phase"] for row in calls.rows] == ["float"] * 3 + ["qat"] * 2
    assert calls.cuts[-1] == (n_settings(BUILDERS),) * 2


def test_what_is_returned_is_what_is_on_disk(trained, events):
    run, folder, calls = trained
    loaded = load_run(folder)
    assert loaded.info.quality == run.info.quality
    assert [row["loss"] for row in loaded.info.history] == [row["loss"] for row in calls.rows]
    assert loaded.info.events == events.record
    assert [part["ids"] for part in loaded.info.events["train"]] == [[0, 1]]
    assert loaded.info.events["test"]["origin"] == {"made": "for a test"}
    assert (loaded.info.teacher_sha256, loaded.info.start_sha256) == (None, None)


def test_quality_is_that_of_the_saved_student_on_held_out_events(trained, store):
    _, folder, _ = trained
    run = load_run(folder)
    for name, event_id in (("validation", 2), ("test", 3)):
        event = store.read(event_id)
        labelled, scores, probabilities = scored(run, event)
        graph = labelled.hit_graph
        labels = label_edges(event, CONFIG.selection, graph.rows, graph.src, graph.dst)
        settings = run.info.builders["cc"].settings
        edges = summarize_edges([probabilities], [labels], settings["cut"])
        item = ScoredGraph(event, graph, probabilities)
        tracks = track_summary("cc", settings, [item], CONFIG.selection)
        assert run.info.quality[name] == quality_row(edges, tracks)
        assert run.info.quality[name]["events"] == 1
        assert run.info.quality[name]["edges"] == labelled.graph.n_edges
        assert np.array_equal(scores > run.score_cut, probabilities > settings["cut"])


def test_cuts_are_the_best_of_the_validation_event(trained, store):
    run, _, _ = trained
    event = store.read(2)
    labelled, _, probabilities = scored(run, event)
    item = ScoredGraph(event, labelled.hit_graph, probabilities)
    tracks = TrackSelection(min_hits=CONFIG.min_track_hits)
    assert run.info.builders == working_points([item], BUILDERS, tracks, CONFIG.selection)
    assert tuple(run.info.builders) == BUILDERS


def test_without_test_events_the_report_is_of_validation(train, events, tmp_path):
    config = CONFIG.model_copy(update={"float_epochs": 1, "qat_epochs": 0, "monitored": 9})
    run, calls = train(tmp_path / "run", config, dataclasses.replace(events, test=None))
    assert list(run.info.quality) == ["validation"]
    assert run.info.events["test"] is None
    assert calls.graphs[-1] == (3, 3)


def test_a_run_begins_with_the_float_network_of_another(train, trained, tmp_path):
    _, first, _ = trained
    nothing = CONFIG.model_copy(update={"float_epochs": 0, "qat_epochs": 0})
    with pytest.raises(InputError, match="no epoch and no float network to start from"):
        train(tmp_path / "nothing", nothing)
    config = CONFIG.model_copy(update={"float_epochs": 0, "qat_epochs": 2})
    run, calls = train(tmp_path / "run", config, start=first)
    assert run.info.start_sha256 == sha256_of(first / FLOAT_FILE)
    assert [row["phase"] for row in calls.rows] == ["qat"] * 2
    one, two = (load_tensors(folder / FLOAT_FILE)[0] for folder in (first, tmp_path / "run"))
    assert all(torch.equal(one[name], two[name]) for name in one.keys() | two.keys())
    student = load_run(first).student.state_dict()
    assert all(torch.equal(v, run.student.state_dict()[k]) for k, v in student.items())


def test_a_float_network_that_cannot_start_leaves_no_folder(train, trained, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"float\.safetensors: found No such file"):
        train(tmp_path / "run", start=tmp_path / "empty")
    other = CONFIG.model_copy(update={"batch_norm": False})
    with pytest.raises(InputError, match="float network to start from"):
        train(tmp_path / "run", other, start=trained[1])
    assert not (tmp_path / "run").exists()


def test_a_distilled_run_knows_its_teacher(train, trained, teacher_folder, tmp_path):
    distiller = Distiller(teacher_folder, tmp_path / "cache", Runtime())
    run, calls = train(tmp_path / "run", distiller=distiller)
    assert run.info.teacher_sha256 == sha256_of(teacher_folder / NETWORK_FILE)
    assert calls.rows[0]["loss"] != trained[2].rows[0]["loss"]
    # two training events and the components; validation has no teacher
    assert len(list((tmp_path / "cache").rglob("*.safetensors"))) == 3
    with pytest.raises(InputError, match="a run with other settings"):
        train(tmp_path / "run")


def test_a_teacher_of_another_detector_is_refused(train, teacher_folder, tmp_path):
    full = tmp_path / "teacher"
    full.mkdir()
    for path in teacher_folder.iterdir():
        (full / path.name).symlink_to(path)
    record = json.loads((teacher_folder / TEACHER_FILE).read_text()) | {"detector": "full"}
    (full / TEACHER_FILE).unlink()
    (full / TEACHER_FILE).write_text(json.dumps(record))
    distiller = Distiller(full, tmp_path / "cache", Runtime())
    with pytest.raises(InputError, match="teacher: found one of full hits, expected one of pixel"):
        train(tmp_path / "run", distiller=distiller)
    assert not (tmp_path / "run").exists()


def test_quality_rows_keep_counts_and_turn_nan_into_none(graphs):
    labels = [graph.labels for graph in graphs]
    edges = summarize_edges([np.zeros(graph.graph.n_edges) for graph in graphs], labels, cut=0.0)
    row = quality_row(edges, TrackSummary(3, 0, 0, 0, 0, 5, 0, 0))
    assert math.isnan(edges.purity)
    assert row["edge_purity"] is None
    assert row["track_efficiency"] is None
    assert row["duplicate_rate"] is None
    assert (row["events"], row["targets"], row["tracks"], row["fake_rate"]) == (3, 0, 5, 1.0)
    assert row["edges"] == sum(graph.graph.n_edges for graph in graphs)
    assert (row["edge_efficiency"], row["edge_auc"]) == (0.0, 0.5)
    json.dumps(row, allow_nan=False)


def test_two_events_cannot_be_split(tmp_path):
    store = EventStore.create(tmp_path / "events", {})
    for event_id in (0, 1):
        store.write(sample_store().read(event_id))
    with pytest.raises(InputError, match="found 2 events, expected at least 3"):
        split_ids(store.event_ids, store.path)
