"""hls4ml layers for the dialect's operators, through hls4ml's public extension API only.

Importing this module registers, for the Vitis backend: ``EdgeGather`` and ``EdgeAggregate`` with
their HLS headers, ``PointwiseDense`` as a pointwise ``Conv1D``, a pass that derives the output
types of the two new layers (hls4ml gives classes it does not know the default type, silently),
and a pass that chains Clones where a stream has more readers than one Clone serves.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hls4ml.backends import get_backend
from hls4ml.backends.fpga.passes.clone import Clone
from hls4ml.backends.template import FunctionCallTemplate, LayerConfigTemplate
from hls4ml.converters import register_onnx_layer_handler
from hls4ml.model.attributes import Attribute
from hls4ml.model.flow import update_flow
from hls4ml.model.layers import Layer, register_layer
from hls4ml.model.optimizer import OptimizerPass, register_pass
from hls4ml.model.quantizers import QuantNodeQuantizer
from hls4ml.model.types import (
    FixedPrecisionType,
    IntegerPrecisionType,
    RoundingMode,
    SaturationMode,
    UnspecifiedPrecisionType,
)
from onnx import NodeProto, helper, numpy_helper

from fpga_gnn.contract import FixedPoint, Rounding
from fpga_gnn.contract.structure import aggregate_format
from fpga_gnn.errors import FpgaGnnError
from fpga_gnn.resources import resource_dir

BACKEND = "Vitis"
CLONE_READERS = 7
"""Most readers that hls4ml's Clone can serve."""

HEADERS = ("edge_gather.hpp", "edge_aggregate.hpp")
SOURCES = (*HEADERS, "macros.hpp")
HEADER_DIR = "nnet_utils"

_ROUNDINGS = {"half_even": RoundingMode.RND_CONV, "floor": RoundingMode.TRN}


def fixed_precision(target: FixedPoint, rounding: Rounding = "half_even") -> FixedPrecisionType:
    """Return hls4ml's type of ``target`` with ``rounding`` and saturation."""
    return FixedPrecisionType(
        target.bits,
        target.bits - target.frac,
        target.signed,
        _ROUNDINGS[rounding],
        SaturationMode.SAT,
    )


def precision_format(precision: Any) -> FixedPoint:
    """Return the format of hls4ml's type ``precision``, apart from rounding and overflow."""
    if not isinstance(precision, (FixedPrecisionType, IntegerPrecisionType)):
        raise FpgaGnnError(f"hls4ml type {precision}: expected a fixed-point or integer type")
    frac = precision.width - precision.integer
    return FixedPoint(bits=precision.width, frac=frac, signed=precision.signed)


class EdgeGather(Layer):
    """States of both ends of every edge; inputs: node rows, edge index."""

    _expected_attributes = [Attribute("n_nodes"), Attribute("n_edges")]  # noqa: RUF012

    def initialize(self) -> None:
        width = self.get_input_variable(self.inputs[0]).shape[-1]
        self.add_output_variable([self.get_attr("n_edges"), 2 * width])


class EdgeAggregate(Layer):
    """Joined in-messages and out-messages of every node; inputs: message rows, edge index."""

    _expected_attributes = [  # noqa: RUF012
        Attribute("n_nodes"),
        Attribute("n_edges"),
        Attribute("aggregation", value_type=str),
    ]

    def initialize(self) -> None:
        width = self.get_input_variable(self.inputs[0]).shape[-1]
        self.add_output_variable([self.get_attr("n_nodes"), 2 * width])


class DeriveEdgePrecision(OptimizerPass):
    """Give gathers and maxima the type of their rows, sums their exact type."""

    def match(self, node: Layer) -> bool:
        return (
            isinstance(node, (EdgeGather, EdgeAggregate))
            and _is_open(node.get_output_variable())
            and not _is_open(node.get_input_variable(node.inputs[0]))
        )

    def transform(self, model: Any, node: Layer) -> bool:
        row = node.get_input_variable(node.inputs[0]).type.precision
        result = node.get_output_variable().type
        if node.get_attr("aggregation") == "sum":
            total = aggregate_format(precision_format(row), "sum", node.get_attr("n_edges"))
            row = FixedPrecisionType(total.bits, total.bits - total.frac, total.signed)
        result.precision = row
        return True


class ChainClones(OptimizerPass):
    """Serve an output with more readers than a Clone can have by a chain of Clones."""

    def match(self, node: Layer) -> bool:
        return not isinstance(node, Clone) and any(
            len(readers) > CLONE_READERS for readers in node.get_output_use_map().values()
        )

    def transform(self, model: Any, node: Layer) -> bool:
        (output,) = node.outputs
        variable = node.get_output_variable()
        readers = node.get_output_use_map()[output]
        source, links = output, 0
        while readers:
            full = len(readers) > CLONE_READERS
            served, readers = (
                (readers[: CLONE_READERS - 1], readers[CLONE_READERS - 1 :])
                if full
                else (readers, [])
            )
            copies = [f"{output}_{links}_cpy{i}" for i in range(len(served) + full)]
            for reader, copy in zip(served, copies, strict=False):
                reader.inputs[reader.inputs.index(output)] = copy
            size = {"size": math.prod(variable.shape)}
            clone = model.make_node(Clone, f"clone_{node.name}_{links}", size, [source], copies)
            for copy in copies:
                clone.attributes[copy].type = variable.type
            model.insert_node(clone)
            source, links = copies[-1], links + 1
        return True


