from __future__ import annotations

import pytest
import torch

from fpga_gnn.models.interaction_network import InteractionLayer, InteractionNetwork


def build(iterations=2, **options) -> InteractionNetwork:
    torch.manual_seed(0)
    return InteractionNetwork(3, 4, hidden=16, iterations=iterations, **options).eval()


def n_parameters(network) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def graph(n_nodes=6, n_edges=9):
    torch.manual_seed(1)
    return (
        torch.randn(n_nodes, 3),
        torch.randn(n_edges, 4),
        torch.randint(n_nodes, (2, n_edges)),
    )


@pytest.mark.parametrize("aggregation", ["sum", "max"])
@pytest.mark.parametrize("shared_weights", [False, True])
def test_one_logit_per_edge_and_every_weight_is_used(aggregation, shared_weights):
    network = build(aggregation=aggregation, shared_weights=shared_weights)
    logits = network(*graph())
    assert logits.shape == (9,)
    logits.sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_node_order_does_not_matter():
    network, (nodes, edges, index) = build(), graph()
    order = torch.randperm(len(nodes))
    position = torch.empty_like(order).scatter_(0, order, torch.arange(len(order)))
    moved = network(nodes[order], edges, position[index])
    torch.testing.assert_close(moved, network(nodes, edges, index))


def test_direction_matters():
    network, (nodes, edges, index) = build(), graph()
    assert not torch.allclose(network(nodes, edges, index), network(nodes, edges, index.flip(0)))


def test_an_edge_sees_as_many_hops_as_iterations():
    network = build()
    n = 8
    index = torch.stack([torch.arange(n - 1), torch.arange(1, n)])
    nodes, edges = torch.randn(n, 3), torch.randn(n - 1, 4)
    changed = edges.clone()
    changed[0] += 1.0
    seen = ~torch.isclose(network(nodes, edges, index), network(nodes, changed, index), rtol=1e-6)
    assert seen.tolist() == [True, True, True, False, False, False, False]


@pytest.mark.parametrize(
    ("norm", "module"), [("none", None), ("layer", "LayerNorm"), ("batch", "BatchNorm1d")]
)
def test_the_norm_follows_every_linear_but_the_last(norm, module):
    hidden = ["Linear", *([module] if module else []), "ReLU"]
    for mlp in (build(norm=norm).node_encoder, build(norm=norm).layers[1].edge_mlp):
        assert [type(part).__name__ for part in mlp] == [*hidden, *hidden, "Linear"]


def test_depth_is_an_option():
    deep = build(mlp_layers=3).decoder
    assert sum(isinstance(layer, torch.nn.Linear) for layer in deep) == 4


def test_batch_norm_learns_its_statistics_in_training_only():
    network, inputs = build(norm="batch"), graph()
    first = network(*inputs)
    assert torch.equal(network(*inputs), first)
    network.train()(*inputs)
    assert not torch.equal(network.eval()(*inputs), first)


def test_shared_weights_are_one_layer_used_in_every_iteration():
    shared = build(iterations=3, shared_weights=True)
    apart = build(iterations=3)
    assert n_parameters(shared) == n_parameters(build(iterations=1)) < n_parameters(apart)
    weights = shared.state_dict()
    one = {name: value for name, value in weights.items() if name.startswith("layers.0.")}
    for i in (1, 2):
        weights |= {name.replace("layers.0.", f"layers.{i}."): one[name] for name in one}
    apart.load_state_dict(weights)
    torch.testing.assert_close(shared(*graph()), apart(*graph()))


def test_decoding_the_states_gives_the_logits():
    network, (nodes, edges, index) = build(), graph()
    x, e = network.states(nodes, edges, index)
    assert (x.shape, e.shape) == ((6, 16), (9, 16))
    assert torch.equal(network.decode(x, e, index), network(nodes, edges, index))


def joined(messages, index, n_nodes, aggregation):
    """What a layer joins at each node: its edge update returns ``messages``, its node update all
    inputs."""
    hidden = messages.shape[1]
    layer = InteractionLayer(hidden, 1, "none", aggregation)
    first = torch.nn.Linear(3 * hidden, hidden)
    torch.nn.init.zeros_(first.bias)
    first.weight.data = torch.eye(3 * hidden)[2 * hidden :]
    layer.edge_mlp, layer.node_mlp = torch.nn.Sequential(first), torch.nn.Identity()
    states, e = layer(torch.zeros(n_nodes, hidden), messages, index)
    torch.testing.assert_close(e, messages)
    return states[:, hidden:]


@pytest.mark.parametrize(
    ("aggregation", "expected"),
    [
        # two edges lead to node 1, two leave node 0; node 2 has in-edges below zero, 3 has none
        ("sum", [[0, 4], [4, -2], [-7, 0], [0, -5]]),
        ("max", [[0, 3], [3, 0], [0, 0], [0, 0]]),
    ],
)
def test_aggregation_by_hand(aggregation, expected):
    index = torch.tensor([[0, 0, 1, 3], [1, 1, 2, 2]])
    messages = torch.tensor([[3.0], [1.0], [-2.0], [-5.0]])
    assert joined(messages, index, 4, aggregation).tolist() == expected
