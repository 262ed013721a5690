"""hls4ml layers for the dialect's operators, through hls4ml's public extension API only.

Importing this module registers, for the Vitis backend: ``EdgeGather`` and ``EdgeAggregate`` with
their HLS headers, ``PointwiseDense`` as a pointwise ``Conv1D`` whose kernel is ours, a pass that
derives the output types of the two new layers (hls4ml gives classes it does not know the default
type, silently), and a pass that clones a stream once per phase of its readers.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any

import numpy as np
from hls4ml.backends import get_backend
from hls4ml.backends.fpga.fpga_layers import PointwiseConv1D
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
from fpga_gnn.export.fifo_depths import Schedule
from fpga_gnn.resources import resource_dir

BACKEND = "Vitis"
KERNELS = {
    "EdgeGather": "edge_gather",
    "EdgeAggregate": "edge_aggregate",
    "PointwiseConv1D": "pointwise_dense",
}
"""Name of our kernel, and of its header, for each class of layers that has one."""

SOURCES = (*(f"{kernel}.hpp" for kernel in KERNELS.values()), "macros.hpp")
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


class CloneByPhase(OptimizerPass):
    """Serve an output with several readers by one Clone per phase of them, each feeding the next.

    The link to the next Clone (or to the only reader of the last phase) is then the one FIFO that
    keeps the stream from a phase to the next; one Clone for all phases would keep a copy for each
    of them, and hold the next graph's first phase back until this graph's last phase reads.
    """

    def match(self, node: Layer) -> bool:
        return not isinstance(node, Clone) and any(
            len(readers) > 1 for readers in node.get_output_use_map().values()
        )

    def transform(self, model: Any, node: Layer) -> bool:
        (output,) = node.outputs
        schedule = Schedule(model)
        phases = defaultdict(list)
        for reader in model.get_layers():
            for place, name in enumerate(reader.inputs):
                if name == output:
                    phases[schedule.read_phase(reader, place)].append((reader, place))
        groups = [phases[phase] for phase in sorted(phases)]
        source, sources = output, list[tuple[tuple[Layer, int], str]]()
        for link, group in enumerate(groups):
            more = link + 1 < len(groups)
            streams = [source]
            if more or len(group) > 1:
                streams = [f"{output}_{link}_cpy{i}" for i in range(len(group) + more)]
                self._insert(model, node, f"clone_{node.name}_{link}", source, streams)
            sources += zip(group, streams, strict=False)
            source = streams[-1]
        # Last, because inserting a Clone gives its first output to some reader.
        for (reader, place), stream in sources:
            reader.inputs[place] = stream
        return True

    @staticmethod
    def _insert(model: Any, node: Layer, name: str, source: str, copies: list[str]) -> None:
        variable = node.get_output_variable()
        size = {"size": math.prod(variable.shape)}
        clone = model.make_node(Clone, name, size, [source], copies)
        for copy in copies:
            clone.attributes[copy].type = variable.type
        model.insert_node(clone)


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
        layers = (EdgeGather, EdgeAggregate)
        super().__init__(layers, include_header=[_header(layer.__name__) for layer in layers])

    def format(self, node: Layer) -> str:
        return _call(node)


class PointwiseDenseConfigTemplate(LayerConfigTemplate):
    """The CONFIG_T of a dense layer."""

    def __init__(self) -> None:
        super().__init__(PointwiseConv1D)
        self.name = "pointwise_dense_config_template"

    def format(self, node: Layer) -> str:
        return (
            f"struct config{node.index} {{\n"
            f"    static const unsigned n_rows = {node.get_attr('in_width')};\n"
            f"    static const unsigned n_in = {node.get_attr('n_chan')};\n"
            f"    static const unsigned n_out = {node.get_attr('n_filt')};\n"
            f"    static const unsigned reuse_factor = {node.get_attr('reuse_factor')};\n"
            f"    typedef {node.types['accum_t'].name} accum_t;\n"
            f"    typedef {node.types['weight_t'].name} weight_t;\n"
            f"    typedef {node.types['bias_t'].name} bias_t;\n"
            "};\n"
        )


class PointwiseDenseFunctionTemplate(FunctionCallTemplate):
    """The call of a dense layer: rows in, rows out, weights and biases."""

    def __init__(self) -> None:
        super().__init__(PointwiseConv1D, include_header=[_header(PointwiseConv1D.__name__)])
        self.name = "pointwise_dense_function_template"

    def format(self, node: Layer) -> str:
        return _call(node, node.get_weights("weight").name, node.get_weights("bias").name)


def _header(class_name: str) -> str:
    return f"{HEADER_DIR}/{KERNELS[class_name]}.hpp"


def _call(node: Layer, *arguments: str) -> str:
    """Return the call of the kernel of ``node`` on its streams and ``arguments``."""
    streams = [node.get_input_variable(name) for name in node.inputs]
    streams.append(node.get_output_variable())
    types = ", ".join([*(stream.type.name for stream in streams), f"config{node.index}"])
    names = ", ".join([*(stream.name for stream in streams), *arguments])
    return f"fpga_gnn::{KERNELS[node.class_name]}<{types}>({names});"


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
    # Beside hls4ml's own templates of the class, which run before them, so that ours replace them.
    for template in (PointwiseDenseConfigTemplate, PointwiseDenseFunctionTemplate):
        get_backend("Vivado").register_template(template)
    for source in SOURCES:
        path = resource_dir("hls") / "include" / "fpga_gnn" / source
        backend.register_source(path, destination_dir=HEADER_DIR)
    register_pass("derive_edge_precision", DeriveEdgePrecision)
    update_flow("parse_qonnx", add_optimizers=["derive_edge_precision"])
    backend.register_pass("clone_by_phase", CloneByPhase)
    update_flow("vivado:streaming", remove_optimizers=["vivado:clone_output"])
    update_flow("vivado:streaming", add_optimizers=["vitis:clone_by_phase"])


_register()
