"""The track-builder reference on a graph that one can check by eye."""

from __future__ import annotations

import numpy as np

from fpga_gnn.contract import load_contract
from fpga_gnn.reference.track_builder import build

EDGES = np.array(
    [(0, 3, 9), (0, 4, 8), (1, 4, 7), (3, 5, 6), (5, 2, 6), (6, 7, 5), (7, 6, 5)], dtype=np.int64
)


def tracks(cut, min_hits):
    found = build(8, *EDGES.T, cut, min_hits, load_contract("w8"))
    return found.start.tolist(), found.nodes.tolist()


def test_paths_come_before_rings():
    """(0, 4) is not the best out of 0, and (1, 4) not the best into 4."""
    assert tracks(0, 2) == ([0, 4, 6], [0, 3, 5, 2, 6, 7])


def test_single_nodes_are_paths():
    assert tracks(0, 1) == ([0, 4, 5, 6, 8], [0, 3, 5, 2, 1, 4, 6, 7])


def test_a_cut_parts_chains():
    assert tracks(6, 2) == ([0, 2], [0, 3])
