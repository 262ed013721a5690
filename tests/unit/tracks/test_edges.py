from __future__ import annotations

import numpy as np
import pytest

from fpga_gnn.errors import InputError
from fpga_gnn.tracks.edges import check_edges, first_edges, topological_order


def test_columns_become_arrays_of_one_kind():
    for score, dtype in (([1, 2], np.int64), (np.float32([0.25, 1]), np.float64)):
        columns = check_edges(3, [0, 1], [1, 2], score)
        assert [column.dtype for column in columns] == [np.int64, np.int64, dtype]
        assert [column.tolist() for column in columns] == [[0, 1], [1, 2], list(score)]


def test_a_graph_may_be_empty():
    assert [column.size for column in check_edges(0, [], [], [])] == [0, 0, 0]


@pytest.mark.parametrize(
    ("src", "dst", "score", "message"),
    [
        ([0, 1], [1, 3], [1, 1], r"edge 1: found \(src, dst, score\) = \(1, 3, 1\).*nodes 0\.\.2"),
        ([-1], [0], [1], "edge 0"),
        ([1, 0], [2, 1], [1, 1], "edge 1.*ascending"),
        ([0, 0], [2, 1], [1, 1], "edge 1.*ascending"),
        ([0, 0], [1, 1], [1, 1], "edge 1.*ascending"),
        ([0, 0], [1, 2], [0.5, np.nan], "edge 1.*a number as score"),
        ([0, 0], [1, 2], [1], "edges: found shapes"),
        ([[0]], [[1]], [[1]], "edges: found shapes"),
    ],
)
def test_other_edges_are_refused(src, dst, score, message):
    with pytest.raises(InputError, match=message):
        check_edges(3, src, dst, score)


def test_nodes_of_a_generation_ascend():
    # generations {1, 4, 5}, {0, 3}, {2}: 2 is a child of 1, too
    src, dst = np.array([0, 1, 1, 4, 5]), np.array([2, 2, 3, 0, 0])
    assert topological_order(6, src, dst).tolist() == [1, 4, 5, 0, 3, 2]


def test_without_edges_the_order_is_that_of_the_nodes():
    none = np.zeros(0, dtype=np.int64)
    assert topological_order(3, none, none).tolist() == [0, 1, 2]
    assert topological_order(0, none, none).tolist() == []


@pytest.mark.parametrize(
    ("edges", "nodes"),
    [
        ([(0, 1), (1, 2), (2, 0)], "[012]"),
        ([(0, 0)], "0"),
        # 0 leads into the cycle, 1 lies behind it
        ([(0, 3), (2, 1), (2, 3), (3, 2)], "[23]"),
    ],
)
def test_a_cycle_is_named_by_one_of_its_nodes(edges, nodes):
    src, dst = np.array(edges).T.copy()
    with pytest.raises(InputError, match=f"edges: found a cycle through node {nodes}, expected an"):
        topological_order(4, src, dst)


def test_the_edges_of_a_node_follow_each_other():
    assert first_edges(4, np.array([0, 2, 2])).tolist() == [0, 1, 1, 3, 3]
