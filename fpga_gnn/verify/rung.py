"""One rung of the ladder: two implementations held to ``==``, counted and timed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

from numpy.typing import ArrayLike

from fpga_gnn.errors import MismatchError
from fpga_gnn.verify.compare import require_equal


@dataclass
class Rung:
    """What is held against what, and how many of ``unit`` were found equal."""

    kernel: str
    left: str
    right: str
    unit: str
    n_compared: int = 0
    n_different: int = 0
    seconds: float = 0.0

    def hold(self, case: str, expected: ArrayLike, got: ArrayLike) -> int:
        """Return the number of values compared; count and raise the first difference."""
        try:
            return require_equal(
                f"{self.kernel} ({self.left} == {self.right})", case, expected, got
            )
        except MismatchError as error:
            self.n_different += error.n_different
            raise

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Add the time of the block."""
        start = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - start


def chain(kernel: str, unit: str, *names: str) -> list[Rung]:
    """Return a rung for each implementation in ``names`` and the one before it."""
    return [Rung(kernel, left, right, unit) for left, right in pairwise(names)]
