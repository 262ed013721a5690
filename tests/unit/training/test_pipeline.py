"""From events to a saved run: who learns from which events, and what the quality rows count."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from fpga_gnn.errors import InputError
from fpga_gnn.events.sample import sample_store
from fpga_gnn.events.split import split_ids
from fpga_gnn.events.store import EventStore
from fpga_gnn.graphs.truth import label_edges
from fpga_gnn.models.scoring import student_scores
from fpga_gnn.tracks.edge_metrics import summarize_edges
from fpga_gnn.tracks.metrics import TrackSummary
from fpga_gnn.training.config import TrainingConfig
from fpga_gnn.training.data import graph_inputs, labelled_graphs
from fpga_gnn.training.pipeline import learn_training_map, quality_row, train_run
from fpga_gnn.training.run import load_run
from fpga_gnn.training.working_point import choose_cut, track_quality

CONFIG = TrainingConfig(float_epochs=3, qat_epochs=2)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Four shipped events: 0 and 1 train, 2 validates, 3 tests."""
    store = EventStore.create(tmp_path_factory.mktemp("events"), {"made": "for a test"})
    for event_id in range(4):
        store.write(sample_store().read(event_id))
    return store


@pytest.fixture(scope="module")
def trained(contract, store, tmp_path_factory):
    """The run, its folder and what the callbacks were told."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    learned = learn_training_map(contract, CONFIG, store, None, lambda done, total: None)
    built, rows = [], []
    run = train_run(
        contract,
        CONFIG,
        store,
        learned,
        folder,
        building=lambda done, total: built.append((done, total)),
        training=rows.append,
    )
    return run, folder, built, rows


@pytest.mark.parametrize("with_extra", [False, True])
def test_the_map_is_learned_from_training_events_only(contract, store, with_extra):
    calls = []
    learned = learn_training_map(
        contract, CONFIG, store, store if with_extra else None, lambda *n: calls.append(n)
    )
    n_events = 2 + 4 * with_extra
    assert learned.info.n_events == n_events
    assert calls == [(i, n_events) for i in range(1, n_events + 1)]
    assert list(learned.info.source["ids"]) == [0, 1]
    assert learned.info.pooling == "layer"


def test_callbacks_count_graphs_and_epochs(trained):
    _, _, built, rows = trained
    assert built == [(i, 4) for i in range(1, 5)]
    assert [row["phase"] for row in rows] == ["float"] * 3 + ["qat"] * 2


def test_what_is_returned_is_what_is_on_disk(trained):
    run, folder, _, rows = trained
    loaded = load_run(folder)
    assert loaded.info.quality == run.info.quality
    assert [row["loss"] for row in loaded.info.history] == [row["loss"] for row in rows]
    assert loaded.info.events == {
        "origin": {"made": "for a test"},
        "train": [0, 1],
        "validation": [2],
        "test": [3],
    }


def test_quality_is_that_of_the_saved_student_on_held_out_events(trained, store, contract):
    _, folder, _, _ = trained
    run = load_run(folder)
    score = run.student.integer_network().score
    for name, event_id in (("validation", 2), ("test", 3)):
        event = store.read(event_id)
        (graph,) = labelled_graphs([event], run.module_map, contract, CONFIG.selection)
        scores = student_scores(run.student, graph_inputs(graph.graph, contract), score)
        rows = graph.event_graph.hits.rows
        labels = label_edges(event, CONFIG.selection, rows, graph.graph.src, graph.graph.dst)
        cut = run.info.score_cut
        edges = summarize_edges([scores], [labels], cut)
        tracks = track_quality([graph], [scores], cut, CONFIG.min_track_hits, CONFIG.selection)
        assert run.info.quality[name] == quality_row(edges, tracks)
        assert run.info.quality[name]["events"] == 1
        assert run.info.quality[name]["edges"] == graph.graph.n_edges


def test_the_cut_is_the_best_of_the_validation_event(trained, store, contract):
    run, _, _, _ = trained
    graphs = list(labelled_graphs([store.read(2)], run.module_map, contract, CONFIG.selection))
    score = run.student.integer_network().score
    scores = [student_scores(run.student, graph_inputs(graphs[0].graph, contract), score)]
    arguments = (CONFIG.min_track_hits, CONFIG.selection)

    def figure(cut):
        quality = track_quality(graphs, scores, cut, *arguments)
        return np.nan_to_num(quality.efficiency * (1 - quality.fake_rate))

    assert run.info.score_cut == choose_cut(graphs, scores, *arguments)
    tried = np.linspace(scores[0].min(), scores[0].max(), 9).astype(int)
    assert figure(run.info.score_cut) > 0
    assert all(figure(run.info.score_cut) >= figure(cut) for cut in tried)


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
