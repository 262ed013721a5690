"""Number formats of a lowered graph: what the firmware's types have to be."""

from __future__ import annotations

import math

from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from fpga_gnn.contract import Contract, FixedPoint, IntegerLayer
from fpga_gnn.errors import FpgaGnnError
from fpga_gnn.models.student import accumulator_bound


def index_format(contract: Contract) -> FixedPoint:
    """Return the format of a node slot's number."""
    return FixedPoint(bits=math.ceil(math.log2(contract.partition.max_nodes)), frac=0, signed=False)


def quant_format(model: ModelWrapper, quant: NodeProto) -> FixedPoint:
    """Return the format that a Quant node rounds to.

    Raises ``FpgaGnnError`` for a scale that is no power of two, a zero point or another rounding.
    """
    scale, zero, bits = (float(model.get_initializer(name).item()) for name in quant.input[1:])
    op = getCustomOp(quant)
    rounding, signed = op.get_nodeattr("rounding_mode"), op.get_nodeattr("signed")
    mantissa, exponent = math.frexp(scale)
    if mantissa != 0.5 or zero != 0 or rounding != "ROUND":
        raise FpgaGnnError(
            f"{quant.name}: found scale {scale}, zero point {zero}, rounding {rounding}, "
            "expected a power of two, 0, ROUND"
        )
    return FixedPoint(bits=int(bits), frac=1 - exponent, signed=bool(signed))


def sum_format(term: FixedPoint, terms: int) -> FixedPoint:
    """Return the exact format of a sum of up to ``terms`` terms."""
    return FixedPoint(
        bits=term.bits + math.ceil(math.log2(terms)), frac=term.frac, signed=term.signed
    )


def common_format(one: FixedPoint, two: FixedPoint) -> FixedPoint:
    """Return the smallest format that holds all values of both."""
    signed, frac = one.signed or two.signed, max(one.frac, two.frac)
    integer = max(f.bits - f.frac + (signed and not f.signed) for f in (one, two))
    return FixedPoint(bits=integer + frac, frac=frac, signed=signed)


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
            formats[output] = sum_format(formats[rows], contract.partition.max_edges)
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
