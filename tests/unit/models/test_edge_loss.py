"""The losses of edge classifiers on edges one can check by eye."""

from __future__ import annotations

from math import log

import pytest
import torch

from fpga_gnn.models.edge_loss import balanced_edge_loss, feature_loss, soft_score_loss

LN3 = log(3)  # logit of probability 3/4


def test_true_edges_weigh_as_much_as_false_ones():
    logits = torch.tensor([LN3, -LN3, -LN3, LN3])
    target = torch.tensor([1.0, 0.0, 0.0, 0.0])
    # 3 false per true edge: (3 ln(4/3) + 2 ln(4/3) + ln 4) / 4
    found = balanced_edge_loss(logits, target)
    assert found.item() == pytest.approx((5 * log(4 / 3) + log(4)) / 4)


@pytest.mark.parametrize(("n_false", "weight"), [(1, 1), (19, 19), (100, 20)])
def test_the_weight_of_true_edges_is_bounded(n_false, weight):
    target = torch.zeros(1 + n_false)
    target[0] = 1
    found = balanced_edge_loss(torch.zeros(1 + n_false), target)
    assert found.item() == pytest.approx((weight + n_false) * log(2) / (1 + n_false))


def test_soft_scores_are_the_teachers_probabilities():
    # student 1/2 costs ln 2 whatever the teacher says; student 3/4 of teacher 3/4 its entropy
    logits, teacher = torch.tensor([0.0, LN3]), torch.tensor([5.0, LN3])
    entropy = 3 / 4 * log(4 / 3) + 1 / 4 * log(4)
    assert soft_score_loss(logits, teacher).item() == pytest.approx((log(2) + entropy) / 2)
    own = teacher.clone().requires_grad_()
    soft_score_loss(own, teacher).backward()
    assert own.grad.abs().max() < 1e-7


def test_feature_loss_is_the_mean_square():
    states, teacher = torch.tensor([[1.0, 2.0], [0.0, -1.0]]), torch.tensor([[1.0, 4.0], [0, 3]])
    assert feature_loss(states, teacher).item() == pytest.approx((4 + 16) / 4)
