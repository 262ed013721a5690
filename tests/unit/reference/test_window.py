"""The window law, checked on every small integer with exact fractions."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from fpga_gnn.contract import FixedPoint
from fpga_gnn.reference.window import accepts, accepts_ratio, ratio_bits

BOUND = FixedPoint(bits=3, frac=0)
BOUNDS = range(BOUND.min_int, BOUND.max_int + 1)


def test_every_small_value():
    value, low, high = np.array(list(product(range(-9, 10), BOUNDS, BOUNDS))).T
    expected = [
        (lo == -4 or lo <= v) and (hi == 3 or v <= hi)
        for v, lo, hi in zip(value, low, high, strict=True)
    ]
    np.testing.assert_array_equal(accepts(value, low, high, BOUND), expected)


@pytest.mark.parametrize("shift", [0, 1])
def test_every_small_ratio(shift):
    rows = np.array(list(product(range(-5, 6), range(-3, 4), (-1, 0, 1), BOUNDS, BOUNDS)))
    expected = []
    for numerator, denominator, sign, low, high in rows.tolist():
        if denominator:
            value: Fraction | float = Fraction(numerator << shift, denominator)
        else:
            value = float("inf") if sign >= 0 else float("-inf")
        above = low == BOUND.min_int or low <= value
        below = high == BOUND.max_int or value <= high
        expected.append(above and below)
    np.testing.assert_array_equal(accepts_ratio(*rows.T, BOUND, shift), expected)


def test_ratio_bits_hold_the_worst_products():
    """Both products of the most negative operands fit, with nothing to spare on one side."""
    numerator_bits, denominator_bits, shift = 10, 6, 3
    bits = ratio_bits(numerator_bits, denominator_bits, BOUND, shift)
    largest = max(2 ** (numerator_bits - 1) << shift, 4 * 2 ** (denominator_bits - 1))
    assert -(2 ** (bits - 1)) <= -largest
    assert largest < 2 ** (bits - 1)
    assert largest >= 2 ** (bits - 2)
