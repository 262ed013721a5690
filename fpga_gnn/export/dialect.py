"""The ONNX operators of our dialect (domain ``fpga_gnn.custom_op``), executable by qonnx.

    EdgeGather(x [1,N,H], edge_index [1,E,2]) -> [1,E,2H]      x[src], x[dst] side by side
    EdgeAggregate(m [1,E,H], edge_index; n_nodes, aggregation) -> [1,N,2H]
                                                           over in-edges, over out-edges
    PointwiseDense(x [1,R,F]; weight [H,F], bias [H]) -> [1,R,H]  x @ weight.T + bias per row

``edge_index`` is int64 with one (source, destination) pair per row. ``aggregation`` is ``sum``,
or ``max``: the largest of the messages and zero. ``weight`` and ``bias`` are real values;
``weight_bits``, ``weight_frac``, ``bias_bits``, ``bias_frac`` are their formats.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto
from qonnx.core.datatype import DataType
from qonnx.custom_op.base import CustomOp
from qonnx.custom_op.registry import add_domain_alias

from fpga_gnn.models.student import DOMAIN

__all__ = ["DOMAIN", "EdgeAggregate", "EdgeGather", "PointwiseDense"]

Array = NDArray[Any]


class _RowOp(CustomOp):
    """An operator on rows: subclasses say the output's shape and its value."""

    def output_shape(self, *inputs: tuple[int, ...]) -> tuple[int, ...]:
        raise NotImplementedError

    def compute(self, *inputs: Array) -> Array:
        raise NotImplementedError

    def get_nodeattr_types(self) -> dict[str, tuple[str, bool, Any]]:
        return {}

    def make_shape_compatible_op(self, model: Any) -> NodeProto:
        shapes = (tuple(model.get_tensor_shape(name)) for name in self.onnx_node.input)
        return self.make_const_shape_op(self.output_shape(*shapes))

    def infer_node_datatype(self, model: Any) -> None:
        model.set_tensor_datatype(self.onnx_node.output[0], DataType["FLOAT32"])

    def execute_node(self, context: dict[str, Array], graph: Any) -> None:
        inputs = (context[name] for name in self.onnx_node.input)
        context[self.onnx_node.output[0]] = self.compute(*inputs)

    def verify_node(self) -> list[str]:
        return []


class EdgeGather(_RowOp):
    """Gather both end states of every edge."""

    def output_shape(self, *inputs: tuple[int, ...]) -> tuple[int, ...]:
        (batch, _, width), (_, edges, _) = inputs
        return (batch, edges, 2 * width)

    def compute(self, *inputs: Array) -> Array:
        x, edge_index = inputs
        src, dst = edge_index[0].T
        return np.concatenate((x[:, src], x[:, dst]), axis=-1)


class EdgeAggregate(_RowOp):
    """Join every node's edge messages, apart for in-edges and out-edges."""

    def get_nodeattr_types(self) -> dict[str, tuple[str, bool, Any]]:
        return {"n_nodes": ("i", True, 0), "aggregation": ("s", True, "", {"sum", "max"})}

    def output_shape(self, *inputs: tuple[int, ...]) -> tuple[int, ...]:
        (batch, _, width), _ = inputs
        return (batch, self.get_nodeattr("n_nodes"), 2 * width)

    def compute(self, *inputs: Array) -> Array:
        messages, edge_index = inputs
        src, dst = edge_index[0].T
        width = messages.shape[-1]
        join = {"sum": np.add, "max": np.maximum}[self.get_nodeattr("aggregation")]
        joined = np.zeros(self.output_shape(messages.shape, edge_index.shape), messages.dtype)
        join.at(joined[0, :, :width], dst, messages[0])
        join.at(joined[0, :, width:], src, messages[0])
        return joined


class PointwiseDense(_RowOp):
    """Apply one quantized dense layer to every row."""

    def get_nodeattr_types(self) -> dict[str, tuple[str, bool, Any]]:
        none = np.zeros(0, np.float32)
        formats = ("weight_bits", "weight_frac", "bias_bits", "bias_frac")
        return {
            "weight": ("t", True, none),
            "bias": ("t", True, none),
            **dict.fromkeys(formats, ("i", True, 0)),
        }

    def output_shape(self, *inputs: tuple[int, ...]) -> tuple[int, ...]:
        ((batch, rows, _),) = inputs
        return (batch, rows, len(self.get_nodeattr("bias")))

    def compute(self, *inputs: Array) -> Array:
        (x,) = inputs
        product: Array = x @ self.get_nodeattr("weight").T + self.get_nodeattr("bias")
        return product


add_domain_alias(DOMAIN, __name__)
