"""Scores of the student as integers: the first exact rung of the ladder."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fpga_gnn.contract import FixedPoint
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
