"""Scored edges as a stream: what the track-building kernels read."""

from __future__ import annotations

import numpy as np

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import InputError


def check_edges(n_nodes: int, src: Int64, dst: Int64, score: Int64, lowest: int, bits: int) -> None:
    """Raise ``InputError`` unless the columns [E] are the edges of a graph in canonical order.

    They have one length, edges join nodes 0..N-1 and ascend strictly by (src, dst), scores lie in
    ``lowest``..2**(bits - 1) - 1.
    """
    if n_nodes < 0:
        raise InputError("n_nodes", n_nodes, "0 or more")
    shapes = [np.asarray(column).shape for column in (src, dst, score)]
    if len({*shapes}) != 1 or len(shapes[0]) != 1:
        raise InputError("edges", f"shapes {shapes}", "src, dst and score of one length")
    for name, column, low, high in (
        ("src", src, 0, n_nodes - 1),
        ("dst", dst, 0, n_nodes - 1),
        ("score", score, lowest, (1 << (bits - 1)) - 1),
    ):
        bad = np.flatnonzero((np.asarray(column) < low) | (np.asarray(column) > high))
        if bad.size:
            raise InputError(f"{name}[{bad[0]}]", int(column[bad[0]]), f"{low}..{high}")
    step = np.diff(src)
    bad = np.flatnonzero((step < 0) | ((step == 0) & (np.diff(dst) <= 0)))
    if bad.size:
        edge = int(bad[0]) + 1
        found = f"({src[edge]}, {dst[edge]}) after ({src[edge - 1]}, {dst[edge - 1]})"
        raise InputError(f"edge {edge}", found, "edges strictly ascending by (src, dst)")


def check_setting(name: str, value: int, low: int, high: int) -> None:
    """Raise ``InputError`` unless ``value`` lies in ``low``..``high``."""
    if not low <= value <= high:
        raise InputError(name, value, f"{low}..{high}")


def best_edges(n_nodes: int, end: Int64, score: Int64) -> Int64:
    """Return the edge of highest score at each node [N], the first of equal ones, -1 for none.

    ``end`` [E] is the source or the destination of each edge.
    """
    best = np.full(n_nodes, -1, dtype=np.int64)
    falling = np.lexsort((np.arange(score.size), -score))
    best[end[falling[::-1]]] = falling[::-1]
    return best
