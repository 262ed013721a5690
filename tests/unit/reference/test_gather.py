from __future__ import annotations

import numpy as np

from fpga_gnn.reference.gather import gather


def test_source_state_comes_first():
    x = np.array([[1, 2], [3, 4], [5, 6]])
    found = gather(x, np.array([2, 0, 1]), np.array([0, 0, 2]))
    assert found.tolist() == [[5, 6, 1, 2], [1, 2, 1, 2], [3, 4, 5, 6]]


def test_no_edges():
    none = np.zeros(0, dtype=np.int64)
    assert gather(np.zeros((3, 2), dtype=np.int64), none, none).shape == (0, 4)
