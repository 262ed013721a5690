from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from fpga_gnn.contract import FixedPoint, IntegerLayer
from fpga_gnn.errors import FpgaGnnError
from fpga_gnn.models.interaction_network import InteractionNetwork
from fpga_gnn.models.student import EdgeAggregate, EdgeGather, Student, accumulator_bound


def network_fields(network):
    """Every number of an integer network, in order."""
    mlps = [network.node_encoder, network.edge_encoder, *network.edge_updates]
    for layer in [
        layer for mlp in [*mlps, *network.node_updates, network.decoder] for layer in mlp
    ]:
        yield from (layer.weight.tolist(), layer.bias.tolist(), layer.weight_frac)
        yield from (layer.bias_frac, layer.output)
    yield from (network.features, network.aggregates)


def float_twin(contract, **options):
    features, network = contract.features, contract.network
    options = {"hidden": network.hidden, "mlp_layers": 1, "layer_norm": False} | options
    return InteractionNetwork(
        len(features.node), len(features.edge), iterations=network.iterations, **options
    )


@pytest.mark.parametrize("function", ["gather", "aggregate"])
def test_edge_functions_have_the_gradient_of_their_definition(function):
    torch.manual_seed(0)
    pairs = torch.tensor([[0, 1], [1, 1], [0, 1], [3, 0]])
    rows = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    if function == "gather":
        assert torch.autograd.gradcheck(lambda x: EdgeGather.apply(x, pairs), rows)
    else:
        assert torch.autograd.gradcheck(lambda m: EdgeAggregate.apply(m, pairs, 4), rows)
        sums = EdgeAggregate.apply(rows, pairs, 4)
        assert torch.equal(sums[1, :2], rows[[0, 1, 2]].sum(0))
        assert torch.equal(sums[0, 2:], rows[[0, 2]].sum(0))
        assert not sums[2].any()


def test_student_follows_the_float_network_it_starts_from(contract, make_partition, graph_tensors):
    torch.manual_seed(0)
    twin, student = float_twin(contract), Student(contract)
    student.load_float(twin)
    graph = graph_tensors(make_partition(contract, 31, 64), contract)
    student.calibrate([graph])
    expected, found = twin(*graph), student(*graph)
    assert torch.corrcoef(torch.stack([expected, found]))[0, 1] > 0.98


def test_load_float_refuses_another_shape(contract):
    with pytest.raises(FpgaGnnError, match="float network"):
        Student(contract).load_float(float_twin(contract, hidden=16))
    with pytest.raises(FpgaGnnError, match="float network"):
        Student(contract).load_float(float_twin(contract, layer_norm=True))


def test_training_reaches_every_parameter(contract, make_student, make_partition, graph_tensors):
    student = make_student(contract).train()
    student(*graph_tensors(make_partition(contract, 20, 60), contract)).square().sum().backward()
    without = [name for name, p in student.named_parameters() if p.grad is None]
    assert without == []


def test_training_learns(contract, make_student, make_partition, graph_tensors):
    student = make_student(contract).train()
    graph = graph_tensors(make_partition(contract, 31, 64), contract)
    target = (graph[1][:, 0] > 0).float()
    optimizer = torch.optim.Adam(student.parameters(), 1e-2)
    losses = []
    for _ in range(60):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(student(*graph), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_same_seed_same_network(contract, make_student):
    one, two, other = (make_student(contract, seed) for seed in (3, 3, 4))
    assert list(network_fields(one.integer_network())) == list(
        network_fields(two.integer_network())
    )
    assert list(network_fields(one.integer_network())) != list(
        network_fields(other.integer_network())
    )


def test_checkpoint_reloads_to_the_same_integers(
    contract, make_student, make_partition, graph_tensors, tmp_path
):
    student = make_student(contract)
    save_file(student.state_dict(), tmp_path / "student.safetensors")
    torch.manual_seed(99)
    loaded = Student(contract)
    loaded.load_state_dict(load_file(tmp_path / "student.safetensors"))
    loaded.eval()
    assert list(network_fields(loaded.integer_network())) == list(
        network_fields(student.integer_network())
    )
    graph = graph_tensors(make_partition(contract, 31, 64), contract)
    assert torch.equal(loaded(*graph), student(*graph))


def test_a_graph_without_edges_has_no_scores(contract, make_student, make_partition, graph_tensors):
    student = make_student(contract)
    for n_nodes in (0, 3):
        graph = graph_tensors(make_partition(contract, n_nodes, 0), contract)
        assert student(*graph).shape == (0,)


def test_integer_network_refuses_what_float32_cannot_carry(contract, make_student):
    wide = contract.model_copy(
        update={"network": contract.network.model_copy(update={"weight_bits": 16})}
    )
    with pytest.raises(FpgaGnnError, match=r"node_encoder\[0\]: accumulator may reach"):
        make_student(wide).integer_network()


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_accumulator_bound_is_reached_and_never_exceeded(data):
    integers = st.integers(-128, 127)
    columns = data.draw(st.integers(1, 6))
    layer = IntegerLayer(
        weight=np.array(data.draw(st.lists(integers, min_size=columns, max_size=columns)))[None],
        bias=np.array([data.draw(integers)]),
        weight_frac=data.draw(st.integers(-2, 8)),
        bias_frac=data.draw(st.integers(-2, 8)),
        output=FixedPoint(bits=8, frac=4),
    )
    inputs = tuple(
        FixedPoint(bits=data.draw(st.integers(2, 12)), frac=data.draw(st.integers(0, 11)))
        for _ in range(columns)
    )
    bound, frac = accumulator_bound(layer, inputs)
    terms = [
        abs(int(w)) * -column.min_int * 2 ** (frac - layer.weight_frac - column.frac)
        for w, column in zip(layer.weight[0], inputs, strict=True)
    ]
    terms.append(abs(int(layer.bias[0])) * 2 ** (frac - layer.bias_frac))
    assert bound == sum(terms)
    assert all(float(term).is_integer() for term in terms)
