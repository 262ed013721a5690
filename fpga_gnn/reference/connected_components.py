"""Connected components: each node's label is the smallest node its kept edges lead to."""

from __future__ import annotations

import numpy as np

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import InputError


def label(n_nodes: int, src: Int64, dst: Int64, keep: Int64) -> Int64:
    """Return ``labels`` [N]: the smallest index of each node's weakly connected component.

    ``src``, ``dst`` [E] are node indices, ``keep`` [E] is nonzero where the edge counts; a node
    without kept edges labels itself. Raises ``InputError`` for an index outside the graph.
    """
    check_inputs(n_nodes, src, dst, keep)
    kept = np.asarray(keep) != 0
    one, two = np.asarray(src)[kept], np.asarray(dst)[kept]
    labels = np.arange(n_nodes, dtype=np.int64)
    while True:
        lowest = labels.copy()
        meeting = np.minimum(labels[one], labels[two])
        np.minimum.at(lowest, labels[one], meeting)
        np.minimum.at(lowest, labels[two], meeting)
        lowest = lowest[lowest]
        if np.array_equal(lowest, labels):
            return labels
        labels = lowest


def check_inputs(n_nodes: int, src: Int64, dst: Int64, keep: Int64) -> None:
    """Raise ``InputError`` unless the columns have one length and hold nodes of the graph."""
    if n_nodes < 0:
        raise InputError("n_nodes", n_nodes, "0 or more")
    sizes = {np.asarray(column).shape for column in (src, dst, keep)}
    if len(sizes) != 1 or len(next(iter(sizes))) != 1:
        raise InputError("edges", f"shapes {sorted(sizes)}", "src, dst and keep of one length")
    for name, column in (("src", np.asarray(src)), ("dst", np.asarray(dst))):
        bad = np.flatnonzero((column < 0) | (column >= n_nodes))
        if bad.size:
            raise InputError(f"{name}[{bad[0]}]", int(column[bad[0]]), f"0..{n_nodes - 1}")
