"""Join the messages of every node's edges: over its in-edges, then over its out-edges."""

from __future__ import annotations

import numpy as np

from fpga_gnn.contract import Aggregation
from fpga_gnn.contract.fixed_point import Int64


def aggregate(
    messages: Int64, src: Int64, dst: Int64, n_nodes: int, aggregation: Aggregation
) -> Int64:
    """Return [n_nodes, 2 H] for ``messages`` [E, H] on edges ``src``, ``dst`` [E].

    ``sum``: the sum of the messages. ``max``: the largest of the messages and zero. Zero without
    edges.
    """
    join = {"sum": np.add, "max": np.maximum}[aggregation]
    incoming = np.zeros((n_nodes, messages.shape[1]), dtype=np.int64)
    outgoing = np.zeros_like(incoming)
    join.at(incoming, dst, messages)
    join.at(outgoing, src, messages)
    return np.concatenate((incoming, outgoing), axis=1)
