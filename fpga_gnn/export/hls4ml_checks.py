"""Raise unless hls4ml took every setting and type as the lowered graph needs it.

hls4ml replaces reuse factors and strategies it finds invalid with a warning, and gives layers it
cannot type a default type without one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from hls4ml.model.layers import Layer
from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper

from fpga_gnn.contract import Contract, FixedPoint, Rounding
from fpga_gnn.errors import FpgaGnnError
from fpga_gnn.export.fifo_depths import Schedule
from fpga_gnn.export.formats import (
    accumulator_holds,
    quant_rounding,
    tensor_formats,
    weight_formats,
)
from fpga_gnn.export.hls4ml_extension import KERNELS, fixed_precision, precision_format

STRATEGY = "latency"
REUSE_FACTOR = 1


@dataclass(frozen=True)
class _Expected:
    """A layer that the firmware must have: hls4ml's class, the tensor it writes, how it rounds."""

    kind: str
    tensor: str
    rounding: Rounding | None = None
    dense: NodeProto | None = None
    identity: bool = False
    """Leaves its input as it is: hls4ml may drop it."""


def require_as_asked(graph: Any, model: ModelWrapper, contract: Contract) -> None:
    """Compare every layer of hls4ml's ``graph`` with the lowered ``model`` it came from.

    Checked: that each operator became the layer it should, output, weight and bias types,
    rounding and saturation where a layer rounds, accumulators that hold every partial sum,
    our kernel where we have one, strategy, reuse factor, and FIFOs as deep as ``fifo_depths``
    says. Raises ``FpgaGnnError`` at the first difference.
    """
    formats = tensor_formats(model, contract)
    expected = _expected_layers(model, formats)
    for layer in graph.get_layers():
        if layer.class_name == "Clone":
            source = layer.get_input_variable().type.precision
            for copy in layer.get_variables():
                _require(layer, "type", source, copy.type.precision)
            continue
        its = expected.pop(layer.name, _Expected("no such layer", layer.name))
        _require(layer, "class", its.kind, layer.class_name)
        if layer.class_name in KERNELS:
            call = re.match(r"[\w:]+", layer.get_attr("function_cpp"))
            _require(layer, "kernel", f"fpga_gnn::{KERNELS[layer.class_name]}", call and call[0])
        precision = layer.get_output_variable().type.precision
        _require(layer, "type", formats[its.tensor], precision_format(precision))
        if its.rounding is not None:
            target = fixed_precision(formats[its.tensor], its.rounding)
            _require(layer, "rounding", target, precision)
        if its.dense is not None:
            _require_dense(layer, its.dense, formats[its.dense.input[0]])
    missing = [name for name, its in expected.items() if not its.identity]
    if missing:
        raise FpgaGnnError(f"hls4ml project: layers {', '.join(missing)} are missing")
    _require_fifos(graph)


def _expected_layers(model: ModelWrapper, formats: dict[str, FixedPoint]) -> dict[str, _Expected]:
    inputs = [tensor.name for tensor in model.graph.input]
    layers = {name: _Expected("Input", name) for name in inputs}
    for node in model.graph.node:
        (output,) = node.output
        if node.op_type == "PointwiseDense":  # rounds its own output
            rounding = quant_rounding(model.find_consumer(output))
            layers[node.name] = _Expected("PointwiseConv1D", output, rounding, node)
        elif node.op_type != "Quant":
            kind = "Concatenate" if node.op_type == "Concat" else node.op_type
            layers[node.name] = _Expected(kind, output)
        elif node.input[0] not in inputs:
            producer = model.find_producer(node.input[0])
            if producer.op_type != "PointwiseDense":
                identity = formats[node.input[0]] == formats[output]
                layers[f"{node.name}_act"] = _Expected(
                    "Activation", output, quant_rounding(node), identity=identity
                )
    return layers


def _require_dense(layer: Layer, dense: NodeProto, rows: FixedPoint) -> None:
    for name, target in zip(("weight", "bias"), weight_formats(dense), strict=True):
        _require(
            layer, f"{name} type", target, precision_format(layer.types[f"{name}_t"].precision)
        )
    accumulator = precision_format(layer.types["accum_t"].precision)
    if not accumulator_holds(accumulator, dense, rows):
        raise FpgaGnnError(f"hls4ml layer {layer.name}: accumulator {accumulator} may overflow")
    _require(layer, "strategy", STRATEGY, layer.get_attr("strategy"))
    _require(layer, "reuse factor", REUSE_FACTOR, layer.get_attr("reuse_factor"))


def _require_fifos(graph: Any) -> None:
    fifos = Schedule(graph).fifos
    for layer in graph.get_layers():
        for stream in fifos.keys() & layer.outputs:
            found = tuple(layer.get_output_variable(stream).pragma)
            _require(layer, "FIFO", ("stream", fifos[stream].depth), found)


def _require(layer: Layer, what: str, expected: Any, found: Any) -> None:
    if expected != found:
        raise FpgaGnnError(f"hls4ml layer {layer.name}: {what}: found {found}, expected {expected}")
