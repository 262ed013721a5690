from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from fpga_gnn.errors import InputError
from fpga_gnn.tracks.builder import BUILDERS, build_tracks, builder, tracks_of

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


# two chains of four, 0-2-4-6 and 1-3-5-7, that share the weak edge 2-5; node 8 has no edge
CROSSED = (
    [0, 1, 2, 2, 3, 4, 5],
    [2, 3, 4, 5, 5, 6, 7],
    [0.95, 0.95, 0.95, 0.55, 0.95, 0.95, 0.95],
)


@pytest.mark.parametrize("name", BUILDERS)
def test_walks_and_junction_removal_part_crossed_tracks(name):
    """acorn's junction removal does not: 5 has one edge out."""
    found = builder(name).labels(9, *CROSSED)
    together = [0, 0, 0, 0, 0, 0, 0, 0, -1]
    apart = [0, 1, 0, 1, 0, 1, 0, 1, -1]
    assert found.tolist() == (together if name in ("cc", "cc-jr-acorn") else apart)


@pytest.mark.parametrize("name", BUILDERS)
def test_every_builder_has_a_name_frozen_settings_and_a_least_number_of_hits(name):
    chosen = builder(name, min_hits=5)
    assert (chosen.name, chosen.min_hits, builder(name).min_hits) == (name, 5, 3)
    assert BUILDERS[name](**chosen.model_dump()) == chosen
    with pytest.raises(ValidationError, match="frozen"):
        chosen.min_hits = 1
    assert set(chosen.labels(8, [0, 1, 2], [1, 2, 3], [0.9, 0.95, 0.99]).tolist()) == {-1}


@pytest.mark.parametrize("name", BUILDERS)
def test_edges_that_are_not_in_canonical_order_are_refused(name):
    with pytest.raises(InputError, match=r"edge 1.*ascending by"):
        builder(name).labels(3, [1, 0], [2, 1], [0.9, 0.9])


@pytest.mark.parametrize("name", BUILDERS)
def test_graphs_without_edges_have_no_tracks(name):
    assert builder(name).labels(3, [], [], []).tolist() == [-1] * 3
    assert builder(name, min_hits=1).labels(3, [], [], []).tolist() == [0, 1, 2]
    assert builder(name).labels(0, [], [], []).tolist() == []


def test_only_walks_refuse_a_cycle():
    cycle = [0, 1, 2], [1, 2, 0], [0.9, 0.95, 0.99]
    for name in ("cc", "cc-jr", "cc-jr-acorn"):
        assert builder(name).labels(3, *cycle).tolist() == [0, 0, 0]
    for name in ("walkthrough", "fast-walkthrough", "dwalk"):
        with pytest.raises(InputError, match="a cycle through node"):
            builder(name).labels(3, *cycle)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("ccc", {}, "found 'ccc', expected one of cc, cc-jr, cc-jr-acorn, walkthrough, fast-walk"),
        ("cc", {"cuts": 1}, "track builder cc: found unknown key cuts, expected one of cut, min_h"),
        ("cc", {"cut": float("nan")}, "track builder cc: cut"),
        ("cc", {"min_hits": 0}, "track builder cc: min_hits: found 0, expected greater than or"),
        ("cc", {"name": "dwalk"}, "track builder cc: name"),
        ("dwalk", {"min_cut": 0.7}, "track builder dwalk: .*min_cut <= add_cut = 0.6"),
        ("dwalk", {"metric": "hits"}, "track builder dwalk: metric"),
    ],
)
def test_bad_settings_are_one_line(name, settings, message):
    with pytest.raises(InputError, match=message) as error:
        builder(name, **settings)
    assert "\n" not in str(error.value)


def test_integer_cuts_stay_integers():
    """A cut next to a score that float64 cannot tell from it."""
    score = np.array([(1 << 53) + 1, 1 << 53])
    found = builder("cc", cut=1 << 53, min_hits=2).labels(3, [0, 1], [1, 2], score)
    assert found.tolist() == [0, 0, -1]


def test_tracks_of_nodes_are_rows_of_the_event():
    tracks = tracks_of(np.array([1, -1, 0, 1, 0]), np.array([7, 5, 6, 2, 9]))
    assert tracks.start.tolist() == [0, 2, 4]
    assert tracks.hits.tolist() == [6, 9, 7, 2]
    assert len(tracks_of(np.array([-1, -1]), np.array([3, 4]))) == 0
