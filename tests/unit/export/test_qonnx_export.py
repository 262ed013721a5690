from __future__ import annotations

import json

import numpy as np
import onnx
import pytest
import torch
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from fpga_gnn.errors import FpgaGnnError, InputError
from fpga_gnn.export.execute import execute
from fpga_gnn.export.formats import quant_format, quant_rounding
from fpga_gnn.export.lowering import FIRMWARE_OPS, lower
from fpga_gnn.export.qonnx_export import CONTRACT_KEY, FORMATS_KEY, INPUTS, OUTPUT, export_qonnx


@pytest.fixture(scope="module")
def student(contract, make_student):
    return make_student(contract)


@pytest.fixture(scope="module")
def model(student, contract):
    return export_qonnx(student, contract)


def shape(tensor) -> tuple[int, ...]:
    return tuple(dim.dim_value for dim in tensor.type.tensor_type.shape.dim)


def test_names_shapes_and_metadata(model, student, contract):
    assert tuple(tensor.name for tensor in model.graph.input) == INPUTS
    features = contract.features
    rows = [(1, 32, len(features.node)), (1, 64, len(features.edge)), (1, 64, 2)]
    assert [shape(tensor) for tensor in model.graph.input] == rows
    assert [(t.name, shape(t)) for t in model.graph.output] == [(OUTPUT, (1, 64, 1))]
    assert model.get_metadata_prop(CONTRACT_KEY) == contract.sha256
    formats = json.loads(model.get_metadata_prop(FORMATS_KEY))
    network = student.integer_network()
    assert formats["decoder"][-1]["output"] == network.score.model_dump()
    assert formats["edge_updates"][1][0]["weight_frac"] == network.edge_updates[1][0].weight_frac


def test_equal_students_give_equal_bytes(model, contract, make_student):
    again = export_qonnx(make_student(contract), contract)
    other = export_qonnx(make_student(contract, seed=1), contract)
    as_bytes = [m.model.SerializeToString(deterministic=True) for m in (model, again, other)]
    assert as_bytes[0] == as_bytes[1] != as_bytes[2]


def test_export_leaves_the_student_as_it_was(contract, make_student):
    student = make_student(contract)
    before = {name: value.clone() for name, value in student.state_dict().items()}
    export_qonnx(student, contract)
    assert not student.training
    assert student.state_dict().keys() == before.keys()
    assert all(torch.equal(value, before[name]) for name, value in student.state_dict().items())


def test_a_saved_model_runs_the_same(model, contract, make_partition, tmp_path):
    onnx.save(model.model, tmp_path / "model.onnx")
    packed = make_partition(contract, 20, 40)
    loaded = ModelWrapper(str(tmp_path / "model.onnx"))
    assert np.array_equal(execute(loaded, packed, contract), execute(model, packed, contract))


SHARED = {"iterations": 3, "mlp_layers": 2, "shared_weights": True, "hidden": 4}


def test_each_iteration_has_its_own_copy_of_shared_weights(contract, vary, make_student):
    shared = vary(contract, **SHARED)
    lowered = lower(export_qonnx(make_student(shared), shared))
    weights = {
        node.name: getCustomOp(node).get_nodeattr("weight")
        for node in lowered.get_nodes_by_op_type("PointwiseDense")
    }
    assert len(weights) == 3 * (3 + 3 * 2)
    for part in ("edge_mlp_0", "edge_mlp_4", "node_mlp_2"):
        copies = [weights[f"layers_{i}_{part}"] for i in range(3)]
        assert np.array_equal(copies[0], copies[1])
        assert np.array_equal(copies[0], copies[2])


def test_sharing_changes_no_name(contract, vary, make_student):
    names = []
    for shared in (True, False):
        options = vary(contract, **(SHARED | {"shared_weights": shared}))
        model = export_qonnx(make_student(options), options)
        found = [node.name for node in model.graph.node]
        assert len(set(found)) == len(found)
        names.append(sorted(found))
    assert names[0] == names[1]


def test_equal_students_with_shared_weights_give_equal_bytes(contract, vary, make_student):
    shared = vary(contract, **SHARED)
    one, two = (export_qonnx(make_student(shared), shared).model for _ in range(2))
    assert one.SerializeToString(deterministic=True) == two.SerializeToString(deterministic=True)


