"""A step of several batches: the gradient of their mean loss, and what batch norms remember."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fpga_gnn.training.shared_step import SharedStep

BATCHES = [torch.linspace(-1, 1, 12).reshape(4, 3) * scale + scale for scale in (1.0, 2.0, 5.0)]


@pytest.fixture
def network():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, momentum=0.25), nn.Linear(4, 1))


def step_of(network):
    return SharedStep([network], lambda batch: network(batch).square().mean())


def gradients(network):
    return [parameter.grad.clone() for parameter in network.parameters()]


def running(network):
    return [buffer.clone() for buffer in network[1].buffers()]


def test_one_batch_is_an_ordinary_step(network):
    before = [buffer.clone() for buffer in running(network)]
    loss = network(BATCHES[0]).square().mean()
    loss.backward()
    expected, moments = gradients(network), running(network)
    network.zero_grad()
    network[1].load_state_dict(
        dict(zip(("running_mean", "running_var", "num_batches_tracked"), before, strict=True)),
        strict=False,
    )
    share = step_of(network).backward(BATCHES[:1])
    assert share == float(loss.detach())
    assert all(map(torch.equal, gradients(network), expected))
    assert all(map(torch.equal, running(network), moments))


def test_several_batches_have_the_mean_of_their_losses_gradients_and_moments(network):
    alone = []
    for batch in BATCHES:
        torch.manual_seed(1)
        same = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, momentum=0.25), nn.Linear(4, 1))
        share = step_of(same).backward([batch])
        alone.append((share, gradients(same), running(same)))
    shares, slopes, moments = zip(*alone, strict=True)
    assert len(set(shares)) == 3
    assert step_of(network).backward(BATCHES) == pytest.approx(sum(shares) / 3)
    for found, each in zip(gradients(network), zip(*slopes, strict=True), strict=True):
        assert torch.allclose(found, sum(each) / 3, atol=1e-6)
    for found, each in zip(running(network), zip(*moments, strict=True), strict=True):
        assert torch.allclose(found.double(), sum(part.double() for part in each) / 3)
    assert network[1].num_batches_tracked == 1


def test_no_batch_changes_nothing(network):
    before = running(network)
    assert step_of(network).backward([]) is None
    assert [parameter.grad for parameter in network.parameters()] == [None] * 6
    assert all(map(torch.equal, running(network), before))


def test_a_rank_without_a_batch_takes_part_with_gradients_of_zero_of_its_own(network):
    network.scale = nn.Parameter(torch.tensor(2.0))
    network.range = nn.Parameter(torch.tensor(3.0))
    objective = step_of(network)._loss
    loss = objective(None)
    loss.backward()
    assert float(loss.detach()) == 0
    slopes = [parameter.grad for parameter in network.parameters()]
    assert not any(slope.any() for slope in slopes)
    assert len({slope.data_ptr() for slope in slopes}) == len(slopes) == 8
