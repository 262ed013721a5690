from __future__ import annotations

import numpy as np
import pytest

from fpga_gnn.errors import InputError
from fpga_gnn.tracks.fast_walkthrough import fast_walkthrough_labels

CUTS = 0.01, 0.1, 0.6


def labels(n_nodes, edges):
    src, dst, score = np.array(sorted(edges)).T.copy()
    return fast_walkthrough_labels(n_nodes, src.astype(int), dst.astype(int), score, *CUTS).tolist()


def test_a_chain_above_the_component_cut_is_one_candidate_whatever_its_scores():
    assert labels(5, [(0, 1, 0.9), (1, 2, 0.02), (2, 4, 0.9)]) == [0, 0, 0, 3, 0]
    assert labels(5, [(0, 1, 0.9), (1, 2, 0.01), (2, 4, 0.9)]) == [0, 0, 2, 3, 2]


def test_at_a_fork_the_longest_path_of_good_edges_wins():
    fork = [(0, 1, 0.9), (0, 2, 0.7), (2, 3, 0.5)]
    assert labels(4, fork) == [0, 1, 0, 0]
    fork[1] = (0, 2, 0.6)
    assert labels(4, fork) == [0, 0, 2, 2]


def test_a_best_edge_at_the_lower_cut_stays():
    assert labels(4, [(0, 2, 0.1), (1, 2, 0.9), (2, 3, 0.1)]) == [0, 1, 0, 0]
    assert labels(4, [(0, 2, 0.09), (1, 2, 0.9), (2, 3, 0.09)]) == [0, 1, 1, 3]


def test_the_best_child_is_chosen_before_any_hit_is_used():
    """As in the walkthrough 0 takes 2 and 4, but 1 has no way to 3: its best edge led to 2."""
    edges = [(0, 2, 0.9), (1, 2, 0.5), (1, 3, 0.4), (2, 4, 0.9), (3, 5, 0.3)]
    assert labels(6, edges) == [0, 1, 0, 3, 0, 3]


def test_a_path_ends_before_a_used_hit():
    """0-3-4-5 is taken; 1-2 stays a candidate although 2 leads on to 4 only."""
    edges = [(0, 3, 0.9), (1, 2, 0.9), (2, 4, 0.9), (3, 4, 0.9), (4, 5, 0.9)]
    assert labels(6, edges) == [0, 1, 1, 0, 0, 0]


def test_equal_paths_go_to_the_lowest_node():
    assert labels(3, [(0, 1, 0.7), (0, 2, 0.9)]) == [0, 0, 2]
    assert labels(3, [(0, 1, 0.5), (0, 2, 0.5)]) == [0, 0, 2]
    assert labels(3, [(0, 1, 0.5), (0, 2, 0.55)]) == [0, 1, 0]


def test_the_start_is_in_topological_order_of_the_edges_that_stay():
    """3-0 of 0.05 does not stay: 0 starts before 1 (in the walkthrough it does not)."""
    assert labels(4, [(0, 2, 0.9), (1, 2, 0.9), (3, 0, 0.05)]) == [0, 1, 0, 3]


def test_a_cycle_is_refused():
    with pytest.raises(InputError, match="a cycle through node"):
        labels(3, [(0, 1, 0.9), (1, 2, 0.9), (2, 0, 0.02)])
