"""Packed words have the layout of the C++ record structs."""

from __future__ import annotations

import numpy as np

from fpga_gnn.contract import (
    DOUBLET_WINDOWS,
    TRIPLET_WINDOWS,
    HitRecords,
    ModuleMapRecords,
    load_contract,
)
from fpga_gnn.hw.records import (
    TrackStatus,
    pack_doublets,
    pack_edges,
    pack_graph_edges,
    pack_hits,
    pack_nodes,
    pack_scored_edges,
    pack_triplets,
    unpack_candidates,
    unpack_edges,
    unpack_hit_lists,
    unpack_nodes,
    unpack_track_status,
)

W8 = load_contract("w8")
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


def fields(record, names):
    """Return the index and the windows of a packed record, read bit by bit."""
    bits = sum(int(word) << 64 * i for i, word in enumerate(record))
    found, at = [bits & 0xFFFFFFFF], 32
    for name in names:
        form = getattr(W8.windows, name.removeprefix("inner_").removeprefix("outer_"))
        for _ in range(2):
            raw = bits >> at & ((1 << form.bits) - 1)
            found.append(raw - (raw >> (form.bits - 1) << form.bits))
            at += form.bits
    assert bits >> at == 0
    return found


def test_doublet_words():
    words = pack_doublets(MAP, W8)
    assert words.shape == (2, 4)
    assert [fields(record, DOUBLET_WINDOWS) for record in words] == [
        [5, *range(8)],
        [6, *range(8, 16)],
    ]


def test_triplet_words():
    words = pack_triplets(MAP, W8)
    assert words.shape == (1, 8)
    assert fields(words[0], TRIPLET_WINDOWS) == [1, *range(0, -20, -1)]


def test_edge_words():
    words = pack_edges(np.array([1, 2]), np.array([3, 4]), np.array([0, 7]))
    assert words.tolist() == [[1, 3, 0, 0], [2, 4, 1, 0]]


def test_graph_words_hold_what_was_packed():
    nodes, edges = np.array([[-1, 2, 32767]]), np.array([[-32768, 5], [7, -9]])
    ends = np.array([[0, 70000], [1, 1]])
    words = pack_nodes(nodes)
    assert words.tolist() == [[-1, 2, 32767, 0]]
    assert unpack_nodes(words, 3).tolist() == nodes.tolist()
    words = pack_graph_edges(ends, edges)
    assert (words.dtype, words.shape) == (np.int16, (2, 16))
    # 70000 = 0x11170: src and dst are 32 bits, low half first.
    assert words[0].tolist() == [0, 0, 0x1170, 1, -32768, 5, *[0] * 10]
    src, dst, features = unpack_edges(words, 2)
    assert [src.tolist(), dst.tolist()] == ends.T.tolist()
    assert features.tolist() == edges.tolist()


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


def test_scored_edge_words():
    words = pack_scored_edges(np.array([1, 2]), np.array([3, 4]), np.array([-5, 7]))
    assert words.dtype == np.int32
    assert words.tolist() == [[1, 3, -5, 0], [2, 4, 7, 0]]


def test_tracks_are_the_words_that_the_status_counts():
    status = unpack_track_status(np.array([2, 3, 0, 4, 5, 6, 0, 0], dtype=np.int32))
    assert status == TrackStatus(2, 3, 0, n_passes=4, n_visits=5, n_unfinished=6)
    start, hits = np.array([0, 1, 3, -7], dtype=np.int32), np.array([9, 8, 6, -7], dtype=np.int32)
    tracks = unpack_hit_lists(start, hits, status)
    assert (tracks.start.tolist(), tracks.nodes.tolist()) == ([0, 1, 3], [9, 8, 6])
    assert tracks.nodes.dtype == np.int64
