from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpga_gnn.contract import FixedPoint, IntegerLayer
from fpga_gnn.reference.mlp import concatenate, dense, mlp


def layer(weight, bias, weight_frac=0, bias_frac=0, bits=8, frac=0, signed=True):
    output = FixedPoint(bits=bits, frac=frac, signed=signed)
    return IntegerLayer(np.array(weight), np.array(bias), weight_frac, bias_frac, output)


def test_ties_round_to_even_and_the_output_saturates():
    halves = np.array([[-3], [-1], [1], [3], [5], [400], [-400]])
    found = dense(layer([[1]], [0]), halves, 1, "half_even")
    assert found[:, 0].tolist() == [-2, 0, 0, 2, 2, 127, -128]


def test_floor_rounds_down_and_the_output_saturates():
    halves = np.array([[-3], [-1], [1], [3], [5], [400], [-400]])
    found = dense(layer([[1]], [0]), halves, 1, "floor")
    assert found[:, 0].tolist() == [-2, -1, 0, 1, 2, 127, -128]


@pytest.mark.parametrize("rounding", ["half_even", "floor"])
def test_an_unsigned_output_is_a_relu(rounding):
    found = dense(layer([[1]], [0], signed=False), np.array([[-5], [7], [300]]), 0, rounding)
    assert found[:, 0].tolist() == [0, 7, 255]


def test_the_bias_is_added_before_rounding():
    one_half = layer([[1]], [1], bias_frac=1)
    rows = np.array([[1], [2]])
    assert dense(one_half, rows, 0, "half_even")[:, 0].tolist() == [2, 2]
    assert dense(one_half, rows, 0, "floor")[:, 0].tolist() == [1, 2]


def test_concatenation_aligns_to_the_finest_point():
    joined, frac = concatenate([(np.array([[3]]), 1), (np.array([[5]]), 4)])
    assert (joined.tolist(), frac) == ([[24, 5]], 4)


def test_layers_follow_each_other():
    layers = [layer([[2], [-2]], [0, 0], signed=False), layer([[1, 1]], [1])]
    assert mlp(layers, np.array([[3], [-4]]), 0, "half_even").tolist() == [[7], [9]]


def test_every_layer_rounds():
    layers = [layer([[1]], [0]), layer([[1]], [0], weight_frac=1)]
    assert mlp(layers, np.array([[11]]), 2, "half_even").tolist() == [[2]]  # 2.75 -> 3 -> 1.5 -> 2
    assert mlp(layers, np.array([[11]]), 2, "floor").tolist() == [[1]]  # 2.75 -> 2 -> 1


@given(st.data())
def test_dense_is_exact_rational_arithmetic(data):
    small, frac = st.integers(-128, 127), st.integers(-3, 9)
    rows, columns = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 5))
    draw = lambda *shape: np.array(  # noqa: E731
        data.draw(st.lists(small, min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))
    ).reshape(shape)
    it = layer(
        draw(rows, columns),
        draw(rows),
        data.draw(frac),
        data.draw(frac),
        frac=data.draw(frac),
        signed=data.draw(st.booleans()),
    )
    x, x_frac = draw(4, columns), data.draw(frac)
    rounding = data.draw(st.sampled_from(["half_even", "floor"]))
    to_integer = {"half_even": round, "floor": floor}[rounding]
    found = dense(it, x, x_frac, rounding)
    for r, o in np.ndindex(found.shape):
        products = sum(int(a) * int(w) for a, w in zip(x[r], it.weight[o], strict=True))
        value = products * Fraction(2) ** -(x_frac + it.weight_frac)
        value += int(it.bias[o]) * Fraction(2) ** -it.bias_frac
        expected = to_integer(value * Fraction(2) ** it.output.frac)
        assert found[r, o] == min(max(expected, it.output.min_int), it.output.max_int)
