"""da4ml's programs compute what the reference does, and what they cost."""

from __future__ import annotations

import dataclasses
from itertools import pairwise, product

import numpy as np
import pytest

from fpga_gnn.contract import FixedPoint, IntegerLayer
from fpga_gnn.errors import FpgaGnnError
from fpga_gnn.export.da4ml_cost import MlpCost, mlp_cost, network_luts, trace_mlp
from fpga_gnn.reference.mlp import concatenate, mlp

FINE, COARSE = FixedPoint(bits=6, frac=5), FixedPoint(bits=6, frac=3)
INPUTS = (FINE,) * 8 + (COARSE,) * 4
BYTE = FixedPoint(bits=8, frac=0)


def layers(sizes, seed, zeros, bits=6):
    """Random layers; ReLUs and a signed output that all saturate now and then."""
    rng = np.random.default_rng(seed)
    result = []
    for i, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        last = i == len(sizes) - 2
        weight = rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), (fan_out, fan_in))
        weight[rng.random(weight.shape) < zeros] = 0
        bias = rng.integers(-32, 32, fan_out)
        output = FixedPoint(bits=bits, frac=4 + 2 * last, signed=last)
        result.append(IntegerLayer(weight, bias, bits - 1, 5 + i, output))
    return tuple(result)


def random_rows(inputs, n, seed):
    """Integers [n, columns], each in LSB of its format; the first half are extremes."""
    rng = np.random.default_rng(seed)
    low, high = (np.array([getattr(c, end) for c in inputs]) for end in ("min_int", "max_int"))
    rows = rng.integers(low, high, (n, len(inputs)), endpoint=True)
    extreme = rng.choice((low, high), (n // 2, len(inputs)))[:, 0, :]
    rows[: n // 2] = np.where(rng.random((n // 2, len(inputs))) < 0.7, extreme, rows[: n // 2])
    return rows


def both(network, inputs, rows, rounding):
    """Outputs of the reference and of da4ml, in LSB."""
    parts = [(rows[:, [i]], column.frac) for i, column in enumerate(inputs)]
    expected = mlp(network, *concatenate(parts), rounding)
    floats = np.stack([c.to_float(rows[:, i]) for i, c in enumerate(inputs)], axis=1)
    found = trace_mlp(network, inputs, rounding).predict(floats, n_threads=1)
    return expected, np.ldexp(found, network[-1].output.frac)


@pytest.mark.parametrize("rounding", ["half_even", "floor"])
@pytest.mark.parametrize("zeros", [0, 0.6])
def test_the_program_is_the_reference(rounding, zeros):
    network = layers((12, 8, 8, 4), 1, zeros)
    expected, found = both(network, INPUTS, random_rows(INPUTS, 4000, 2), rounding)
    np.testing.assert_array_equal(found, expected)
    output = network[-1].output
    assert {output.min_int, output.max_int} <= set(expected.ravel().tolist())


@pytest.mark.parametrize("rounding", ["half_even", "floor"])
@pytest.mark.parametrize("dead", [[0], [0, 1, 2]])
def test_units_without_weights_are_constants(rounding, dead):
    first, last = layers((12, 3, 2), 3, 0.5)
    first.weight[dead] = 0
    expected, found = both((first, last), INPUTS, random_rows(INPUTS, 500, 4), rounding)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [("half_even", [-2, -2, -1, 0, 0, 0, 1, 2, 2]), ("floor", [-2, -2, -1, -1, 0, 0, 1, 1, 2])],
)
def test_ties(rounding, expected):
    """One input in halves: -2, -1.5, ..., 2 rounded to integers."""
    half = FixedPoint(bits=4, frac=1)
    network = (IntegerLayer(np.array([[1]]), np.array([0]), 0, 0, BYTE),)
    rows = np.arange(-4, 5)[:, None]
    for outputs in both(network, (half,), rows, rounding):
        assert outputs[:, 0].tolist() == expected


@pytest.mark.parametrize("rounding", ["half_even", "floor"])
def test_every_value_of_small_formats(rounding):
    """Outputs coarser than the input, coarser even than its whole range, or finer."""
    for bits, frac, *signs in product((2, 4), (-4, -3, -2, -1, 0, 1), (True, False), (True, False)):
        source = FixedPoint(bits=bits, frac=0, signed=signs[0])
        output = FixedPoint(bits=3, frac=frac, signed=signs[1])
        rows = np.arange(source.min_int, source.max_int + 1)[:, None]
        for bias in (0, 1, -1, 3, -5, 9):
            network = (IntegerLayer(np.array([[1]]), np.array([bias]), 0, 1, output),)
            expected, found = both(network, (source,), rows, rounding)
            np.testing.assert_array_equal(found, expected)


def test_finer_outputs_and_no_rounding():
    fine = dataclasses.replace(layers((12, 3), 5, 0)[0], output=FixedPoint(bits=12, frac=12))
    expected, found = both((fine,), INPUTS, random_rows(INPUTS, 500, 6), "half_even")
    np.testing.assert_array_equal(found, expected)


def test_cost_of_one_adder():
    """3 x = x + 2 x: one adder of 4 bits; 2 x is a shift and costs nothing."""
    nibble = FixedPoint(bits=4, frac=0)

    def cost(weight):
        layer = IntegerLayer(np.array([[weight]]), np.array([0]), 0, 0, BYTE)
        return mlp_cost((layer,), (nibble,), "half_even")

    assert cost(3) == MlpCost(luts=4, adders=1, depth=1)
    assert cost(2) == MlpCost(luts=0, adders=0, depth=0)


def test_zeros_and_narrow_weights_and_floor_cost_less():
    dense = mlp_cost(layers((12, 8, 8), 7, 0), INPUTS, "half_even")
    sparse = mlp_cost(layers((12, 8, 8), 7, 0.6), INPUTS, "half_even")
    narrow = mlp_cost(layers((12, 8, 8), 7, 0, bits=3), INPUTS, "half_even")
    floor = mlp_cost(layers((12, 8, 8), 7, 0), INPUTS, "floor")
    assert max(sparse.luts, narrow.luts) < 0.7 * dense.luts
    assert floor.luts < dense.luts
    assert floor.depth < dense.depth


def test_every_instance_has_its_cost(contract, make_student):
    network = make_student(contract).integer_network()
    costs = network_luts(network)
    iterations = [f"{kind}_updates[{i}]" for i in (0, 1) for kind in ("edge", "node")]
    assert list(costs) == ["node_encoder", "edge_encoder", *iterations, "decoder"]
    x, e = network.node_encoder[-1].output, network.edge_encoder[-1].output
    update = network.edge_updates[0]
    assert costs["edge_updates[0]"] == mlp_cost(update, (x,) * 16 + (e,) * 8, network.rounding)
    assert costs == network_luts(network)


def test_unreadable_binary_points():
    layer = IntegerLayer(np.array([[1]]), np.array([1]), 0, 40, BYTE)
    with pytest.raises(FpgaGnnError, match="found 40 fraction bits, expected at most 31"):
        mlp_cost((layer,), (BYTE,), "floor")
