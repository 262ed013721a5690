from __future__ import annotations

import numpy as np
import pytest

from fpga_gnn.tracks.builder import builder
from fpga_gnn.tracks.junction_removal import acorn_labels, best_edges, without_junctions


def columns(edges):
    src, dst, score = zip(*sorted(edges), strict=True)
    return np.array(src), np.array(dst), np.array(score)


def test_the_best_edge_of_equal_ones_is_the_first():
    src, dst, score = columns([(0, 2, 5), (0, 3, 5), (1, 2, 5), (1, 3, 6)])
    best_out, best_in = best_edges(5, src, dst, score)
    assert best_out.tolist() == [0, 3, -1, -1, -1]
    assert best_in.tolist() == [-1, -1, 0, 3, -1]


@pytest.mark.parametrize(
    ("edges", "left"),
    [
        ([(0, 1, 0.3), (1, 2, 0.9)], [(0, 1), (1, 2)]),  # chain
        ([(0, 1, 0.3), (1, 2, 0.3), (1, 3, 0.9)], [(0, 1), (1, 3)]),  # fork
        ([(0, 2, 0.9), (1, 2, 0.3), (2, 3, 0.1)], [(0, 2), (2, 3)]),  # merge
        ([(0, 2, 0.9), (1, 2, 0.3), (2, 3, 0.9), (2, 4, 0.5)], [(0, 2), (2, 3)]),  # crossing
        ([(0, 1, 0.5), (0, 2, 0.5)], [(0, 1)]),  # tie out
        ([(0, 2, 0.5), (1, 2, 0.5)], [(0, 2)]),  # tie in
        # 0-2 is the best out of 0 but not into 2; 0-1 is not the best out of 0: 0 loses both
        ([(0, 1, 0.5), (0, 2, 0.6), (3, 2, 0.7)], [(3, 2)]),
        # one pass: 1-2 has gone, yet 2-4 counts as the second edge into 4 all the same
        ([(0, 2, 0.9), (1, 4, 0.8), (2, 3, 0.6), (2, 4, 0.5)], [(0, 2), (1, 4), (2, 3)]),
    ],
)
def test_edges_that_are_not_the_best_at_both_ends_go(edges, left):
    src, dst, score = columns(edges)
    stays = without_junctions(5, src, dst, score)
    assert list(zip(src[stays].tolist(), dst[stays].tolist(), strict=True)) == left


def test_the_cut_comes_first():
    """Below the cut there is no junction: 0-1 is not removed for the sake of 0-2."""
    src, dst, score = columns([(0, 1, 0.4), (0, 2, 0.5), (1, 3, 0.9), (2, 3, 0.45)])
    assert builder("cc-jr", cut=0.3).labels(4, src, dst, score).tolist() == [-1] * 4
    assert builder("cc-jr", cut=0.3, min_hits=2).labels(4, src, dst, score).tolist() == [0, 1, 0, 1]
    assert builder("cc-jr", cut=0.5, min_hits=2).labels(4, src, dst, score).tolist() == [
        -1,
        0,
        -1,
        0,
    ]


CHAIN = [(0, 1, 0.95), (1, 2, 0.95), (2, 3, 0.95), (3, 4, 0.95)]


def test_acorn_takes_good_chains_as_they_are():
    """The edge 4-5 of 0.5 does not reach a chain of five; a chain of four it joins."""
    at_the_cut = [*CHAIN[:3], (3, 4, 0.9)]
    for chain, labels in (
        (CHAIN, [0, 0, 0, 0, 0, 5]),
        (CHAIN[1:], [0, 1, 1, 1, 1, 1]),
        (at_the_cut, [0, 0, 0, 0, 0, 0]),
    ):
        edges = columns([*chain, (4, 5, 0.5)])
        assert acorn_labels(6, *edges, 0.9, 5, 0.2).tolist() == labels


def test_acorn_keeps_an_edge_if_either_end_has_one_way_on():
    fork = [(0, 1, 0.5), (0, 2, 0.5)]
    # neither 1 nor 2 leads on: both edges go
    assert acorn_labels(5, *columns(fork), 0.9, 5, 0.2).tolist() == [0, 1, 2, 3, 4]
    # 1 leads on to 3: 0-1 stays
    assert acorn_labels(5, *columns([*fork, (1, 3, 0.5)]), 0.9, 5, 0.2).tolist() == [0, 0, 2, 0, 4]
    # 1 leads on to 3 and 4: all edges of it go
    two = [*fork, (1, 3, 0.5), (1, 4, 0.5)]
    assert acorn_labels(5, *columns(two), 0.9, 5, 0.2).tolist() == [0, 1, 2, 3, 4]
    # a merge has one edge out of each source: it stays
    merge = columns([(0, 2, 0.5), (1, 2, 0.5)])
    assert acorn_labels(3, *merge, 0.9, 5, 0.2).tolist() == [0, 0, 0]
    assert acorn_labels(3, *merge, 0.9, 5, 0.5).tolist() == [0, 1, 2]
