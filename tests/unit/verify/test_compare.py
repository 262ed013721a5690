"""The comparison of the ladder: equal means ``==``, and the first difference is named."""

from __future__ import annotations

import re

import numpy as np
import pytest

from fpga_gnn.errors import MismatchError
from fpga_gnn.verify.compare import require_equal


@pytest.mark.parametrize(
    ("values", "compared"),
    [([1, -2, 3], 3), (np.zeros((2, 0)), 0), ([], 0), (7, 1), (np.arange(12).reshape(3, 4), 12)],
)
def test_equal_values_are_counted(values, compared):
    assert require_equal("kernel", "case", values, np.array(values)) == compared


@pytest.mark.parametrize(
    ("expected", "got", "where", "n_different"),
    [
        ([1, 2, 3], [1, 5, 4], "shape (3,), index (1,): expected 2, got 5 (2 of 3 differ)", 2),
        (
            [[1, 2], [3, 4]],
            [[1, 2], [0, 4]],
            "shape (2, 2), index (1, 0): expected 3, got 0 (1 of 4 differ)",
            1,
        ),
        (7, 8, "shape (), index (): expected 7, got 8 (1 of 1 differ)", 1),
        ([1.0], [1.0 + 2**-52], "index (0,): expected 1.0, got 1.0000000000000002", 1),
        ([np.nan], [np.nan], "index (0,): expected nan, got nan", 1),
    ],
)
def test_the_first_difference_is_named(expected, got, where, n_different):
    with pytest.raises(MismatchError, match=re.escape(where)) as error:
        require_equal("edge classifier", "event 3", expected, got)
    assert str(error.value).startswith("edge classifier: case event 3: ")
    assert error.value.n_different == n_different
    assert error.value.exit_code == 1


@pytest.mark.parametrize(("expected", "got"), [([1, 2], [1]), ([[1]], [1]), ([], [0]), (1, [1])])
def test_another_shape_is_a_difference_even_where_numpy_broadcasts(expected, got):
    with pytest.raises(MismatchError, match=r"case c: shape expected \(.*\), got \(.*\)$") as error:
        require_equal("k", "c", expected, got)
    assert error.value.n_different == max(np.size(expected), np.size(got)) > 0
