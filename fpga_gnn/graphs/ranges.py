"""Runs of consecutive integers, one after the other."""

from __future__ import annotations

import numpy as np

from fpga_gnn.contract.fixed_point import Int64


def expand_ranges(first: Int64, count: Int64) -> tuple[Int64, Int64]:
    """Concatenate the runs ``first[i] .. first[i] + count[i] - 1``.

    Returns, per element of the result, the run ``i`` it comes from and its value.
    """
    run = np.repeat(np.arange(count.size), count)
    offset = np.arange(run.size) - np.repeat(np.cumsum(count) - count, count)
    return run, first[run] + offset
