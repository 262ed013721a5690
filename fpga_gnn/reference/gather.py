"""Gather the states of both ends of every edge: x[src], x[dst]."""

from __future__ import annotations

import numpy as np

from fpga_gnn.contract.fixed_point import Int64


def gather(x: Int64, src: Int64, dst: Int64) -> Int64:
    """Return [E, 2 H] for node states ``x`` [N, H] and edges ``src``, ``dst`` [E]."""
    return np.concatenate((x[src], x[dst]), axis=1)
