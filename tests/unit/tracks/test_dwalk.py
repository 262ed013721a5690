from __future__ import annotations

import numpy as np
import pytest

from fpga_gnn.errors import InputError
from fpga_gnn.tracks.dwalk import dwalk_labels


def labels(n_nodes, edges, metric="score", cuts=(1, 10, 60)):
    """Scores are integers 0..100, cuts 1, 10 and 60 of them."""
    src, dst, score = np.array(sorted(edges)).T.copy()
    return dwalk_labels(n_nodes, src, dst, score, *cuts, metric).tolist()


def test_a_chain_above_the_component_cut_is_one_candidate_whatever_its_scores():
    assert labels(5, [(0, 1, 90), (1, 2, 2), (2, 4, 90)]) == [0, 0, 0, 3, 0]
    assert labels(5, [(0, 1, 90), (1, 2, 1), (2, 4, 90)]) == [0, 0, 2, 3, 2]


def test_an_edge_below_the_upper_cut_must_be_the_best_at_both_ends():
    edges = [(0, 2, 60), (1, 2, 50), (1, 3, 40), (2, 4, 90)]
    # 1-2 is the best out of 1 but not into 2, 1-3 the best into 3 but not out of 1
    assert labels(5, edges) == [0, 1, 0, 3, 0]
    edges[1] = (1, 2, 61)  # the upper cut is enough: now the heaviest path begins at 1
    assert labels(5, edges) == [0, 1, 1, 3, 1]


def test_a_best_edge_at_the_lower_cut_stays():
    merge = [(0, 2, 90), (1, 2, 90), (2, 3, 10)]
    assert labels(4, merge) == [0, 1, 0, 0]
    merge[2] = (2, 3, 9)
    assert labels(4, merge) == [0, 1, 0, 3]


FORK = [(0, 1, 100), (0, 2, 61), (2, 3, 62), (3, 4, 63), (1, 5, 95)]


def test_the_metric_is_the_sum_of_scores_or_the_length():
    # 0-1-5 weighs 195, 0-2-3-4 186
    assert labels(6, FORK) == [0, 0, 2, 2, 2, 0]
    assert labels(6, FORK, "length") == [0, 1, 0, 0, 0, 1]


def test_the_heaviest_path_of_a_component_goes_first_wherever_it_begins():
    """1-2-4 (170) beats 0-2-4 (160) and 0-3 (65); 0 keeps what is left."""
    assert labels(5, [(0, 2, 80), (0, 3, 65), (1, 2, 90), (2, 4, 80)]) == [0, 1, 1, 0, 1]


def test_paths_end_before_used_hits_and_are_weighed_again():
    """After 3-2-5 (199), 0-2 is gone: 0-1 (61) and not 0-2-5 decides, 4 is left alone."""
    edges = [(0, 1, 61), (0, 2, 90), (3, 2, 100), (2, 5, 99), (4, 5, 70)]
    assert labels(6, edges) == [0, 0, 2, 2, 4, 2]


def test_a_path_that_has_lost_its_hits_waits_for_heavier_ones():
    """0-3-4 (199) takes what made 1 heavy (197); then 2-5-6 (131) beats 1-5-6 (122)."""
    edges = [(0, 3, 100), (1, 3, 98), (1, 5, 61), (2, 5, 70), (3, 4, 99), (5, 6, 61)]
    assert labels(7, edges) == [0, 1, 2, 0, 0, 2, 2]


def test_a_hit_may_start_a_path_once_its_parents_are_used():
    """0-1-2 (190) is taken; 3, a child of 1, then begins 3-4."""
    assert labels(5, [(0, 1, 95), (1, 2, 95), (1, 3, 61), (3, 4, 30)]) == [0, 0, 0, 3, 3]


def test_equal_paths_go_to_the_lowest_node():
    assert labels(3, [(0, 1, 70), (0, 2, 70)]) == [0, 0, 2]
    assert labels(3, [(0, 2, 70), (1, 2, 70)]) == [0, 1, 0]
    # two begin, two end: 1-2-3 and 0-2-4 would do as well
    assert labels(5, [(0, 2, 70), (1, 2, 70), (2, 3, 70), (2, 4, 70)]) == [0, 1, 0, 0, 4]


def test_scores_that_are_added_must_not_be_negative():
    edges = [(0, 1, -5), (0, 2, -4), (1, 3, 7)]
    with pytest.raises(InputError, match=r"scores: found -5, expected 0 or more.*metric=length"):
        labels(4, edges, cuts=(-10, -10, -10))
    assert labels(4, edges, "length", (-10, -10, -10)) == [0, 0, 2, 0]
    assert labels(4, edges, cuts=(0, 0, 0)) == [0, 1, 2, 1]  # they do not pass the component cut


def test_a_cycle_is_refused():
    with pytest.raises(InputError, match="a cycle through node"):
        labels(3, [(0, 1, 90), (1, 2, 90), (2, 0, 2)])
