"""Packing of record columns into the words that the kernels read from global memory.

The layouts are the structs of ``hls/include/fpga_gnn/``: ``module_map_records.hpp``,
``connected_components.hpp``, ``scored_edges.hpp`` and ``hit_lists.hpp``. Values must already be
inside the contract's formats.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fpga_gnn.contract import (
    DOUBLET_WINDOWS,
    TRIPLET_WINDOWS,
    CandidateRecords,
    Contract,
    HitRecords,
    ModuleMapRecords,
)
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import InputError
from fpga_gnn.reference.hit_lists import HitLists

Words = NDArray[np.int32]
BitWords = NDArray[np.uint64]
HalfWords = NDArray[np.int16]
_INDEX_BITS = 32


def pack_hits(hits: HitRecords) -> Words:
    """Return ``hit_record`` words [N, 8]."""
    return _pack(8, hits.x, hits.y, hits.z, hits.r, hits.phi, hits.eta)


def pack_doublets(module_map: ModuleMapRecords, contract: Contract) -> BitWords:
    """Return ``doublet_record`` words [D, 4]: target and windows in the contract's bits.

    Raises ``InputError`` for windows that do not fit in the record.
    """
    columns = module_map.doublet_target, module_map.doublet_windows
    return _pack_bits("doublet", 4, *columns, DOUBLET_WINDOWS, contract)


def pack_triplets(module_map: ModuleMapRecords, contract: Contract) -> BitWords:
    """Return ``triplet_record`` words [T, 8]; as ``pack_doublets``."""
    columns = module_map.triplet_outer, module_map.triplet_windows
    return _pack_bits("triplet", 8, *columns, TRIPLET_WINDOWS, contract)


def pack_edges(src: Int64, dst: Int64, keep: Int64) -> Words:
    """Return ``edge_record`` words [E, 4]; ``keep`` becomes 0 or 1."""
    return _pack(4, np.asarray(src), np.asarray(dst), np.asarray(keep) != 0)


def pack_scored_edges(src: Int64, dst: Int64, score: Int64) -> Words:
    """Return ``scored_edge_record`` words [E, 4]."""
    return _pack(4, np.asarray(src), np.asarray(dst), np.asarray(score))


OVERFLOW_NODES, OVERFLOW_EDGES, OVERFLOW_PASSES, EDGES_WITH_CYCLE = 1, 2, 4, 8
OVERFLOW_PARTITION_NODES, OVERFLOW_PARTITION_EDGES = 16, 32
"""Bits of ``TrackStatus.errors``."""


class TrackStatus(NamedTuple):
    """The words of ``track_status``: what a track-building kernel wrote and why it stopped."""

    n_tracks: int
    n_hits: int
    errors: int
    n_passes: int
    n_visits: int
    n_unfinished: int


def unpack_track_status(words: Words) -> TrackStatus:
    """Return the fields of ``track_status`` words [8]."""
    return TrackStatus(*words[:6].tolist())


def unpack_hit_lists(start: Words, hits: Words, status: TrackStatus) -> HitLists:
    """Return the tracks of the words that a track-building kernel wrote."""
    used = start[: status.n_tracks + 1], hits[: status.n_hits]
    return HitLists(*(column.astype(np.int64) for column in used))


def pack_starts(starts: Int64) -> Words:
    """Return the words of a start column."""
    return starts.astype(np.int32)


def unpack_candidates(words: Words) -> CandidateRecords:
    """Return the columns of ``candidate_record`` words [C, 4]."""
    src, dst, doublet, tagged = words.astype(np.int64).T
    return CandidateRecords(src=src, dst=dst, doublet=doublet, tagged=tagged)


def pack_nodes(features: Int64) -> HalfWords:
    """Return ``graph_node_record`` words [N, 4] of ``features`` [N, Fn]."""
    words = np.zeros((len(features), 4), dtype=np.int16)
    words[:, : features.shape[1]] = features
    return words


def pack_graph_edges(ends: Int64, features: Int64) -> HalfWords:
    """Return ``graph_edge_record`` words [E, 16] of ``ends`` [E, 2], ``features`` [E, Fe]."""
    words = np.zeros((len(ends), 16), dtype=np.int16)
    words[:, :4] = np.ascontiguousarray(ends, dtype=np.int32).view(np.int16)
    words[:, 4 : 4 + features.shape[1]] = features
    return words


def unpack_nodes(words: HalfWords, n_features: int) -> Int64:
    """Return the features [N, ``n_features``] of ``graph_node_record`` words [N, 4]."""
    return words[:, :n_features].astype(np.int64)


def unpack_edges(words: HalfWords, n_features: int) -> tuple[Int64, Int64, Int64]:
    """Return src, dst [E], features [E, ``n_features``] of ``graph_edge_record`` words [E, 16]."""
    src, dst = words[:, :4].copy().view(np.int32).astype(np.int64).T
    return src, dst, words[:, 4 : 4 + n_features].astype(np.int64)


def _pack_bits(
    what: str, width: int, index: Int64, windows: Int64, names: tuple[str, ...], contract: Contract
) -> BitWords:
    """Return ``index`` [R] and ``windows`` [R, V, 2] as bit fields without gaps, low bits first."""
    bits = [_INDEX_BITS, *(contract.windows.of(name).bits for name in names for _ in range(2))]
    if sum(bits) > 64 * width:
        where = f"quant config {contract.name}: windows"
        raise InputError(
            where, f"{sum(bits)} bits of a {what}", f"{64 * width} or fewer, one record"
        )
    words = np.zeros((index.size, width), dtype=np.uint64)
    at = 0
    columns = index, *windows.reshape(index.size, 2 * len(names)).T
    for size, column in zip(bits, columns, strict=True):
        value = column.astype(np.uint64) & np.uint64((1 << size) - 1)
        word, shift = divmod(at, 64)
        words[:, word] |= value << np.uint64(shift)
        if shift + size > 64:
            words[:, word + 1] |= value >> np.uint64(64 - shift)
        at += size
    return words


def _pack(width: int, *columns: NDArray[np.int64] | NDArray[np.bool_]) -> Words:
    words = np.zeros((columns[0].shape[0], width), dtype=np.int32)
    used = 0
    for column in columns:
        flat = column.reshape(words.shape[0], int(np.prod(column.shape[1:])))
        words[:, used : used + flat.shape[1]] = flat
        used += flat.shape[1]
    return words