@pytest.mark.parametrize("rounding", ["half_even", "floor"])
def test_activations_round_as_the_contract_says_and_features_half_even(
    contract, vary, make_student, rounding
):
    options = vary(contract, rounding=rounding)
    lowered = lower(export_qonnx(make_student(options), options))
    found = {n.name: quant_rounding(n) for n in lowered.get_nodes_by_op_type("Quant")}
    features = {"node_input_Quant", "edge_input_Quant"}
    assert {found.pop(name) for name in features} == {"half_even"}
    assert set(found.values()) == {rounding}
    assert "layers_0_aggregate_Quant" in found


def test_a_rounding_that_no_contract_has_is_refused(model):
    quant = ModelWrapper(model.model, make_deepcopy=True).get_nodes_by_op_type("Quant")[0]
    getCustomOp(quant).set_nodeattr("rounding_mode", "CEIL")
    with pytest.raises(FpgaGnnError, match="found rounding CEIL, expected ROUND or FLOOR"):
        quant_rounding(quant)


def test_lowering_leaves_only_firmware_operators(model, contract):
    before = model.model.SerializeToString(deterministic=True)
    lowered = lower(model)
    assert {node.op_type for node in lowered.graph.node} == FIRMWARE_OPS
    assert model.model.SerializeToString(deterministic=True) == before
    dense = [n.name for n in lowered.graph.node if n.op_type == "PointwiseDense"]
    layers = contract.network.mlp_layers + 1
    assert len(dense) == layers * (3 + 2 * contract.network.iterations)
    assert dense[-1] == f"decoder_{2 * contract.network.mlp_layers}"


def test_lowering_refuses_an_operator_the_firmware_does_not_have(model):
    changed = ModelWrapper(model.model, make_deepcopy=True)
    concat = changed.get_nodes_by_op_type("Concat")[0]
    concat.op_type = "Max"
    with pytest.raises(FpgaGnnError, match="found operator Max, expected a lowered graph"):
        lower(changed)


def test_lowering_refuses_a_relu_that_saturation_does_not_replace(model):
    changed = ModelWrapper(model.model, make_deepcopy=True)
    relu = changed.get_nodes_by_op_type("Relu")[0]
    quant = changed.find_consumer(relu.output[0])
    next(a for a in quant.attribute if a.name == "signed").i = 1
    with pytest.raises(FpgaGnnError, match="expected an unsigned Quant"):
        lower(changed)


def test_a_quant_that_is_no_binary_fixed_point_is_refused(model):
    changed = ModelWrapper(model.model, make_deepcopy=True)
    quant = changed.get_nodes_by_op_type("Quant")[0]
    changed.set_initializer(quant.input[1], np.array([0.3], dtype=np.float32))
    with pytest.raises(FpgaGnnError, match="expected a power of two"):
        quant_format(changed, quant)


def test_execute_refuses_another_contract(model, contract, make_partition):
    other = contract.with_partition(32, 128)
    with pytest.raises(InputError, match="expected contract"):
        execute(model, make_partition(other, 3, 3), other)


def test_execute_refuses_renamed_inputs(model, contract, make_partition):
    renamed = ModelWrapper(model.model, make_deepcopy=True)
    renamed.rename_tensor("edge_index", "edges")
    with pytest.raises(InputError, match="expected inputs"):
        execute(renamed, make_partition(contract, 3, 3), contract)


def test_execute_refuses_other_slots_and_indices(model, contract, make_partition):
    wrong = make_partition(contract.with_partition(32, 65), 3, 3)
    with pytest.raises(InputError, match="edge_features"):
        execute(model, wrong, contract)
    outside = make_partition(contract, 3, 3)
    outside.edge_index[2, 1] = 32
    with pytest.raises(InputError, match=r"edge_index\[2\]: found 32, expected 0\.\.31"):
        execute(model, outside, contract)


def test_unsafe_accumulators_are_not_exported(contract, vary, make_student):
    wide = vary(contract, bits={"edge_update": {"weight": 16}})
    with pytest.raises(FpgaGnnError, match="accumulator"):
        export_qonnx(make_student(wide), wide)
