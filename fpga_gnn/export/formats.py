"""Number formats of a lowered graph: what the firmware's types have to be."""

from __future__ import annotations

import math

from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from fpga_gnn.contract import Contract, FixedPoint, IntegerLayer, Rounding
from fpga_gnn.contract.structure import aggregate_format, common_format, index_format
from fpga_gnn.errors import FpgaGnnError
from fpga_gnn.models.student import accumulator_bound

_ROUNDINGS: dict[str, Rounding] = {"ROUND": "half_even", "FLOOR": "floor"}


def quant_format(model: ModelWrapper, quant: NodeProto) -> FixedPoint:
    """Return the format that a Quant node rounds to.

    Raises ``FpgaGnnError`` for a scale that is no power of two or a zero point.
    """
    scale, zero, bits = (float(model.get_initializer(name).item()) for name in quant.input[1:])
    mantissa, exponent = math.frexp(scale)
    if mantissa != 0.5 or zero != 0:
        raise FpgaGnnError(
            f"{quant.name}: found scale {scale}, zero point {zero}, expected a power of two, 0"
        )
    signed = bool(getCustomOp(quant).get_nodeattr("signed"))
    return FixedPoint(bits=int(bits), frac=1 - exponent, signed=signed)


def quant_rounding(quant: NodeProto) -> Rounding:
    """Return how a Quant node rounds; ``FpgaGnnError`` for a mode that no contract has."""
    mode = getCustomOp(quant).get_nodeattr("rounding_mode")
    if mode not in _ROUNDINGS:
        raise FpgaGnnError(
            f"{quant.name}: found rounding {mode}, expected {' or '.join(_ROUNDINGS)}"
        )
    return _ROUNDINGS[mode]


def tensor_formats(model: ModelWrapper, contract: Contract) -> dict[str, FixedPoint]:
    """Return the format of every tensor of the lowered graph ``model``.

    A ``PointwiseDense`` has the format of the Quant behind it: the firmware rounds there.
    """
    features = contract.features.format
    names = [tensor.name for tensor in model.graph.input]
    formats = dict(zip(names, (features, features, index_format(contract)), strict=True))
    for node in model.graph.node:
        (output,), rows = node.output, node.input[0]
        if node.op_type == "Quant":
            formats[output] = quant_format(model, node)
        elif node.op_type == "PointwiseDense":
            formats[output] = quant_format(model, model.find_consumer(output))
        elif node.op_type == "EdgeGather":
            formats[output] = formats[rows]
        elif node.op_type == "EdgeAggregate":
            formats[output] = aggregate_format(
                formats[rows],
                getCustomOp(node).get_nodeattr("aggregation"),
                contract.partition.max_edges,
            )
        elif node.op_type == "Concat":
            formats[output] = common_format(formats[rows], formats[node.input[1]])
    return formats


def weight_formats(dense: NodeProto) -> tuple[FixedPoint, FixedPoint]:
    """Return the formats of a ``PointwiseDense``'s weight and bias."""
    op = getCustomOp(dense)
    weight, bias = (
        FixedPoint(bits=op.get_nodeattr(f"{name}_bits"), frac=op.get_nodeattr(f"{name}_frac"))
        for name in ("weight", "bias")
    )
    return weight, bias


def accumulator_holds(accumulator: FixedPoint, dense: NodeProto, rows: FixedPoint) -> bool:
    """Tell whether ``accumulator`` holds every partial sum of ``dense`` on inputs of ``rows``."""
    op, (weight, bias) = getCustomOp(dense), weight_formats(dense)
    layer = IntegerLayer(
        weight=weight.from_float(op.get_nodeattr("weight")),
        bias=bias.from_float(op.get_nodeattr("bias")),
        weight_frac=weight.frac,
        bias_frac=bias.frac,
        output=accumulator,
    )
    bound, frac = accumulator_bound(layer, (rows,) * layer.weight.shape[1])
    finer = accumulator.frac - frac
    return finer >= 0 and bound << finer <= accumulator.max_int