class EdgeConfigTemplate(LayerConfigTemplate):
    """The CONFIG_T of both edge kernels; an aggregate's also says how it joins."""

    def __init__(self) -> None:
        super().__init__((EdgeGather, EdgeAggregate))

    def format(self, node: Layer) -> str:
        aggregation = node.get_attr("aggregation")
        join = f"    typedef fpga_gnn::join_{aggregation} join;\n" if aggregation else ""
        return (
            f"struct config{node.index} {{\n"
            f"    static const unsigned n_nodes = {node.get_attr('n_nodes')};\n"
            f"    static const unsigned n_edges = {node.get_attr('n_edges')};\n"
            f"{join}"
            "};\n"
        )


class EdgeFunctionTemplate(FunctionCallTemplate):
    """The call of an edge kernel: rows and edge index in, rows out."""

    def __init__(self) -> None:
        headers = [f"{HEADER_DIR}/{header}" for header in HEADERS]
        super().__init__((EdgeGather, EdgeAggregate), include_header=headers)

    def format(self, node: Layer) -> str:
        kernel = {"EdgeGather": "edge_gather", "EdgeAggregate": "edge_aggregate"}[node.class_name]
        streams = [node.get_input_variable(name) for name in node.inputs]
        streams.append(node.get_output_variable())
        types = ", ".join([*(stream.type.name for stream in streams), f"config{node.index}"])
        return f"fpga_gnn::{kernel}<{types}>({', '.join(stream.name for stream in streams)});"


def _parse_edge_op(
    node: NodeProto, input_names: list[str], input_shapes: list[list[int]], graph: Any
) -> dict[str, Any]:
    rows, edges = input_shapes[0][1], input_shapes[1][1]
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    if "aggregation" in attributes:
        attributes["aggregation"] = attributes["aggregation"].decode()
    return {
        "class_name": node.op_type,
        "name": node.name,
        "inputs": input_names,
        "outputs": list(node.output),
        "n_nodes": rows,
        "n_edges": edges,
        **attributes,
    }


def _parse_pointwise_dense(
    node: NodeProto, input_names: list[str], input_shapes: list[list[int]], graph: Any
) -> dict[str, Any]:
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    weight, bias = (numpy_helper.to_array(attributes[name]) for name in ("weight", "bias"))
    quantizers = {
        f"{name}_quantizer": QuantNodeQuantizer(
            fixed_precision(
                FixedPoint(bits=attributes[f"{name}_bits"], frac=attributes[f"{name}_frac"])
            )
        )
        for name in ("weight", "bias")
    }
    rows = input_shapes[0][1]
    return {
        "class_name": "Conv1D",
        "name": node.name,
        "inputs": input_names,
        "outputs": list(node.output),
        "data_format": "channels_last",
        "in_width": rows,
        "out_width": rows,
        "n_chan": weight.shape[1],
        "n_filt": weight.shape[0],
        "filt_width": 1,
        "stride_width": 1,
        "pad_left": 0,
        "pad_right": 0,
        "weight_data": np.ascontiguousarray(weight.T)[None],
        "bias_data": bias,
        **quantizers,
    }


def _is_open(variable: Any) -> bool:
    return isinstance(variable.type.precision, UnspecifiedPrecisionType)


def _register() -> None:
    for layer in (EdgeGather, EdgeAggregate):
        register_layer(layer.__name__, layer)
        register_onnx_layer_handler(layer.__name__, _parse_edge_op)
    register_onnx_layer_handler("PointwiseDense", _parse_pointwise_dense)
    backend = get_backend(BACKEND)
    backend.register_template(EdgeConfigTemplate)
    backend.register_template(EdgeFunctionTemplate)
    for source in SOURCES:
        path = resource_dir("hls") / "include" / "fpga_gnn" / source
        backend.register_source(path, destination_dir=HEADER_DIR)
    register_pass("derive_edge_precision", DeriveEdgePrecision)
    update_flow("parse_qonnx", add_optimizers=["derive_edge_precision"])
    # Before hls4ml's own Clone pass, which raises beyond its limit.
    backend.register_pass("chain_clones", ChainClones)
    update_flow("vivado:streaming", remove_optimizers=["vivado:clone_output"])
    update_flow("vivado:streaming", add_optimizers=["vitis:chain_clones", "vivado:clone_output"])


_register()
