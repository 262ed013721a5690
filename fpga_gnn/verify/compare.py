"""The only comparison of the exact rungs: ``==``, and the first difference is an error."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fpga_gnn.errors import MismatchError


def require_equal(kernel: str, case: str, expected: ArrayLike, got: ArrayLike) -> int:
    """Return the number of values compared; raise ``MismatchError`` on the first difference.

    The message names kernel, case, shape, index, expected and got. Arrays are compared with
    ``==`` (NaN differs from everything).
    """
    left, right = np.asarray(expected), np.asarray(got)
    if left.shape != right.shape:
        raise MismatchError(
            f"{kernel}: case {case}: shape expected {left.shape}, got {right.shape}",
            n_different=max(left.size, right.size),
        )
    different = np.argwhere(np.atleast_1d(left != right))
    if different.size:
        index = tuple(int(i) for i in different[0])
        where = index if left.ndim else ()
        raise MismatchError(
            f"{kernel}: case {case}: shape {left.shape}, index {where}: "
            f"expected {left[where]}, got {right[where]} ({len(different)} of {left.size} differ)",
            n_different=len(different),
        )
    return int(left.size)
