from __future__ import annotations

import numpy as np

from fpga_gnn.tracks.builder import build_tracks

EDGES = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]
SCORES = np.array([9, 5, 4, 6, 8])


def test_edges_above_the_cut_join_hits(make_event_graph):
    graph = make_event_graph(range(6), EDGES)
    assert build_tracks(graph, SCORES, 3, 1).tolist() == [0] * 6
    assert build_tracks(graph, SCORES, 4, 1).tolist() == [0, 0, 0, 1, 1, 1]
    assert build_tracks(graph, SCORES, 5, 1).tolist() == [0, 0, 1, 2, 2, 2]
    assert build_tracks(graph, SCORES, 9, 1).tolist() == [0, 1, 2, 3, 4, 5]


def test_short_tracks_are_dropped(make_event_graph):
    graph = make_event_graph(range(6), EDGES)
    assert build_tracks(graph, SCORES, 5, 2).tolist() == [0, 0, -1, 1, 1, 1]
    assert build_tracks(graph, SCORES, 5, 3).tolist() == [-1, -1, -1, 0, 0, 0]
    assert build_tracks(graph, SCORES, 5, 4).tolist() == [-1] * 6


def test_tracks_come_back_in_the_order_of_the_hits(make_event_graph):
    graph = make_event_graph([3, 5, 1, 0, 4, 2], EDGES)
    # nodes 0 1 2 | 3 4 5 are rows 3 5 1 | 0 4 2
    assert build_tracks(graph, SCORES, 4, 3).tolist() == [1, 0, 1, 0, 1, 0]


def test_graphs_without_edges_or_hits(make_event_graph):
    none = np.zeros(0, dtype=np.int64)
    assert build_tracks(make_event_graph(range(3), []), none, 0, 1).tolist() == [0, 1, 2]
    assert build_tracks(make_event_graph(range(3), []), none, 0, 2).tolist() == [-1] * 3
    assert build_tracks(make_event_graph([], []), none, 0, 1).tolist() == []


def test_edges_that_no_partition_held_pass_no_cut(make_event_graph):
    graph = make_event_graph(range(2), [(0, 1)])
    unplaced = np.array([np.iinfo(np.int64).min])
    assert build_tracks(graph, unplaced, -(1 << 40), 2).tolist() == [-1, -1]
