"""Magnitude pruning: which weights go, how many, and that they stay away."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from fpga_gnn.models.pruning import Pruner, sparsity_at
from fpga_gnn.models.student import Student
from fpga_gnn.training.loop import float_twin


def network(*layers):
    """One MLP of Linears with these weights, ReLUs between them."""
    modules = []
    for weight in layers:
        linear = nn.Linear(len(weight[0]), len(weight))
        linear.weight.data = torch.tensor(weight, dtype=torch.float32)
        modules += [linear, nn.ReLU()]
    return nn.Sequential(nn.Sequential(*modules[:-1]))


def weights(net):
    return [layer.weight.tolist() for layer in net.modules() if isinstance(layer, nn.Linear)]


def n_zero(net):
    layers = [layer.weight for layer in net.modules() if isinstance(layer, nn.Linear)]
    return sum(int((w == 0).sum()) for w in layers), sum(w.numel() for w in layers)


@pytest.mark.parametrize(("progress", "share"), [(-1, 0), (0, 0), (0.5, 0.7), (1, 0.8), (3, 0.8)])
def test_the_schedule_is_cubic_and_ends_at_the_final_sparsity(progress, share):
    # 0.8 (1 - 0.5^3) = 0.7
    assert sparsity_at(progress, 0.8) == pytest.approx(share)


@pytest.mark.parametrize(
    ("sparsity", "first", "second"),
    [
        (0.0, [[1, -2]], [[3], [4]]),
        (
            0.25,
            [[0, -2]],
            [[3], [4]],
        ),  # scores 1/5 and 4/4 in one layer, 9/25 and 16/16 in the other
        (0.5, [[0, -2]], [[0], [4]]),  # 3 goes before -2, which is the largest of its layer
        (0.75, [[0, 0]], [[0], [4]]),  # of two that are the largest the first
    ],
)
def test_the_weights_of_least_score_go(sparsity, first, second):
    net = network([[1, -2]], [[3], [4]])
    Pruner(net, "weight").prune(sparsity)
    assert weights(net) == [first, second]


@settings(deadline=None, max_examples=60)
@given(
    values=st.lists(st.integers(1, 3).map(float), min_size=12, max_size=12),
    sparsity=st.floats(0, 0.99),
)
def test_exactly_the_asked_share_is_zero_whatever_is_equal(values, sparsity):
    net = network(
        [values[:3], values[3:6]],
        [values[6:8], values[8:10], values[10:]],
    )
    pruner = Pruner(net, "weight")
    pruner.prune(sparsity)
    assert n_zero(net) == (round(sparsity * 12), 12)
    assert pruner.sparsity == pytest.approx(round(sparsity * 12) / 12)


def test_of_equal_weights_the_first_go():
    net = network([[1, 1, 1, 1]])
    Pruner(net, "weight").prune(0.5)
    assert weights(net) == [[[0, 0, 1, 1]]]


@pytest.mark.parametrize(
    ("sparsity", "made", "read"),
    [
        (0.3, [[3, 4], [0, 0], [1, 0]], [[2, 0, 5]]),  # units of size 5 * 2, 5 * 0.5 and 1 * 5
        (0.6, [[3, 4], [0, 0], [0, 0]], [[2, 0, 0]]),
    ],
)
def test_a_unit_goes_with_its_row_and_its_column(sparsity, made, read):
    net = network([[3, 4], [4, 3], [1, 0]], [[2, 0.5, 5]])
    Pruner(net, "unit").prune(sparsity)
    assert weights(net) == [made, read]


def test_units_of_every_hidden_layer_compete():
    net = network([[1], [9]], [[1, 9], [9, 9]], [[9, 9]])
    pruner = Pruner(net, "unit")
    pruner.prune(0.25)
    assert weights(net) == [[[0], [9]], [[0, 9], [0, 9]], [[9, 9]]]
    assert pruner.sparsity == pytest.approx(3 / 8)


@pytest.mark.parametrize("granularity", ["weight", "unit"])
def test_what_is_zero_stays_zero_also_for_a_new_pruner(granularity):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2)))
    pruner = Pruner(net, granularity)
    pruner.prune(0.5)
    layers = [net[0][0], net[0][2]]
    zero = [layer.weight == 0 for layer in layers]
    for holder in (pruner, Pruner(net, granularity)):
        optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
        for _ in range(2):
            net(torch.randn(8, 4)).square().sum().backward()
            optimizer.step()
            with torch.no_grad():
                layers[0].weight += 1e-3
            holder.apply()
        for layer, mask in zip(layers, zero, strict=True):
            assert torch.equal(layer.weight == 0, mask)


def test_pruning_more_keeps_what_was_pruned():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3)))
    pruner = Pruner(net, "weight")
    before = torch.zeros(8, 5, dtype=torch.bool)
    for sparsity in (0.2, 0.5, 0.9):
        pruner.prune(sparsity)
        after = net[0][0].weight == 0
        assert (after | ~before).all()
        assert n_zero(net)[0] == round(sparsity * 64)
        before = after


def test_all_linears_of_float_network_and_student_are_pruned(contract):
    for net in (float_twin(contract, batch_norm=True), Student(contract)):
        Pruner(net, "weight").prune(0.7)
        zero, total = n_zero(net)
        assert zero == round(0.7 * total)
