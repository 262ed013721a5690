from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from fpga_gnn.contract import FixedPoint, IntegerLayer, parse_contract
from fpga_gnn.errors import FpgaGnnError
from fpga_gnn.models.interaction_network import InteractionLayer, InteractionNetwork
from fpga_gnn.models.scoring import student_scores
from fpga_gnn.models.student import (
    EdgeAggregate,
    EdgeGather,
    Student,
    accumulator_bound,
    require_exact,
)
from fpga_gnn.reference import interaction_network
from fpga_gnn.reference.aggregate import aggregate

ROLES = ("node_encoder", "edge_encoder", "edge_update", "node_update", "decoder")


def network_fields(network):
    """Every number of an integer network, in order."""
    mlps = [network.node_encoder, network.edge_encoder, *network.edge_updates]
    for layer in [
        layer for mlp in [*mlps, *network.node_updates, network.decoder] for layer in mlp
    ]:
        yield from (layer.weight.tolist(), layer.bias.tolist(), layer.weight_frac)
        yield from (layer.bias_frac, layer.output)
    yield from (network.features, network.aggregates)


def with_network(contract, **changes):
    """The same contract with other fields of its network."""
    data = contract.model_dump()
    return parse_contract(data | {"network": data["network"] | changes}, "network")


def float_twin(contract, norm="none", **options):
    """The float network of the contract's shape in eval mode; its batch norms have seen graphs."""
    features, network = contract.features, contract.network
    shape = {
        "hidden": network.hidden,
        "iterations": network.iterations,
        "mlp_layers": network.mlp_layers,
        "aggregation": network.aggregation,
        "shared_weights": network.shared_weights,
    }
    return InteractionNetwork(
        len(features.node), len(features.edge), **shape | options, norm=norm
    ).eval()


def linears(network):
    return [layer for layer in network.modules() if isinstance(layer, torch.nn.Linear)]


@pytest.fixture
def graphs(contract, make_partition, graph_tensors):
    return [graph_tensors(make_partition(contract, 31, 64, seed), contract) for seed in range(40)]


def strong_twin(contract, seed=0):
    """A float network without norm whose scores differ from edge to edge."""
    torch.manual_seed(seed)
    twin = float_twin(contract)
    with torch.no_grad():
        for layer in linears(twin):
            layer.weight.mul_(2.0)
    return twin


@pytest.fixture
def batch_norm_twin(graphs):
    def make(contract, seed=0):
        """A float network with batch norms of any gain and shift that have seen graphs."""
        torch.manual_seed(seed)
        twin = float_twin(contract, norm="batch").train()
        for layer in twin.modules():
            if isinstance(layer, torch.nn.BatchNorm1d):
                torch.nn.init.uniform_(layer.weight, 0.5, 2.0)
                torch.nn.init.normal_(layer.bias, std=0.3)
        with torch.no_grad():
            for graph in graphs:
                twin(*graph)
        return twin.eval()

    return make


def calibrated(contract, twin, graphs):
    """The student that starts from ``twin``."""
    student = Student(contract)
    student.load_float(twin)
    student.calibrate(graphs)
    return student.eval()


def correlation(one, other):
    return torch.corrcoef(torch.stack([one, other]))[0, 1]


def test_edge_gather_has_the_gradient_of_its_definition():
    torch.manual_seed(0)
    pairs = torch.tensor([[0, 1], [1, 1], [0, 1], [3, 0]])
    rows = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: EdgeGather.apply(x, pairs), rows)


@pytest.mark.parametrize("aggregation", ["sum", "max"])
@pytest.mark.parametrize("batch", [(), (1,)])
def test_edge_aggregate_has_the_gradient_of_its_definition(aggregation, batch):
    torch.manual_seed(0)
    pairs = torch.tensor([[0, 1], [1, 1], [0, 1], [3, 0], [0, 3]]).expand(*batch, 5, 2)
    messages = torch.randn(*batch, 5, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda m: EdgeAggregate.apply(m, pairs, 4, aggregation), messages
    )


def test_edge_aggregate_by_hand():
    pairs = torch.tensor([[0, 1], [1, 1], [0, 1], [3, 0]])
    messages = torch.tensor([[3.0, -1.0], [5.0, -2.0], [-4.0, -3.0], [2.0, 6.0]])
    assert EdgeAggregate.apply(messages, pairs, 4, "sum").tolist() == [
        [2, 6, -1, -4],
        [4, -6, 5, -2],
        [0, 0, 0, 0],
        [0, 0, 2, 6],
    ]
    assert EdgeAggregate.apply(messages, pairs, 4, "max").tolist() == [
        [2, 6, 3, 0],
        [5, 0, 5, 0],
        [0, 0, 0, 0],
        [0, 0, 2, 6],
    ]


