from __future__ import annotations

import numpy as np

from fpga_gnn.tracks.walk import Tangle

# chain 0-1-2 and its weak continuation to 3; fork 4-(5, 6); single 7
EDGES = (np.array([0, 1, 2, 4, 4]), np.array([1, 2, 3, 5, 6]), np.array([9, 9, 1, 8, 9]))


def test_a_tangle_has_the_components_that_are_not_simple():
    tangle = Tangle.of(8, *EDGES, 1)
    assert tangle.labels.tolist() == [0, 0, 0, 3, 4, 4, 4, 7]
    assert np.flatnonzero(tangle.free).tolist() == [4, 5, 6]
    assert tangle.src.tolist() == [4, 4]
    assert tangle.dst.tolist() == [5, 6]
    assert tangle.score.tolist() == [8, 9]
    assert tangle.order.tolist() == [0, 3, 4, 7, 1, 5, 6, 2]


def test_taking_edges_away_frees_no_node():
    tangle = Tangle.of(8, *EDGES, 1)
    thin = tangle.take(tangle.score > 8)
    assert thin.dst.tolist() == [6]
    assert np.array_equal(thin.free, tangle.free)


def test_roads_go_over_marked_edges_or_the_strongest_one():
    src, dst = np.array([0, 0, 1, 2]), np.array([1, 2, 3, 3])
    score = np.array([5, 6, 6, 6])
    tangle = Tangle.of(4, src, dst, score, 0)
    none = np.zeros(4, dtype=bool)
    assert tangle.longest_roads(tangle.order, none).tolist() == [0, 1, 0, 0]
    assert tangle.longest_roads(tangle.order, ~none).tolist() == [0, 0, 2, 0]
    # another order starts at 2 and leaves one road of two hits to 0
    order = np.array([2, 0, 1, 3])
    assert tangle.longest_roads(order, none).tolist() == [0, 0, 2, 2]


def test_paths_are_taken_by_weight_and_the_tangle_stays_as_it_is():
    src, dst = np.array([0, 0, 1, 2]), np.array([1, 2, 3, 3])
    tangle = Tangle.of(4, src, dst, np.array([5, 6, 6, 6]), 0)
    assert tangle.heaviest_paths(np.array([1, 1, 1, 2])).tolist() == [0, 1, 0, 0]
    assert tangle.heaviest_paths(np.array([0.5, 0.5, 1, 0.5])).tolist() == [0, 0, 2, 0]
    assert tangle.free.all()
