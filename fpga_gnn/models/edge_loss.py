"""The loss of edge classifiers."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

_LARGEST_WEIGHT = 20.0


def balanced_edge_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of edges [E] with target (1.0) and fake (0.0) edges of equal total weight.

    A target edge weighs at most 20 times a fake one. Edges to ignore are left out by the caller.
    """
    positive = target.sum().clamp(min=1)
    weight = ((target.numel() - positive) / positive).clamp(1.0, _LARGEST_WEIGHT)
    return binary_cross_entropy_with_logits(logits, target, pos_weight=weight)