def test_ties_share_the_gradient_of_the_largest_message():
    # Node 1 has three in-edges of which two tie; every edge is the only one out of its node.
    pairs = torch.tensor([[0, 1], [2, 1], [3, 1]])
    messages = torch.tensor([[7.0], [7.0], [5.0]], requires_grad=True)
    out = EdgeAggregate.apply(messages, pairs, 4, "max")
    out.backward(torch.tensor([[0.0, 10.0], [6.0, 0.0], [0.0, 20.0], [0.0, 30.0]]))
    assert messages.grad.tolist() == [[3 + 10], [3 + 20], [30]]


@pytest.mark.filterwarnings("error")
def test_messages_of_zero_and_below_are_no_largest():
    pairs = torch.tensor([[0, 1], [2, 1], [3, 2]])
    messages = torch.tensor([[-1.0], [-2.0], [0.0]], requires_grad=True)
    out = EdgeAggregate.apply(messages, pairs, 4, "max")
    assert not out.any()
    out.sum().backward()
    assert not messages.grad.any()


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 10**6), st.sampled_from(["sum", "max"]), st.integers(0, 12))
def test_edge_aggregate_is_the_references_and_the_float_layers(seed, aggregation, n_edges):
    generator = np.random.default_rng(seed)
    integers = generator.integers(-3, 4, (n_edges, 2))  # few values, many ties
    src, dst = generator.integers(0, 5, (2, n_edges))
    pairs = torch.tensor(np.stack([src, dst], axis=1))
    messages = torch.tensor(integers, dtype=torch.float32, requires_grad=True)
    found = EdgeAggregate.apply(messages, pairs, 5, aggregation)
    assert np.array_equal(found.detach(), aggregate(integers, src, dst, 5, aggregation))

    layer = InteractionLayer(2, 1, "none", aggregation)
    layer.edge_mlp, layer.node_mlp = torch.nn.Sequential(torch.nn.Linear(6, 2)), torch.nn.Identity()
    with torch.no_grad():
        layer.edge_mlp[0].weight.copy_(torch.eye(6)[4:])
        layer.edge_mlp[0].bias.zero_()
    again = messages.detach().clone().requires_grad_()
    expected = layer(torch.zeros(5, 2), again, pairs.T)[0][:, 2:]
    torch.testing.assert_close(found, expected)
    upstream = torch.tensor(generator.normal(size=(5, 4)), dtype=torch.float32)
    found.backward(upstream)
    expected.backward(upstream)
    torch.testing.assert_close(messages.grad, again.grad)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"aggregation": "max"},
        {"shared_weights": True},
        {"mlp_layers": 2},
        {"aggregation": "max", "shared_weights": True, "mlp_layers": 2},
    ],
    ids=str,
)
@pytest.mark.parametrize("norm", ["none", "batch"])
def test_student_follows_the_float_network_it_starts_from(
    contract, batch_norm_twin, graphs, norm, changes
):
    contract = with_network(contract, **changes)
    twin = (batch_norm_twin if norm == "batch" else strong_twin)(contract)
    student = calibrated(contract, twin, graphs[:4])
    with torch.no_grad():
        assert correlation(twin(*graphs[5]), student(*graphs[5])) > 0.98


@pytest.mark.parametrize("mlp_layers", [1, 2, 3])
@pytest.mark.parametrize("norm", ["none", "batch"])
def test_folding_and_balancing_leave_the_function_as_it_was(
    contract, batch_norm_twin, graphs, norm, mlp_layers
):
    contract = with_network(contract, mlp_layers=mlp_layers)
    twin = (batch_norm_twin if norm == "batch" else strong_twin)(contract)
    student, plain = Student(contract), float_twin(contract)
    student.load_float(twin)
    with torch.no_grad():
        for mine, theirs in zip(linears(plain), linears(student), strict=True):
            mine.weight.copy_(theirs.weight)
            mine.bias.copy_(theirs.bias)
        expected, found = (network.double()(*_double(graphs[0])) for network in (twin, plain))
    changed = zip(linears(plain), linears(twin), strict=True)
    assert all(not torch.allclose(one.weight, two.weight) for one, two in changed)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def _double(graph):
    node_features, edge_features, edge_index = graph
    return node_features.double(), edge_features.double(), edge_index


