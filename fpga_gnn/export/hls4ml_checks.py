"""Raise unless hls4ml took every setting and type as the lowered graph needs it.

hls4ml replaces reuse factors and strategies it finds invalid with a warning, and gives layers it
cannot type a default type without one.
"""

from __future__ import annotations

from typing import Any

from hls4ml.model.layers import Layer
from onnx import NodeProto
from qonnx.core.modelwrapper import ModelWrapper

from fpga_gnn.contract import Contract, FixedPoint
from fpga_gnn.errors import FpgaGnnError
from fpga_gnn.export.formats import accumulator_holds, tensor_formats, weight_formats
from fpga_gnn.export.hls4ml_extension import fixed_precision, precision_format

STRATEGY = "latency"
REUSE_FACTOR = 1


def require_as_asked(graph: Any, model: ModelWrapper, contract: Contract) -> None:
    """Compare every layer of hls4ml's ``graph`` with the lowered ``model`` it came from.

    Checked: that each operator became the layer it should, output, weight and bias types,
    rounding and saturation where a layer rounds, accumulators that hold every partial sum,
    strategy, reuse factor, and FIFOs as deep as their streams have rows. Raises ``FpgaGnnError``
    at the first difference.
    """
    formats = tensor_formats(model, contract)
    expected = _expected_layers(model)
    for layer in graph.get_layers():
        for variable in layer.get_variables():
            _require(layer, "FIFO", ("stream", variable.shape[0]), tuple(variable.pragma))
        if layer.class_name == "Clone":
            source = layer.get_input_variable().type.precision
            for copy in layer.get_variables():
                _require(layer, "type", source, copy.type.precision)
            continue
        kind, tensor, dense = expected.pop(layer.name, ("no such layer", layer.name, None))
        _require(layer, "class", kind, layer.class_name)
        precision = layer.get_output_variable().type.precision
        _require(layer, "type", formats[tensor], precision_format(precision))
        if kind in {"PointwiseConv1D", "Activation"}:
            _require(layer, "rounding", fixed_precision(formats[tensor]), precision)
        if dense is not None:
            _require_dense(layer, dense, formats[dense.input[0]])
    if expected:
        raise FpgaGnnError(f"hls4ml project: layers {', '.join(expected)} are missing")


def _expected_layers(model: ModelWrapper) -> dict[str, tuple[str, str, NodeProto | None]]:
    """Return the layers that the firmware must have: hls4ml's class, output tensor, dense node."""
    inputs = [tensor.name for tensor in model.graph.input]
    layers: dict[str, tuple[str, str, NodeProto | None]] = {
        name: ("Input", name, None) for name in inputs
    }
    for node in model.graph.node:
        (output,) = node.output
        if node.op_type == "PointwiseDense":
            layers[node.name] = ("PointwiseConv1D", output, node)
        elif node.op_type != "Quant":
            kind = "Concatenate" if node.op_type == "Concat" else node.op_type
            layers[node.name] = (kind, output, None)
        elif node.input[0] not in inputs:
            producer = model.find_producer(node.input[0])
            if producer.op_type != "PointwiseDense":  # a dense layer rounds its own output
                layers[f"{node.name}_act"] = ("Activation", output, None)
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


def _require(layer: Layer, what: str, expected: Any, found: Any) -> None:
    if expected != found:
        raise FpgaGnnError(f"hls4ml layer {layer.name}: {what}: found {found}, expected {expected}")
