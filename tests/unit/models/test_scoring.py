from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpga_gnn.contract import FixedPoint
from fpga_gnn.contract.config import PROBABILITY_FRAC
from fpga_gnn.errors import FpgaGnnError
from fpga_gnn.models.scoring import ScoreGrid, probability, to_integers

GRIDS = [ScoreGrid(FixedPoint(bits=bits, frac=frac)) for bits, frac in ((12, 7), (12, 2), (3, 0))]


def every(grid):
    return np.arange(grid.score.min_int, grid.score.max_int + 1)


@pytest.mark.parametrize("grid", GRIDS, ids=lambda grid: f"{grid.score.bits}.{grid.score.frac}")
def test_weights_are_even_rise_with_the_score_and_fit_in_32_bits(grid):
    weights = grid.weights(every(grid))
    assert (np.diff(weights) >= 2).all()
    assert not (weights % 2).any()
    assert weights.min() >= 0
    assert grid.weight_cut(1.0) < 1 << (PROBABILITY_FRAC + 1)


def test_weights_are_probabilities():
    grid = GRIDS[0]
    expected = probability(grid.score.to_float(every(grid)))
    found = grid.weights(every(grid)) / (1 << PROBABILITY_FRAC)
    assert np.abs(found - expected).max() < 1e-6
    assert grid.weights(np.array([0])).tolist() == [1 << (PROBABILITY_FRAC - 1)]


@given(
    grid=st.sampled_from(GRIDS), cut=st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0]))
)
def test_cuts_pass_the_scores_of_higher_probability(grid, cut):
    scores = every(grid)
    passes = probability(grid.score.to_float(scores)) > cut
    assert np.array_equal(scores > grid.cut(cut), passes)
    weights, weight_cut = grid.weights(scores), grid.weight_cut(cut)
    assert np.array_equal(weights > weight_cut, passes)
    assert np.array_equal(weights >= weight_cut, passes)


def test_a_value_off_the_grid_is_refused():
    fixed = FixedPoint(bits=8, frac=2)
    assert to_integers(np.array([0.25, -1.0]), fixed).tolist() == [1, -4]
    with pytest.raises(FpgaGnnError, match=r"score 1: found .*0\.1.*, expected a multiple"):
        to_integers(np.array([0.25, 0.1]), fixed)
