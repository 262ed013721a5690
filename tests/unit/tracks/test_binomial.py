from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpga_gnn.tracks.binomial import Rate, binned_efficiency, wilson_interval


def test_wilson_interval():
    k, n = np.array([0.0, 5, 10, 1]), np.array([10.0, 10, 10, 1])
    low, high = wilson_interval(k, n)
    assert np.allclose(low, [0, (0.55 - np.sqrt(0.025 + 0.0025)) / 1.1, 10 / 11, 0.5])
    assert np.allclose(high, [1 / 11, (0.55 + np.sqrt(0.025 + 0.0025)) / 1.1, 1, 1])
    assert ((low >= 0) & (low <= k / n) & (k / n <= high) & (high <= 1)).all()


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_the_bounds_are_one_standard_deviation_of_themselves_away(passed, failed):
    total = passed + failed
    if total == 0:
        return
    for bound in wilson_interval(passed, total):
        variance = bound * (1 - bound) / total
        assert math.isclose((passed / total - bound) ** 2, variance, rel_tol=1e-6, abs_tol=1e-12)


def test_a_rate_out_of_none_is_nan_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rate = Rate(0, 0)
        assert np.isnan([rate.value, *rate.interval]).all()


def test_a_rate_lies_inside_its_interval():
    rate = Rate(5, 10)
    assert rate.value == 0.5
    assert rate.interval == pytest.approx((0.349, 0.651), abs=1e-3)


def test_bins_by_hand():
    found = binned_efficiency(
        [0.0, 0.5, 1.0, 1.5, 2.0, -0.1, 2.1, np.nan], [1, 0, 1, 1, 0, 1, 1, 1], [0, 1, 2]
    )
    assert found.total.tolist() == [2, 3]
    assert found.passed.tolist() == [1, 2]
    assert found.value.tolist() == [1 / 2, 2 / 3]
    assert np.allclose(found.interval, wilson_interval([1, 2], [2, 3]))


def test_overflow_enters_the_last_bin():
    found = binned_efficiency([0.5, 1.5, 7.0, 900.0], [1, 0, 1, 1], [1, 2, 5], overflow=True)
    assert (found.passed.tolist(), found.total.tolist()) == ([0, 2], [1, 2])


def test_an_empty_bin_is_nan_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = binned_efficiency([], [], [0, 1, 2])
        assert np.isnan([found.value, *found.interval]).all()
