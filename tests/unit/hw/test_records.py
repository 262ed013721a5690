"""Packed words have the layout of the C++ record structs."""

from __future__ import annotations

import numpy as np

from fpga_gnn.contract import HitRecords, ModuleMapRecords
from fpga_gnn.hw.records import (
    pack_doublets,
    pack_edges,
    pack_hits,
    pack_triplets,
    unpack_candidates,
)

MAP = ModuleMapRecords(
    doublet_start=np.array([0, 2]),
    doublet_target=np.array([5, 6]),
    doublet_windows=np.arange(16).reshape(2, 4, 2),
    triplet_start=np.array([0, 1, 1]),
    triplet_outer=np.array([1]),
    triplet_windows=-np.arange(20).reshape(1, 10, 2),
)


def test_hit_words():
    columns = np.arange(12).reshape(6, 2)
    words = pack_hits(HitRecords(*columns, module_start=np.array([0, 2])))
    assert words.dtype == np.int32
    assert words.tolist() == [[0, 2, 4, 6, 8, 10, 0, 0], [1, 3, 5, 7, 9, 11, 0, 0]]


def test_doublet_words():
    assert pack_doublets(MAP).tolist() == [
        [5, *range(8), *[0] * 7],
        [6, *range(8, 16), *[0] * 7],
    ]


def test_triplet_words():
    assert pack_triplets(MAP).tolist() == [[1, *range(0, -20, -1), *[0] * 11]]


def test_edge_words():
    words = pack_edges(np.array([1, 2]), np.array([3, 4]), np.array([0, 7]))
    assert words.tolist() == [[1, 3, 0, 0], [2, 4, 1, 0]]


def test_no_rows():
    none = np.zeros(0, dtype=np.int64)
    assert pack_edges(none, none, none).shape == (0, 4)
    found = unpack_candidates(np.zeros((0, 4), dtype=np.int32))
    assert found.src.size == 0


def test_candidate_columns():
    found = unpack_candidates(np.array([[1, 2, 3, 1], [4, 5, 6, 0]], dtype=np.int32))
    assert found.dst.tolist() == [2, 5]
    assert found.tagged.tolist() == [1, 0]
    assert found.tagged.dtype == np.int64
