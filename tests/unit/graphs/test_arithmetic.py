from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpga_gnn.graphs.arithmetic import OPEN, FixedPointArithmetic, FloatArithmetic
from fpga_gnn.graphs.hits import HitCoordinates, quantize_hits

FLOAT = FloatArithmetic()


@pytest.fixture(scope="module")
def fixed(w8):
    return FixedPointArithmetic(w8)


def columns(*numbers, dtype=np.int64):
    return [np.array([number], dtype=dtype) for number in numbers]


def test_hits_keep_the_order_of_the_event(real_event, fixed, w8):
    integers, real = fixed.hits(real_event), FLOAT.hits(real_event)
    sorted_ = quantize_hits(real_event, np.unique(real_event.hits.module_key), w8)
    for name, fmt in (("x", w8.hit.length), ("phi", w8.hit.phi), ("eta", w8.hit.eta)):
        column = getattr(integers, name)
        assert np.array_equal(column[sorted_.rows], getattr(sorted_.records, name))
        assert np.abs(fmt.to_float(column) - getattr(real, name)).max() <= 0.5**fmt.frac / 2


def test_coordinates_are_millimetres_turns_and_eta(make_event):
    hits = HitCoordinates.of(make_event([(3, 4, -12), (-1, 0, 0)]))
    assert (hits.x[0], hits.y[0], hits.z[0], hits.r[0]) == (3, 4, -12, 5)
    assert hits.phi.tolist() == [math.atan2(4, 3) / (2 * math.pi), 0.5]
    assert hits.eta[0] == pytest.approx(-math.log(math.tan(math.atan2(5, -12) / 2)))


@pytest.mark.parametrize(
    ("name", "bounds"),
    [("z0", (-3, -2)), ("phi_slope", (-5 * 2**11, -5 * 2**11)), ("dydx", (-(2**23), 2**23 - 1))],
)
def test_integers_round_outwards_and_saturate(fixed, name, bounds):
    """-5 / 2, and twice 2**40."""
    low, high = fixed.ratio(name, *columns(-5, 2, 0))
    if name == "dydx":
        low, _ = fixed.ratio(name, *columns(-(2**40), 1, 0))
        _, high = fixed.ratio(name, *columns(2**40, 1, 0))
    assert (low[0], high[0]) == bounds


def test_a_float_ratio_is_between_its_neighbours():
    low, high = FLOAT.ratio("z0", *columns(-5, 2, 0, dtype=float))
    assert low[0] < -2.5 < high[0]
    assert high[0] - low[0] == 2 * np.spacing(2.5)


@pytest.mark.parametrize("sign", [-1, 0, 1])
def test_a_ratio_without_denominator_is_open(fixed, w8, sign):
    end = w8.windows.dzdr.max_int if sign >= 0 else w8.windows.dzdr.min_int
    assert [side[0] for side in fixed.ratio("dzdr", *columns(7, 0, sign))] == [end, end]
    real = FLOAT.ratio("dzdr", *columns(7, 0, sign, dtype=float))
    assert [side[0] for side in real] == [math.copysign(OPEN, sign + 0.5)] * 2


@given(st.floats(-1.5, 1.5, allow_nan=False))
def test_float_angles_wrap_to_half_a_turn(angle):
    (wrapped,) = FLOAT.wrap(np.array([angle]))
    assert -0.5 <= wrapped <= 0.5
    turns = Fraction(angle) - Fraction(wrapped)
    assert abs(turns - round(turns)) < Fraction(1, 2**50)


def test_ends_and_margins(fixed, w8):
    names = ("inner_z0", "dydx")
    least, most = fixed.ends(names)
    assert least.tolist() == [w8.windows.z0.min_int, w8.windows.dydx.min_int]
    assert most.tolist() == [w8.windows.z0.max_int, w8.windows.dydx.max_int]
    assert [end.tolist() for end in FLOAT.ends(names)] == [[-OPEN] * 2, [OPEN] * 2]
    window = columns(1.5, 2.25, 0.25, dtype=float)
    assert [side[0] for side in fixed.outwards(*window)] == [0, 4]
    assert [side[0] for side in FLOAT.outwards(*window)] == [1.25, 2.5]
