"""Fixed-point arithmetic against exact fractions; Python's ``round`` is half-to-even."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from fpga_gnn.contract import (
    FixedPoint,
    divide_half_even,
    requantize,
    shift_right_half_even,
)

formats = st.builds(
    FixedPoint, bits=st.integers(1, 32), frac=st.integers(-32, 48), signed=st.booleans()
)


def clip(value: int, fixed: FixedPoint) -> int:
    return min(max(value, fixed.min_int), fixed.max_int)


@st.composite
def near_ties(draw, shift: int, bits: int = 63):
    """Integers of ``bits`` bits; about half lie on or beside a tie of a shift by ``shift``."""
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    if shift < 1 or draw(st.booleans()):
        return draw(st.integers(low, high))
    tie = (draw(st.integers(low >> shift, high >> shift)) << shift) + (1 << (shift - 1))
    return min(max(tie + draw(st.integers(-1, 1)), low), high)


@settings(deadline=None)
@given(st.data(), st.integers(0, 62))
def test_right_shift_rounds_half_to_even(data, shift):
    values = data.draw(st.lists(near_ties(shift), min_size=1))
    found = shift_right_half_even(np.array(values), shift)
    assert found.tolist() == [round(Fraction(value, 1 << shift)) for value in values]


def test_ties_go_to_the_even_neighbour():
    halves = np.array([-5, -3, -1, 1, 3, 5])
    assert shift_right_half_even(halves, 1).tolist() == [-2, -2, 0, 0, 2, 2]


@settings(deadline=None)
@given(st.lists(st.integers(-(1 << 40), 1 << 40)), st.integers(-22, 0))
def test_negative_shift_multiplies_exactly(values, shift):
    found = shift_right_half_even(np.array(values, dtype=np.int64), shift)
    assert found.tolist() == [value * 2**-shift for value in values]


LARGEST = np.iinfo(np.int64).max


@st.composite
def fractions(draw):
    """Numerator and denominator of either sign; about half are ties or their neighbours."""
    size = draw(st.integers(1, 9) | st.integers(1, 1 << 30))
    if draw(st.booleans()):
        return draw(st.integers(-(1 << 60), 1 << 60)), draw(st.sampled_from([size, -size, 0]))
    tie = (2 * draw(st.integers(-(1 << 29), 1 << 29)) + 1) * size + draw(st.integers(-1, 1))
    return tie, draw(st.sampled_from([2 * size, -2 * size]))


def quotient(numerator: int, denominator: int) -> int:
    """The exact quotient, half-to-even; without one the largest integer of the right sign."""
    if denominator:
        return round(Fraction(numerator, denominator))
    return LARGEST * ((numerator > 0) - (numerator < 0))


@settings(deadline=None)
@given(st.lists(fractions(), min_size=1))
def test_division_rounds_half_to_even(pairs):
    numerators, denominators = np.array(pairs).T
    found = divide_half_even(numerators, denominators)
    assert found.dtype == np.int64
    assert found.tolist() == [quotient(*pair) for pair in pairs]
    assert divide_half_even(-numerators, denominators).tolist() == (-found).tolist()
    assert divide_half_even(numerators, -denominators).tolist() == [
        quotient(n, -d) for n, d in pairs
    ]


def test_division_by_hand():
    numerators = np.array([7, -7, 7, -7, 1, 3, -1, -3, 5, 5, -5, 0])
    denominators = np.array([3, 3, -3, -3, 2, 2, 2, 2, -2, 0, 0, 0])
    expected = [2, -2, -2, 2, 0, 2, 0, -2, -2, LARGEST, -LARGEST, 0]
    assert divide_half_even(numerators, denominators).tolist() == expected


@pytest.mark.parametrize(("rounding", "round_exact"), [("half_even", round), ("floor", floor)])
@settings(deadline=None)
@given(st.data(), formats, st.integers(-40, 62))
def test_requantize_rounds_once_then_saturates(rounding, round_exact, data, target, shift):
    values = data.draw(st.lists(near_ties(shift, bits=63 + min(shift, 0)), min_size=1))
    found = requantize(np.array(values), target.frac + shift, target, rounding)
    exact = [Fraction(value) / Fraction(2) ** shift for value in values]
    assert found.tolist() == [clip(round_exact(value), target) for value in exact]


def test_requantize_rounds_half_even_unless_told():
    values, target = np.array([-3, -1, 1, 3]), FixedPoint(bits=8, frac=0)
    assert requantize(values, 1, target).tolist() == [-2, 0, 0, 2]
    assert requantize(values, 1, target, "floor").tolist() == [-2, -1, 0, 1]


def test_requantize_saturates_where_the_shifted_value_exceeds_int64():
    target = FixedPoint(bits=32, frac=48)
    assert requantize(np.array([1 << 20, -(1 << 20)]), 0, target).tolist() == [
        target.max_int,
        target.min_int,
    ]


@settings(deadline=None)
@given(formats, st.lists(st.integers(-(1 << 62), 1 << 62)))
def test_saturate_clips_to_the_range_of_the_format(fixed, values):
    assert fixed.max_int - fixed.min_int == (1 << fixed.bits) - 1
    assert (fixed.min_int < 0) == fixed.signed
    found = fixed.saturate(np.array(values, dtype=np.int64))
    assert found.tolist() == [clip(value, fixed) for value in values]


@settings(deadline=None)
@given(formats, st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_from_float_rounds_the_exact_real_number(fixed, values):
    with np.errstate(over="ignore"):
        found = fixed.from_float(values)
    assert found.dtype == np.int64
    scale = Fraction(2) ** fixed.frac
    assert found.tolist() == [clip(round(Fraction(value) * scale), fixed) for value in values]


@settings(deadline=None)
@given(st.data(), formats)
def test_from_float_rounds_ties_to_even(data, fixed):
    odd_halves = data.draw(st.lists(st.integers(fixed.min_int, fixed.max_int), min_size=1))
    values = [float((2 * n + 1) * Fraction(2) ** (-fixed.frac - 1)) for n in odd_halves]
    even = [clip(n + (n & 1), fixed) for n in odd_halves]
    assert fixed.from_float(values).tolist() == even


@pytest.mark.parametrize("signed", [True, False])
def test_infinities_saturate(signed):
    fixed = FixedPoint(bits=8, frac=3, signed=signed)
    assert fixed.from_float([-np.inf, np.inf]).tolist() == [fixed.min_int, fixed.max_int]


@settings(deadline=None)
@given(st.data(), formats)
def test_floats_carry_every_integer_of_every_format(data, fixed):
    integers = data.draw(st.lists(st.integers(fixed.min_int, fixed.max_int), min_size=1))
    integers += [fixed.min_int, fixed.max_int]
    values = fixed.to_float(integers)
    assert values.dtype == np.float64
    scale = Fraction(2) ** -fixed.frac
    assert [Fraction(value) for value in values.tolist()] == [n * scale for n in integers]
    assert fixed.from_float(values).tolist() == integers


def test_scalars_have_no_dimension():
    fixed = FixedPoint(bits=8, frac=4)
    assert fixed.from_float(0.75).shape == fixed.to_float(12).shape == ()
    assert fixed.from_float(0.75) == 12


@pytest.mark.parametrize(
    ("fixed", "name"),
    [
        (FixedPoint(bits=12, frac=11), "ap_fixed<12,1,AP_RND_CONV,AP_SAT>"),
        (FixedPoint(bits=8, frac=10, signed=False), "ap_ufixed<8,-2,AP_RND_CONV,AP_SAT>"),
        (FixedPoint(bits=8, frac=-2), "ap_fixed<8,10,AP_RND_CONV,AP_SAT>"),
    ],
)
def test_ap_type_has_integer_bits_rounding_and_overflow(fixed, name):
    assert fixed.ap_type == name


@pytest.mark.parametrize("wrong", [{"bits": 0}, {"bits": 33}, {"frac": 49}, {"width": 8}])
def test_formats_outside_the_exact_range_are_refused(wrong):
    with pytest.raises(ValidationError):
        FixedPoint(**{"bits": 8, "frac": 4} | wrong)
