"""The losses of edge classifiers: from labels, and from a teacher."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss

_LARGEST_WEIGHT = 20.0


def balanced_edge_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of edges [E] with target (1.0) and fake (0.0) edges of equal total weight.

    A target edge weighs at most 20 times a fake one. Edges to ignore are left out by the caller.
    """
    positive = target.sum().clamp(min=1)
    weight = ((target.numel() - positive) / positive).clamp(1.0, _LARGEST_WEIGHT)
    return binary_cross_entropy_with_logits(logits, target, pos_weight=weight)


def soft_score_loss(logits: Tensor, teacher_logits: Tensor) -> Tensor:
    """Cross-entropy of edges [E] with the teacher's probabilities (Hinton et al., 1503.02531)."""
    return binary_cross_entropy_with_logits(logits, teacher_logits.sigmoid())


def feature_loss(projected: Tensor, teacher_states: Tensor) -> Tensor:
    """Squared difference of edge states [E, K] (FitNets, Romero et al., 1412.6550)."""
    return mse_loss(projected, teacher_states)