def test_batch_norm_folds_by_hand(contract):
    contract = with_network(contract, hidden=1)
    twin = float_twin(contract, norm="batch")
    first, norm, _, last = twin.decoder
    with torch.no_grad():
        first.weight.copy_(torch.tensor([[6.0, -3.0, 1.5]]))
        first.bias.fill_(5.0)
        norm.running_mean.fill_(3.0)
        norm.running_var.fill_(9.0 - norm.eps)
        norm.weight.fill_(2.0)
        norm.bias.fill_(0.5)
        last.weight.fill_(1.0)
        last.bias.fill_(7.0)
    student = Student(contract)
    student.load_float(twin)
    # (6, -3, 1.5) 2 / 3 and (5 - 3) 2 / 3 + 0.5; the ranges 4 and 1 become 2 and 2
    mine, following = linears(student.decoder)
    assert mine.weight.tolist() == [pytest.approx([2.0, -1.0, 0.5])]
    assert mine.bias.tolist() == pytest.approx([(4 / 3 + 0.5) / 2])
    assert (following.weight.item(), following.bias.item()) == pytest.approx((2.0, 7.0))


def test_balanced_units_have_equal_ranges_on_both_sides(contract, batch_norm_twin):
    student = Student(contract)
    student.load_float(batch_norm_twin(contract))
    mlps = [module for module in student.modules() if isinstance(module, torch.nn.Sequential)]
    assert len(mlps) == 7
    for mlp in mlps:
        first, second = linears(mlp)
        ahead = torch.maximum(first.weight.abs().amax(1), first.bias.abs())
        torch.testing.assert_close(ahead, second.weight.abs().amax(0))


@pytest.mark.parametrize("gain", [0.0, 1e-6])
def test_a_unit_of_hardly_any_weight_spoils_no_other(contract, batch_norm_twin, graphs, gain):
    twin = batch_norm_twin(contract)
    with torch.no_grad():
        for layer in twin.modules():
            if isinstance(layer, torch.nn.BatchNorm1d):
                layer.weight[0], layer.bias[0] = gain, 0.5
        student = calibrated(contract, twin, graphs[:4])
        assert correlation(twin(*graphs[5]), student(*graphs[5])) > 0.98


@pytest.mark.parametrize(
    "options",
    [
        {"hidden": 16},
        {"norm": "layer"},
        {"iterations": 3},
        {"mlp_layers": 2},
        {"shared_weights": True},
    ],
    ids=str,
)
def test_load_float_refuses_another_shape(contract, options):
    with pytest.raises(FpgaGnnError, match="float network: found"):
        Student(contract).load_float(float_twin(contract, **options))


def test_shared_weights_are_one_layer_used_in_every_iteration(contract, make_student):
    shared, apart, single = (
        make_student(with_network(contract, iterations=n, shared_weights=share))
        for n, share in ((3, True), (3, False), (1, False))
    )
    counts = [sum(p.numel() for p in student.parameters()) for student in (shared, apart, single)]
    assert counts[0] == counts[2] < counts[1]
    assert [len(student.layers) for student in (shared, apart)] == [1, 3]
    network = shared.integer_network()
    assert network.iterations == 3
    assert len(set(network.aggregates)) == 1
    for mlps in (network.edge_updates, network.node_updates):
        for mlp in mlps[1:]:
            assert all(
                np.array_equal(one.weight, other.weight)
                and np.array_equal(one.bias, other.bias)
                and one.output == other.output
                for one, other in zip(mlps[0], mlp, strict=True)
            )


def test_every_role_has_its_own_bits(contract):
    bits = {
        role: {"weight": 2 + i, "bias": 3 + i, "hidden": 4 + i, "output": 5 + i}
        for i, role in enumerate(ROLES)
    }
    contract = with_network(contract, bits=bits | {"aggregate": 7}, mlp_layers=2)
    student = Student(contract)
    network = student.integer_network()
    assert [fixed.bits for fixed in network.aggregates] == [7, 7]
    mlps = [
        (bits["node_encoder"], student.node_encoder, network.node_encoder),
        (bits["edge_encoder"], student.edge_encoder, network.edge_encoder),
        (bits["edge_update"], student.layers[0].edge_mlp, network.edge_updates[0]),
        (bits["node_update"], student.layers[1].node_mlp, network.node_updates[1]),
        (bits["decoder"], student.decoder, network.decoder),
    ]
    for wanted, mlp, layers in mlps:
        hidden, output = wanted["hidden"], wanted["output"]
        assert [layer.output.bits for layer in layers] == [hidden, hidden, output]
        assert [layer.output.signed for layer in layers] == [False, False, True]
        for layer in linears(mlp):
            widths = layer.quant_weight().bit_width, layer.quant_bias().bit_width
            assert tuple(map(int, widths)) == (wanted["weight"], wanted["bias"])


