"""Progress bars of commands that work through events, epochs or edges."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fpga_gnn.training import torchrun

Count = Callable[[int, int], None]
"""Takes what is done and the total."""


@contextmanager
def progress_bars(*labels: str) -> Iterator[tuple[Count, ...]]:
    """Show one bar per label on standard error, if a terminal, each from its first call on.

    Of all ranks of a training, rank 0 shows them.
    """
    console = Console(stderr=True)
    bars = Progress(
        TextColumn("{task.description:<12}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal or torchrun.rank() > 0,
    )

    def counter(label: str) -> Count:
        task = bars.add_task(label, total=None, visible=False)

        def count(done: int, total: int) -> None:
            bars.start()
            bars.update(task, completed=done, total=total, visible=True)

        return count

    try:
        yield tuple(counter(label) for label in labels)
    finally:
        if any(task.visible for task in bars.tasks):
            bars.stop()


@contextmanager
def progress_bar(label: str) -> Iterator[Count]:
    """Show one bar on standard error."""
    with progress_bars(label) as (count,):
        yield count
