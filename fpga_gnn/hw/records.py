"""Packing of record columns into the 32-bit words that the kernels read from global memory.

The layouts are the structs of ``hls/include/fpga_gnn/module_map.hpp`` and
``connected_components.hpp``. Values must already be inside the contract's formats.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fpga_gnn.contract import CandidateRecords, HitRecords, ModuleMapRecords
from fpga_gnn.contract.fixed_point import Int64

Words = NDArray[np.int32]


def pack_hits(hits: HitRecords) -> Words:
    """Return ``hit_record`` words [N, 8]."""
    return _pack(8, hits.x, hits.y, hits.z, hits.r, hits.phi, hits.eta)


def pack_doublets(module_map: ModuleMapRecords) -> Words:
    """Return ``doublet_record`` words [D, 16]."""
    return _pack(16, module_map.doublet_target, module_map.doublet_windows)


def pack_triplets(module_map: ModuleMapRecords) -> Words:
    """Return ``triplet_record`` words [T, 32]."""
    return _pack(32, module_map.triplet_outer, module_map.triplet_windows)


def pack_edges(src: Int64, dst: Int64, keep: Int64) -> Words:
    """Return ``edge_record`` words [E, 4]; ``keep`` becomes 0 or 1."""
    return _pack(4, np.asarray(src), np.asarray(dst), np.asarray(keep) != 0)


def pack_starts(starts: Int64) -> Words:
    """Return the words of a start column."""
    return starts.astype(np.int32)


def unpack_candidates(words: Words) -> CandidateRecords:
    """Return the columns of ``candidate_record`` words [C, 4]."""
    src, dst, doublet, tagged = words.astype(np.int64).T
    return CandidateRecords(src=src, dst=dst, doublet=doublet, tagged=tagged)


def _pack(width: int, *columns: NDArray[np.int64] | NDArray[np.bool_]) -> Words:
    words = np.zeros((columns[0].shape[0], width), dtype=np.int32)
    used = 0
    for column in columns:
        flat = column.reshape(words.shape[0], int(np.prod(column.shape[1:])))
        words[:, used : used + flat.shape[1]] = flat
        used += flat.shape[1]
    return words
