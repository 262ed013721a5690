"""LUTs of the MLPs as da4ml would build them: constant multipliers out of shared adders.

da4ml (Sun et al., arXiv:2507.04535) turns each product of a vector with a constant matrix into
additions of shifted columns, so zeros and few-bit weights cost less; its estimates count LUTs of
combinational logic, registers left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from da4ml.cmvm import solver_options_t
from da4ml.trace import FixedVariable, FixedVariableArray, HWConfig, comb_trace
from da4ml.types import CombLogic

from fpga_gnn.contract import FixedPoint, IntegerLayer, IntegerNetwork, Rounding
from fpga_gnn.contract.structure import network_mlps
from fpga_gnn.errors import FpgaGnnError

_HARDWARE = HWConfig(adder_size=1, carry_size=-1, latency_cutoff=-1)
"""da4ml's default: one LUT per bit of an adder, every adder one level, no pipeline registers."""

_OPTIONS: solver_options_t = {"search_all_decompose_dc": False}
"""One search of the adder tree instead of one for each depth: 4 times faster, 1 % more LUTs."""

_FINEST = 31
"""da4ml reads constants down to 2**-32, and half an output LSB is one of them."""

_ADDERS = {0, 1, 4}
"""da4ml's operations on two values, or a value and a constant: sum, difference, sum."""


@dataclass(frozen=True)
class MlpCost:
    """da4ml's estimate of one MLP: LUTs, adders (comparators included) and depth in levels.

    ``depth`` is the longest path, with one level per adder, multiplexer or bit operation.
    """

    luts: int
    adders: int
    depth: int


def network_luts(network: IntegerNetwork) -> dict[str, MlpCost]:
    """Return the cost of every MLP the firmware instantiates: each iteration has its own."""
    return {
        mlp.name: mlp_cost(mlp.layers, mlp.inputs, network.rounding)
        for mlp in network_mlps(network)
    }


def mlp_cost(
    layers: Sequence[IntegerLayer], inputs: tuple[FixedPoint, ...], rounding: Rounding
) -> MlpCost:
    """Return the cost of ``layers`` on columns of the formats ``inputs``.

    Raises ``FpgaGnnError`` for binary points finer than da4ml can read.
    """
    logic = trace_mlp(layers, inputs, rounding)
    return MlpCost(
        luts=round(logic.cost),
        adders=sum(op.opcode in _ADDERS for op in logic.ops),
        depth=int(logic.latency[1]),
    )


def trace_mlp(
    layers: Sequence[IntegerLayer], inputs: tuple[FixedPoint, ...], rounding: Rounding
) -> CombLogic:
    """Return da4ml's program of ``layers``, which computes what ``reference.mlp.mlp`` does.

    It takes and returns real numbers on the grids of ``inputs`` and of the last layer's output.
    """
    _require_readable(layers, inputs)
    signed, integer, frac = (np.array(column) for column in zip(*map(_kif, inputs), strict=True))
    first = FixedVariableArray.from_kif(
        signed, integer, frac, hwconf=_HARDWARE, solver_options=_OPTIONS
    )
    x = first
    for layer in layers:
        total = x @ np.ldexp(layer.weight.T, -layer.weight_frac)
        total = total + np.ldexp(layer.bias, -layer.bias_frac)
        rows = [_requantize(total[i], layer.output, rounding) for i in range(len(total))]
        x = FixedVariableArray(np.array(rows), solver_options=_OPTIONS, hwconf=_HARDWARE)
    return comb_trace(first, x)


def _kif(target: FixedPoint) -> tuple[int, int, int]:
    """da4ml's form of a format: sign bit, integer bits without it, fraction bits."""
    return int(target.signed), target.bits - target.signed - target.frac, target.frac


def _requantize(value: FixedVariable, target: FixedPoint, rounding: Rounding) -> FixedVariable:
    if rounding == "half_even" and value.kif[2] > target.frac:
        value = _half_even(value, target.frac)
    return value.quantize(*_kif(target), overflow_mode="SAT", round_mode="TRN")


def _half_even(value: FixedVariable, frac: int) -> FixedVariable:
    """Round half up; a result that came from a tie, no bits being left below it, is made even.

    A negative value keeps its sign bit, however coarse the grid is.
    """
    raised = value + 2.0 ** (-frac - 1)
    signed, integer, finest = raised.kif
    even = raised.quantize(signed, max(integer, 1 - frac), frac - 1)
    last = raised.quantize(0, 1 - frac, frac)
    below = raised.quantize(0, -frac, finest)
    return even | (last & below.unary_bit_op("any") * 2.0**-frac)


def _require_readable(layers: Sequence[IntegerLayer], inputs: tuple[FixedPoint, ...]) -> None:
    frac = max(column.frac for column in inputs)
    for i, layer in enumerate(layers):
        finest = max(frac + layer.weight_frac, layer.bias_frac, layer.output.frac)
        if finest > _FINEST:
            raise FpgaGnnError(
                f"layer {i}: found {finest} fraction bits, expected at most {_FINEST} (da4ml)"
            )
        frac = layer.output.frac
