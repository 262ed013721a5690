"""A row of the computing table before it is timed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fpga_gnn.report.benchmark import Stage


@dataclass(frozen=True, eq=False)
class Way:
    """An option as the table describes it; ``count`` tells how many ``unit`` a result holds.

    ``refusals`` and ``patience`` are those of ``stopwatch.Option``.
    """

    stage: Stage
    name: str
    measures: str
    call: Callable[[], Any]
    unit: str
    count: Callable[[Any], int]
    device: str = "cpu"
    threads: int = 1
    refusals: tuple[type[Exception], ...] = ()
    patience: float = math.inf
