"""Scores of the student as integers: the first exact rung of the ladder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fpga_gnn.contract import FixedPoint
from fpga_gnn.contract.config import PROBABILITY_FRAC
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import FpgaGnnError
from fpga_gnn.models.student import Student


def student_scores(
    student: Student, inputs: tuple[Tensor, Tensor, Tensor], score: FixedPoint
) -> Int64:
    """Run ``student`` (eval mode) on ``inputs`` and return its scores [E] as integers."""
    with torch.no_grad():
        return to_integers(student(*inputs).numpy(), score)


def to_integers(values: np.ndarray, fixed: FixedPoint) -> Int64:
    """Return the integers that ``values`` stand for; raise if one is off the grid of ``fixed``."""
    scaled = np.ldexp(values.astype(np.float64), fixed.frac)
    integers = scaled.astype(np.int64)
    off_grid = np.flatnonzero(integers != scaled)
    if off_grid.size:
        raise FpgaGnnError(
            f"score {off_grid[0]}: found {values.flat[off_grid[0]]!r}, "
            f"expected a multiple of 2**-{fixed.frac}"
        )
    return integers


def probability(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the edge probabilities of ``logits``."""
    return 1 / (1 + np.exp(-logits))


@dataclass(frozen=True)
class ScoreGrid:
    """Cuts and weights of edges whose scores are integers of the format ``score``.

    A weight is the edge's probability with ``PROBABILITY_FRAC`` fraction bits. Weights are even and
    rise strictly with the score, cuts on them are odd: a weight never equals a cut, so that ``>``
    and ``>=`` agree, and weights order edges as scores do.
    """

    score: FixedPoint

    @cached_property
    def _probabilities(self) -> NDArray[np.float64]:
        return probability(
            self.score.to_float(np.arange(self.score.min_int, self.score.max_int + 1))
        )

    @cached_property
    def _weights(self) -> Int64:
        rounded = np.rint(np.ldexp(self._probabilities, PROBABILITY_FRAC - 1)).astype(np.int64)
        steps = np.arange(rounded.size)
        weights: Int64 = 2 * (np.maximum.accumulate(rounded - steps) + steps)
        return weights

    def weights(self, scores: Int64) -> Int64:
        """Return the weight of each of ``scores`` [E]."""
        return self._weights[scores - self.score.min_int]

    def cut(self, probability: float) -> int:
        """Return the largest score whose probability is not above the cut ``probability``."""
        return self.score.max_int - int((self._probabilities > probability).sum())

    def weight_cut(self, probability: float) -> int:
        """Return the cut on weights that the same edges pass as ``cut``."""
        n_below = self.cut(probability) - self.score.min_int + 1
        if n_below == self._weights.size:
            return int(self._weights[-1]) + 1
        return int(self._weights[n_below]) - 1
