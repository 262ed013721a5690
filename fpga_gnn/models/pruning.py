"""Magnitude pruning of the interaction network, with the score of Lee et al. (arXiv:2010.07611).

The score of a weight (LAMP) is its square over the sum of the squares in its layer that are not
smaller: one threshold for the whole network then leaves every layer the weights it needs most.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

Granularity = Literal["weight", "unit"]


def sparsity_at(progress: float, final: float) -> float:
    """Return the share of zeros after ``progress`` (0..1) of the pruning.

    Cubic schedule of Zhu and Gupta (arXiv:1710.01878).
    """
    return final * (1 - (1 - min(max(progress, 0.0), 1.0)) ** 3)


class Pruner:
    """Sets weights of ``network``'s MLPs to zero, and keeps them there.

    ``unit`` takes hidden units as a whole: the row that makes one and the column that reads it.
    The weights that are zero already stay zero.
    """

    def __init__(self, network: nn.Module, granularity: Granularity) -> None:
        self._mlps = [
            [layer for layer in mlp if isinstance(layer, nn.Linear)]
            for mlp in network.modules()
            if isinstance(mlp, nn.Sequential)
        ]
        self._granularity = granularity
        self._masks = {layer: layer.weight.detach() != 0 for mlp in self._mlps for layer in mlp}

    @property
    def sparsity(self) -> float:
        """Share of the weights that are zero."""
        kept = sum(int(mask.sum()) for mask in self._masks.values())
        return 1 - kept / sum(mask.numel() for mask in self._masks.values())

    def prune(self, sparsity: float) -> None:
        """Choose the share ``sparsity`` of the weights (or units) with the least scores."""
        if self._granularity == "weight":
            layers = list(self._masks)
            for layer, kept in zip(
                layers, _kept([layer.weight for layer in layers], sparsity), strict=True
            ):
                self._masks[layer] &= kept
        else:
            pairs = [pair for mlp in self._mlps for pair in pairwise(mlp)]
            sizes = [made.weight.norm(dim=1) * read.weight.norm(dim=0) for made, read in pairs]
            for (made, read), kept in zip(pairs, _kept(sizes, sparsity), strict=True):
                self._masks[made] &= kept[:, None]
                self._masks[read] &= kept
        self.apply()

    def apply(self) -> None:
        """Set what was chosen to zero; call it after every optimizer step."""
        with torch.no_grad():
            for layer, mask in self._masks.items():
                layer.weight.mul_(mask)


def _kept(sizes: list[Tensor], sparsity: float) -> list[Tensor]:
    """Return the mask of each tensor: all but the share ``sparsity`` with the least scores.

    The first of equals go first.
    """
    scores = [_lamp(size.detach()) for size in sizes]
    together = torch.cat([score.flatten() for score in scores])
    kept = torch.ones_like(together, dtype=torch.bool)
    kept[together.argsort(stable=True)[: round(sparsity * together.numel())]] = False
    parts = kept.split([score.numel() for score in scores])
    return [part.reshape(score.shape) for part, score in zip(parts, scores, strict=True)]


def _lamp(size: Tensor) -> Tensor:
    squares, order = size.flatten().square().sort(stable=True)
    not_smaller = squares.flip(0).cumsum(0).flip(0)
    score = torch.empty_like(squares)
    score[order] = torch.where(squares > 0, squares / not_smaller, squares)
    return score.reshape(size.shape)
