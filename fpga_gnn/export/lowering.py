"""Lower a QONNX graph of the student to the operators the firmware is built from.

Quant(weight) -> MatMul -> Add(Quant(bias)) becomes one ``PointwiseDense``; a Relu in front of an
unsigned Quant goes, because saturation at zero is the same function. The lowered graph still
runs in qonnx, so it is a rung of the ladder like the graph it came from.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import NodeProto, helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp
from qonnx.transformation.general import RemoveUnusedTensors

from fpga_gnn.contract import FixedPoint
from fpga_gnn.errors import FpgaGnnError
from fpga_gnn.export.dialect import DOMAIN
from fpga_gnn.export.formats import quant_format
from fpga_gnn.export.qonnx_export import name_tensors

FIRMWARE_OPS = frozenset({"Quant", "Concat", "EdgeGather", "EdgeAggregate", "PointwiseDense"})


def lower(model: ModelWrapper) -> ModelWrapper:
    """Return the lowered graph; ``model`` (from ``export_qonnx``) stays as it is.

    Raises ``FpgaGnnError`` when an operator remains that the firmware does not have.
    """
    lowered = ModelWrapper(model.model, make_deepcopy=True)
    for matmul in lowered.get_nodes_by_op_type("MatMul"):
        _fuse_dense(lowered, matmul)
    for relu in lowered.get_nodes_by_op_type("Relu"):
        _drop_relu(lowered, relu)
    lowered = name_tensors(lowered.transform(RemoveUnusedTensors()))
    require_lowered(lowered)
    return lowered


def require_lowered(model: ModelWrapper) -> None:
    """Raise ``FpgaGnnError`` at the first operator that the firmware does not have."""
    for node in model.graph.node:
        if node.op_type not in FIRMWARE_OPS:
            raise FpgaGnnError(
                f"{node.name}: found operator {node.op_type}, "
                f"expected a lowered graph of {', '.join(sorted(FIRMWARE_OPS))}"
            )


def _fuse_dense(model: ModelWrapper, matmul: NodeProto) -> None:
    add = model.find_consumer(matmul.output[0])
    if add is None or add.op_type != "Add":
        raise FpgaGnnError(f"{matmul.name}: expected an Add of a quantized bias behind it")
    (bias_name,) = (name for name in add.input if name != matmul.output[0])
    weight, weight_format = _constant(model, matmul.input[1])
    bias, bias_format = _constant(model, bias_name)
    dense = helper.make_node(
        "PointwiseDense",
        [matmul.input[0]],
        [add.output[0]],
        name=matmul.name.removesuffix("_MatMul"),
        domain=DOMAIN,
        weight=_tensor(weight.T),
        bias=_tensor(bias),
        weight_bits=weight_format.bits,
        weight_frac=weight_format.frac,
        bias_bits=bias_format.bits,
        bias_frac=bias_format.frac,
    )
    model.graph.node.insert(model.get_node_index(matmul), dense)
    quants = (model.find_producer(matmul.input[1]), model.find_producer(bias_name))
    for node in (matmul, add, *quants):
        model.graph.node.remove(node)


def _drop_relu(model: ModelWrapper, relu: NodeProto) -> None:
    quant = model.find_consumer(relu.output[0])
    if quant is None or quant.op_type != "Quant" or quant_format(model, quant).signed:
        raise FpgaGnnError(f"{relu.name}: expected an unsigned Quant behind it")
    quant.input[0] = relu.input[0]
    model.graph.node.remove(relu)


def _constant(model: ModelWrapper, name: str) -> tuple[np.ndarray[Any, Any], FixedPoint]:
    """Return the value and format of a tensor that is Quant(initializer)."""
    quant = model.find_producer(name)
    if quant is None or quant.op_type != "Quant":
        raise FpgaGnnError(f"{name}: expected a quantized constant")
    context = {tensor: model.get_initializer(tensor) for tensor in quant.input}
    getCustomOp(quant).execute_node(context, model.graph)
    return context[name], quant_format(model, quant)


def _tensor(values: np.ndarray[Any, Any]) -> Any:
    return helper.make_tensor("value", 1, values.shape, values.astype(np.float32).tobytes(), True)
