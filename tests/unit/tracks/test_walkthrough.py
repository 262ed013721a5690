from __future__ import annotations

import numpy as np
import pytest

from fpga_gnn.errors import InputError
from fpga_gnn.tracks.walkthrough import walkthrough_labels

CUTS = 0.01, 0.1, 0.6


def labels(n_nodes, edges):
    src, dst, score = np.array(sorted(edges)).T.copy()
    return walkthrough_labels(n_nodes, src.astype(int), dst.astype(int), score, *CUTS).tolist()


def test_a_chain_above_the_component_cut_is_one_candidate_whatever_its_scores():
    assert labels(5, [(0, 1, 0.9), (1, 2, 0.02), (2, 4, 0.9)]) == [0, 0, 0, 3, 0]
    assert labels(5, [(0, 1, 0.9), (1, 2, 0.01), (2, 4, 0.9)]) == [0, 0, 2, 3, 2]


def test_at_a_fork_the_longest_good_road_wins():
    fork = [(0, 1, 0.9), (0, 2, 0.7), (2, 3, 0.5)]
    assert labels(4, fork) == [0, 1, 0, 0]
    fork[1] = (0, 2, 0.6)  # not above the cut: only the best edge is followed
    assert labels(4, fork) == [0, 0, 2, 2]


def test_an_edge_at_the_lower_cut_is_no_road():
    # the merge makes the component ambiguous
    assert labels(4, [(0, 2, 0.1), (1, 2, 0.9), (2, 3, 0.1)]) == [0, 1, 1, 3]
    assert labels(4, [(0, 2, 0.1), (1, 2, 0.9), (2, 3, 0.2)]) == [0, 1, 1, 1]


def test_at_a_merge_the_first_node_takes_the_rest():
    assert labels(4, [(0, 2, 0.3), (1, 2, 0.9), (2, 3, 0.5)]) == [0, 1, 0, 0]


def test_the_best_child_is_the_best_unused_one():
    """0 comes first and takes 2 and 4; 1 prefers 2 but must follow 3."""
    edges = [(0, 2, 0.9), (1, 2, 0.5), (1, 3, 0.4), (2, 4, 0.9), (3, 5, 0.3)]
    assert labels(6, edges) == [0, 1, 0, 1, 0, 1]


def test_tracks_that_cross_in_a_hit_cost_the_second_one_its_end():
    edges = [(0, 2, 0.9), (1, 2, 0.8), (2, 3, 0.8), (2, 4, 0.9), (3, 5, 0.9), (4, 6, 0.9)]
    assert labels(7, edges) == [0, 1, 0, 0, 4, 0, 4]


def test_equal_roads_go_to_the_lowest_node():
    assert labels(3, [(0, 1, 0.9), (0, 2, 0.9)]) == [0, 0, 2]
    assert labels(3, [(0, 1, 0.7), (0, 2, 0.9)]) == [0, 0, 2]  # both above 0.6, both of two hits
    assert labels(3, [(0, 1, 0.5), (0, 2, 0.5)]) == [0, 0, 2]
    assert labels(3, [(0, 1, 0.5), (0, 2, 0.55)]) == [0, 1, 0]


def test_the_start_is_in_topological_order_of_all_edges_above_the_component_cut():
    """By 3-0 of 0.05 node 0 is of the second generation: 1 starts before it and takes 2."""
    assert labels(4, [(0, 2, 0.9), (1, 2, 0.9)]) == [0, 1, 0, 3]
    assert labels(4, [(0, 2, 0.9), (1, 2, 0.9), (3, 0, 0.05)]) == [0, 1, 1, 3]


def test_a_cycle_is_refused_only_above_the_component_cut():
    cycle = [(0, 1, 0.9), (1, 2, 0.9), (2, 0, 0.9)]
    with pytest.raises(InputError, match="a cycle through node"):
        labels(3, cycle)
    assert labels(3, [*cycle[:2], (2, 0, 0.01)]) == [0, 0, 0]


def test_a_used_hit_can_make_a_road_longer():
    """From 5, the best child 2 is a dead end. Once 0-2 is taken, 5 must go the long way."""
    short, long = [(3, 4, 0.9)], [(5, 2, 0.5), (5, 6, 0.4), (6, 7, 0.9), (7, 8, 0.9)]
    edges = [(1, 3, 0.9), (1, 5, 0.9), *short, *long]
    assert labels(9, edges) == [0, 1, 2, 1, 1, 2, 6, 6, 6]
    assert labels(9, [*edges, (0, 2, 0.9)]) == [0, 1, 0, 3, 3, 1, 1, 1, 1]
