"""Acceptance windows: inclusive bounds, ratios compared without a division."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fpga_gnn.contract.fixed_point import FixedPoint, Int64

Accepted = NDArray[np.bool_]


def accepts(value: Int64, low: Int64, high: Int64, bound: FixedPoint) -> Accepted:
    """Return ``low <= value <= high`` [P]; a bound at the end of its format is open."""
    above = (low <= value) | (low == bound.min_int)
    below = (value <= high) | (high == bound.max_int)
    accepted: Accepted = above & below
    return accepted


def accepts_ratio(
    numerator: Int64,
    denominator: Int64,
    sign_at_zero: Int64,
    low: Int64,
    high: Int64,
    bound: FixedPoint,
    shift: int,
) -> Accepted:
    """Return ``low <= numerator * 2**shift / denominator <= high`` [P] by cross-multiplication.

    A zero denominator makes the ratio infinite, positive where ``sign_at_zero >= 0``: it passes
    only an open bound on that side. int64 holds every product when ``ratio_bits`` is at most 64.
    """
    sign = np.where(denominator < 0, -1, 1)
    scaled, positive = (sign * numerator) << shift, sign * denominator
    above = (low * positive <= scaled) | (low == bound.min_int)
    below = (scaled <= high * positive) | (high == bound.max_int)
    infinite = np.where(sign_at_zero >= 0, high == bound.max_int, low == bound.min_int)
    accepted: Accepted = np.where(denominator == 0, infinite, above & below)
    return accepted


def ratio_bits(numerator_bits: int, denominator_bits: int, bound: FixedPoint, shift: int) -> int:
    """Width of a signed accumulator that holds both products of ``accepts_ratio``."""
    return max(numerator_bits + 1 + shift, denominator_bits + 1 + bound.bits)
