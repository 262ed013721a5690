"""Wall times of ways to do one thing, taken in turns so that all of them see the same machine."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, eq=False)
class Option:
    """A way to do the work of a stage: ``call`` does it for one event.

    ``refusals`` are the errors by which ``call`` says that it cannot; others are passed on. Once a
    timed call takes longer than ``patience`` seconds, it is the option's last.
    """

    name: str
    call: Callable[[], Any]
    refusals: tuple[type[Exception], ...] = ()
    patience: float = math.inf


@dataclass(eq=False)
class Laps:
    """What became of an option: seconds of each call in ``seconds``, of its very first, warm-up
    call in ``first``, and in ``refusal`` why it was given up; then it has no times. ``is_over``
    after a call beyond its patience."""

    seconds: list[float] = field(default_factory=list)
    n_events: int = 0
    first: float | None = None
    refusal: str | None = None
    is_over: bool = False


class Stopwatch:
    """Times every option ``repeat`` times per event, after one call that warms up.

    ``synchronise`` runs before the clock is read: it waits for a GPU's queue.
    """

    def __init__(self, repeat: int, synchronise: Callable[[], None] = lambda: None) -> None:
        self._repeat, self._synchronise = repeat, synchronise
        self.laps: dict[str, Laps] = {}

    def time(self, options: Sequence[Option]) -> dict[str, Any]:
        """Time ``options`` on one event, in turns; return the result of each that can."""
        results: dict[str, Any] = {}
        for option in options:
            laps = self.laps.setdefault(option.name, Laps())
            if laps.refusal is not None or laps.is_over:
                continue
            try:
                seconds, results[option.name] = self._call(option)
            except option.refusals as error:
                reason = str(error).strip() or type(error).__name__
                self.laps[option.name] = Laps(refusal=reason.splitlines()[0])
                continue
            laps.n_events += 1
            if laps.first is None:
                laps.first = seconds
        for _ in range(self._repeat):
            for option in options:
                laps = self.laps[option.name]
                if option.name in results and not laps.is_over:
                    seconds, _ = self._call(option)
                    laps.seconds.append(seconds)
                    laps.is_over = seconds > option.patience
        return results

    def _call(self, option: Option) -> tuple[float, Any]:
        with _no_garbage_collection():
            self._synchronise()
            start = time.perf_counter()
            result = option.call()
            self._synchronise()
            return time.perf_counter() - start, result


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