small = st.integers(2, 8)
mlp_bits = st.fixed_dictionaries(dict.fromkeys(("weight", "bias", "hidden", "output"), small))
networks = st.fixed_dictionaries(
    {
        "hidden": st.integers(1, 6),
        "iterations": st.integers(1, 3),
        "mlp_layers": st.integers(1, 3),
        "shared_weights": st.booleans(),
        "aggregation": st.sampled_from(["sum", "max"]),
        "rounding": st.sampled_from(["half_even", "floor"]),
        "bits": st.fixed_dictionaries(dict.fromkeys(ROLES, mlp_bits) | {"aggregate": small}),
    }
)


@settings(deadline=None, max_examples=20)
@given(networks, st.integers(0, 1000), st.integers(1, 31), st.booleans())
def test_student_is_the_integer_reference_for_every_option(
    contract, make_student, make_partition, graph_tensors, options, seed, n_nodes, saturated
):
    contract = with_network(contract, **options)
    student = make_student(contract, seed)
    network = student.integer_network()
    require_exact(network)
    assert (network.aggregation, network.rounding) == (options["aggregation"], options["rounding"])
    packed = make_partition(contract, n_nodes, 64, seed, saturated=saturated)
    found = student_scores(student, graph_tensors(packed, contract), network.score)
    expected = interaction_network.score(
        network,
        packed.node_features[:n_nodes],
        packed.edge_features,
        *packed.edge_index.T,
    )
    assert np.array_equal(found, expected)


def test_decoding_the_states_gives_the_scores(
    contract, make_student, make_partition, graph_tensors
):
    student = make_student(contract)
    nodes, edges, index = graph_tensors(make_partition(contract, 31, 64), contract)
    x, e = student.states(nodes, edges, index.T)
    assert (x.shape, e.shape) == ((31, 8), (64, 8))
    assert torch.equal(student.decode(x, e, index.T)[:, 0], student(nodes, edges, index))


@pytest.mark.parametrize(
    "changes",
    [{}, {"aggregation": "max", "rounding": "floor"}, {"shared_weights": True, "mlp_layers": 2}],
    ids=str,
)
def test_training_reaches_every_parameter(
    contract, make_student, make_partition, graph_tensors, changes
):
    student = make_student(with_network(contract, **changes)).train()
    student(*graph_tensors(make_partition(contract, 20, 60), contract)).square().sum().backward()
    without = [name for name, p in student.named_parameters() if p.grad is None]
    assert without == []


@pytest.mark.parametrize("changes", [{}, {"aggregation": "max", "rounding": "floor"}], ids=str)
def test_training_learns(contract, make_student, make_partition, graph_tensors, changes):
    student = make_student(with_network(contract, **changes)).train()
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


@pytest.mark.parametrize("aggregation", ["sum", "max"])
def test_a_graph_without_edges_has_no_scores(
    contract, make_student, make_partition, graph_tensors, aggregation
):
    student = make_student(with_network(contract, aggregation=aggregation))
    for n_nodes in (0, 3):
        graph = graph_tensors(make_partition(contract, n_nodes, 0), contract)
        assert student(*graph).shape == (0,)


@pytest.mark.parametrize(
    ("role", "first"),
    [
        ("node_encoder", r"node_encoder\[0\]"),
        ("edge_update", r"edge_updates\[0\]\[0\]"),
        ("decoder", r"decoder\[0\]"),
    ],
)
def test_what_float32_cannot_carry_is_refused(contract, make_student, role, first):
    bits = contract.network.bits.model_dump()
    bits[role] |= {"weight": 16}
    network = make_student(with_network(contract, bits=bits)).integer_network()
    with pytest.raises(FpgaGnnError, match=f"{first}: accumulator may reach"):
        require_exact(network)
    require_exact(make_student(contract).integer_network())


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
