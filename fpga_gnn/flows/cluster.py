"""Where the runs of a sweep are computed: in this process, in several, or on a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any

from fpga_gnn.errors import InputError, ToolMissingError

_CONNECT_SECONDS = 20


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
def executor(processes: int, dask: str | None) -> Iterator[Executor]:
    """Yield an executor of so many ``processes``, or of the scheduler at the address ``dask``.

    What has not begun when the block ends is not begun. Raises ``InputError`` if no scheduler
    answers, ``ToolMissingError`` without the package of Dask.
    """
    if dask is not None:
        with _dask(dask) as found:
            yield found
    elif processes == 1:
        yield SerialExecutor()
    else:
        pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"))
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def _dask(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ImportError:
        raise ToolMissingError(
            "--dask: distributed is not installed; pip install 'fpga-gnn[dask]'"
        ) from None
    try:
        client = Client(address, timeout=_CONNECT_SECONDS)
    except (OSError, ValueError) as error:
        raise InputError("--dask", address, "the address of a running Dask scheduler") from error
    with client:
        yield client.get_executor(pure=False)
