"""Tasks of a command, done in this process or wherever an executor has them done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, as_completed
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from fpga_gnn.errors import ToolFailedError

Executors = Callable[[Path, int], AbstractContextManager[Executor]]
"""Opens an executor for so many tasks that read and write the folder, which exists."""

_Argument = TypeVar("_Argument")
_Result = TypeVar("_Result")


class SerialExecutor(Executor):
    """Does each task when it is submitted."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@contextmanager
def in_this_process(folder: Path, n_tasks: int) -> Iterator[Executor]:
    """Yield an executor that needs no other process."""
    yield SerialExecutor()


def as_done(
    executor: Executor, fn: Callable[[_Argument], _Result], arguments: Iterable[_Argument]
) -> Iterator[tuple[_Argument, Future[_Result]]]:
    """Have ``fn`` done to each argument and yield each with its future once that has an outcome.

    ``ToolFailedError`` if no task can go on.
    """
    running: dict[Future[_Result], _Argument] = {}
    try:
        for argument in arguments:
            future = executor.submit(fn, argument)
            if future.done():
                yield argument, _unbroken(future)
            else:
                running[future] = argument
        for future in as_completed(running):
            yield running[future], _unbroken(future)
    except BrokenExecutor as error:
        kept = "what is done is kept, repeat the command to go on"
        raise ToolFailedError(f"{error}; {kept}") from error


def _unbroken(future: Future[_Result]) -> Future[_Result]:
    error = future.exception()
    if isinstance(error, BrokenExecutor):
        raise error
    return future
