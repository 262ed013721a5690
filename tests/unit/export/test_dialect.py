from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes

from fpga_gnn.export.dialect import DOMAIN
from fpga_gnn.reference.aggregate import aggregate
from fpga_gnn.reference.gather import gather

EDGES = np.array([[[0, 1], [2, 2], [0, 1], [3, 0], [1, 3]]])


def run(op_type, rows, inputs, **attributes):
    """Execute one operator in qonnx, after its shape inference."""
    floats, ints = TensorProto.FLOAT, TensorProto.INT64
    arguments = [helper.make_tensor_value_info("rows", floats, rows.shape)]
    if inputs:
        arguments.append(helper.make_tensor_value_info("edge_index", ints, EDGES.shape))
    names = [argument.name for argument in arguments]
    node = helper.make_node(op_type, names, ["out"], domain=DOMAIN, name=op_type, **attributes)
    result = helper.make_tensor_value_info("out", floats, None)
    graph = helper.make_graph([node], "one", arguments, [result])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(DOMAIN, 1)]
    model = ModelWrapper(helper.make_model(graph, opset_imports=opsets)).transform(InferShapes())
    context = {"rows": rows.astype(np.float32), "edge_index": EDGES}
    out = execute_onnx(model, {name: context[name] for name in names})["out"]
    assert list(out.shape) == model.get_tensor_shape("out")
    return out


def test_edge_gather_is_the_reference():
    x = np.arange(12).reshape(1, 4, 3)
    src, dst = EDGES[0].T
    assert np.array_equal(run("EdgeGather", x, True)[0], gather(x[0], src, dst))


@pytest.mark.parametrize("n_nodes", [4, 6])
@pytest.mark.parametrize("aggregation", ["sum", "max"])
def test_edge_aggregate_is_the_reference(n_nodes, aggregation):
    messages = np.arange(10).reshape(1, 5, 2) - 4
    src, dst = EDGES[0].T
    found = run("EdgeAggregate", messages, True, n_nodes=n_nodes, aggregation=aggregation)
    assert np.array_equal(found[0], aggregate(messages[0], src, dst, n_nodes, aggregation))


def test_an_aggregation_the_firmware_does_not_have_is_refused():
    with pytest.raises(Exception, match="mean"):
        run("EdgeAggregate", np.ones((1, 5, 2)), True, n_nodes=4, aggregation="mean")


def test_pointwise_dense_is_a_row_wise_matrix_product():
    generator = np.random.default_rng(0)
    weight, bias, rows = (generator.integers(-9, 9, s) for s in ((2, 3), (2,), (1, 5, 3)))
    tensors = {
        name: helper.make_tensor(name, TensorProto.FLOAT, value.shape, value.ravel())
        for name, value in (("weight", weight), ("bias", bias))
    }
    formats = {f"{name}_{key}": 8 for name in tensors for key in ("bits", "frac")}
    found = run("PointwiseDense", rows, False, **tensors, **formats)
    assert np.array_equal(found[0], rows[0] @ weight.T + bias)
