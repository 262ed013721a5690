from __future__ import annotations

import torch

from fpga_gnn.models.interaction_network import InteractionNetwork


def build(**options) -> InteractionNetwork:
    torch.manual_seed(0)
    return InteractionNetwork(3, 4, hidden=16, iterations=2, **options).eval()


def graph(n_nodes=6, n_edges=9):
    torch.manual_seed(1)
    return (
        torch.randn(n_nodes, 3),
        torch.randn(n_edges, 4),
        torch.randint(n_nodes, (2, n_edges)),
    )


def test_one_logit_per_edge_and_every_weight_is_used():
    network = build()
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


def test_depth_and_norm_are_options():
    layers = {type(module).__name__ for module in build(layer_norm=False).modules()}
    assert "LayerNorm" not in layers
    deep = build(mlp_layers=3).decoder
    assert sum(isinstance(layer, torch.nn.Linear) for layer in deep) == 4
