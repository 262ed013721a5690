from __future__ import annotations

import numpy as np

from fpga_gnn.reference.aggregate import aggregate


def test_in_edges_then_out_edges():
    messages = np.array([[1], [10], [100], [1000]])
    found = aggregate(messages, np.array([0, 0, 1, 2]), np.array([1, 1, 2, 2]), n_nodes=4)
    assert found.tolist() == [[0, 11], [11, 100], [1100, 1000], [0, 0]]


def test_duplicate_edges_count_each_time():
    same = np.zeros(1000, dtype=np.int64)
    found = aggregate(np.full((1000, 2), -128), same, same + 1, n_nodes=2)
    assert found.tolist() == [[0, 0, -128000, -128000], [-128000, -128000, 0, 0]]


def test_no_edges():
    none = np.zeros(0, dtype=np.int64)
    assert not aggregate(np.zeros((0, 3), dtype=np.int64), none, none, n_nodes=2).any()
