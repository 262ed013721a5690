"""What the connected-components reference refuses."""

from __future__ import annotations

import numpy as np
import pytest

from fpga_gnn.errors import InputError
from fpga_gnn.reference.connected_components import label


def test_nodes_join_across_a_dropped_and_a_kept_edge():
    labels = label(4, np.array([3, 0]), np.array([2, 1]), np.array([1, 0]))
    assert labels.tolist() == [0, 1, 2, 2]


@pytest.mark.parametrize(
    ("n_nodes", "src", "dst", "keep", "message"),
    [
        (2, [2], [0], [1], r"src\[0\]: found 2, expected 0\.\.1"),
        (2, [0, 1], [0, -1], [1, 0], r"dst\[1\]: found -1"),
        (2, [0], [0, 1], [1], "edges: found shapes"),
        (-1, [], [], [], "n_nodes: found -1"),
    ],
)
def test_bad_graphs_are_named(n_nodes, src, dst, keep, message):
    with pytest.raises(InputError, match=message):
        label(n_nodes, np.array(src), np.array(dst), np.array(keep))
