from __future__ import annotations

import numpy as np
import pytest

from fpga_gnn.events.targets import TargetSelection
from fpga_gnn.graphs.truth import label_edges
from fpga_gnn.tracks.builder import build_tracks
from fpga_gnn.tracks.candidates import Tracks
from fpga_gnn.tracks.metrics import match_tracks, summarize
from fpga_gnn.training.data import LabelledGraph
from fpga_gnn.training.working_point import choose_cut, track_quality

TARGETS = TargetSelection()


@pytest.fixture
def labelled(make_event, make_event_graph):
    """Return labelled(owners, edges): the nodes are the hits in their order."""

    def make(owners, edges):
        event, graph = make_event(owners), make_event_graph(range(len(owners)), edges)
        rows, src, dst = graph.hits.rows, graph.graph.src, graph.graph.dst
        return LabelledGraph(event, graph, label_edges(event, TARGETS, rows, src, dst))

    return make


@pytest.fixture
def two_tracks(labelled):
    """Hits 0-2 and 3-5 are tracks; edge 2 would merge them."""
    return labelled([1, 1, 1, 2, 2, 2], [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)])


def figure(graphs, scores, cut):
    quality = track_quality(graphs, scores, cut, 3, TARGETS)
    return quality.efficiency * (1 - quality.fake_rate)


def test_quality_is_that_of_the_tracks_at_the_cut(two_tracks):
    scores = np.array([10, 10, -10, 10, 10])
    for cut in (-20, 0, 20):
        tracks = build_tracks(two_tracks.event_graph, scores, cut, 3)
        expected = summarize([match_tracks(two_tracks.event, Tracks.from_labels(tracks), TARGETS)])
        found = track_quality([two_tracks], [scores], cut, 3, TARGETS)
        assert repr(found) == repr(expected)
    assert track_quality([two_tracks] * 2, [scores] * 2, 0, 3, TARGETS).n_found == 4


def test_the_cut_separates_true_from_merging_edges(two_tracks):
    scores = np.array([40, 50, 10, 60, 45])
    cut = choose_cut([two_tracks], [scores], 3, TARGETS)
    assert isinstance(cut, int)
    assert figure([two_tracks], [scores], cut) == 1
    assert 10 <= cut < 40


def test_the_lowest_of_equal_cuts_wins(labelled):
    # scores 0..32 make every integer a candidate; 8 is the first that drops the merging edge
    owners = [1, 1, 1, 2, 2, 2, 0]
    graphs = [labelled(owners, [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6)])]
    scores = [np.array([32, 20, 8, 21, 27, 0])]
    assert [figure(graphs, scores, cut) for cut in (7, 8, 19, 20)] == [0, 1, 1, 0.5]
    assert choose_cut(graphs, scores, 3, TARGETS) == 8


def test_the_cut_is_chosen_over_all_graphs(two_tracks, labelled):
    chain = labelled([1, 1, 1], [(0, 1), (1, 2)])
    graphs, scores = [two_tracks, chain], [np.array([32, 32, 20, 32, 0]), np.array([16, 32])]
    figures = [np.nan_to_num(figure(graphs, scores, cut)) for cut in range(33)]
    assert choose_cut(graphs, scores, 3, TARGETS) == int(np.argmax(figures))


def test_scores_without_any_track_give_the_lowest_cut(labelled):
    noise = labelled([0, 0, 0], [(0, 1), (1, 2)])
    assert choose_cut([noise], [np.array([3, 7])], 3, TARGETS) == 3


def test_equal_scores_have_one_cut(two_tracks):
    assert choose_cut([two_tracks], [np.full(5, -4)], 3, TARGETS) == -4
