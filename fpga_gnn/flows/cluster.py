"""Where the tasks of a command are done: in this process, in several, or on a Dask cluster."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from fpga_gnn import __version__
from fpga_gnn.contract import read_json
from fpga_gnn.errors import InputError, ToolMissingError, WorkerDiedError
from fpga_gnn.tasks import SerialExecutor

_CONNECT_SECONDS = 20
_ALLOWED_DEATHS = 1
"""Workers of ours that may die on a task before it is put aside, and again once it is alone."""

_SEEN = ".seen-by-workers-"
"""Begins the name of a file that is there while workers are asked whether they see the folder."""

_LOCAL_CLUSTER = "distributed", "cryptography"
"""Packages that a cluster of this machine takes."""

_SETTINGS = {
    # A worker is dead when its process is, however long it is silent in a compiled loop,
    "distributed.scheduler.worker-ttl": None,
    # and takes its time to start again: it imports PyTorch.
    "distributed.deploy.lost-worker-timeout": "1 day",
    # Dask's threshold has PyTorch ask the kernel for every tensor, which is twice as slow.
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
}
"""Of Dask, for a cluster of this machine."""
_PRELOAD = ["import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"]
"""What a worker of this machine begins with: Ctrl-C is the client's business."""

_ONE_AT_A_TIME = threading.Lock()
"""Seeds, threads and generators are those of a process, so the threads of a worker take turns."""


@dataclass(frozen=True)
class Workers:
    """``n`` processes of this machine, or the workers of the Dask scheduler ``dask``.

    ``dask`` is its address or its scheduler file.
    """

    n: int = 1
    dask: str | None = None

    @contextmanager
    def executor(self, folder: Path, n_tasks: int) -> Iterator[Executor]:
        """Yield an executor for ``n_tasks`` tasks that read and write ``folder``.

        One process is this one. Several are a Dask cluster of this machine, which takes nothing
        from other users, or a plain pool where Dask is not installed. What has not begun when the
        block ends is not begun.

        Dask does the task of a worker that died again on another one. A task that kills each of
        several workers, the last times with no other task beside it, ends with
        ``WorkerDiedError``; the others are done. ``BrokenExecutor`` is the end of all tasks: a
        process of a pool died, the scheduler is lost, a worker has another version of fpga-gnn or
        does not see ``folder``. Raises ``InputError`` if no scheduler answers and
        ``ToolMissingError`` for ``dask`` without the package.
        """
        n = min(self.n, n_tasks)
        if self.dask is not None and n_tasks:
            with (
                _scheduler(self.dask) as client,
                NamedTemporaryFile(prefix=_SEEN, dir=folder) as seen,
            ):
                yield _DaskExecutor(client, seen.name)
        elif n <= 1:
            yield SerialExecutor()
        elif all(map(find_spec, _LOCAL_CLUSTER)):
            with _local_client(n) as client:
                yield _DaskExecutor(client, str(folder.resolve()))
        else:
            with _pool(n) as pool:
                yield pool


@contextmanager
def _pool(n: int) -> Iterator[Executor]:
    """Yield a pool whose processes end at once at Ctrl-C, which a terminal sends to all."""
    pool = ProcessPoolExecutor(
        n,
        mp_context=get_context("spawn"),
        initializer=signal.signal,
        initargs=(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _local_client(n: int) -> Iterator[Any]:
    """Yield a client of a cluster of ``n`` processes.

    They have no limit of memory: one that waits for memory that its own task holds would wait for
    ever.
    """
    import dask
    from distributed import Client, LocalCluster

    with (
        dask.config.set(_SETTINGS),
        LocalCluster(
            n_workers=n,
            threads_per_worker=1,
            memory_limit=None,
            preload=_PRELOAD,
            dashboard_address=None,
            security=True,
            silence_logs=logging.CRITICAL,
            scheduler_kwargs={
                "allowed_failures": _ALLOWED_DEATHS,
                "dashboard_address": "127.0.0.1:0",
            },
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@contextmanager
def _scheduler(where: str) -> Iterator[Any]:
    """Yield a client of the scheduler at the address or of the file ``where``."""
    try:
        from distributed import Client
        from distributed.utils import silence_logging_cmgr
    except ImportError:
        raise ToolMissingError(
            "--dask: distributed is not installed; pip install 'fpga-gnn[dask]'"
        ) from None
    with silence_logging_cmgr(logging.CRITICAL):
        try:
            client = Client(_address(where), timeout=_CONNECT_SECONDS)
        except (OSError, ValueError) as error:
            expected = "the address of a running Dask scheduler or its scheduler file (.json)"
            raise InputError("--dask", where, expected) from error
        with client:
            yield client


def _address(where: str) -> str:
    """Return the address in the scheduler file ``where``, which may be about to appear.

    ``ValueError`` for other content; what is no .json is an address.
    """
    if not where.endswith(".json"):
        return where
    deadline = time.monotonic() + _CONNECT_SECONDS
    while not Path(where).is_file() and time.monotonic() < deadline:
        time.sleep(0.1)
    address = read_json(Path(where), dict[str, Any], "a scheduler file of Dask").get("address")
    if not isinstance(address, str):
        raise ValueError("no address")
    return address


class _DaskExecutor(Executor):
    """Does tasks on Dask workers, which must have our version and see the file ``seen``.

    A worker that dies takes all tasks down that it was given, and Dask counts that against each.
    So a task that has too many deaths is put aside until no other is left, and judged alone.
    """

    def __init__(self, client: Any, seen: str) -> None:
        self._client, self._call = client, _caller(__version__, seen)
        self._n_running, self._alone = 0, asyncio.Lock()
        self._none_runs = asyncio.Event()
        self._broken: BrokenExecutor | None = None

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        from distributed.protocol.pickle import dumps

        if self._broken is not None:
            raise self._broken
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        task = dumps(partial(_outcome, partial(fn, *args, **kwargs)))
        self._client.loop.add_callback(self._follow, future, task)
        return future

    async def _follow(self, future: Future[Any], task: bytes) -> None:
        """Have ``task`` done and give its outcome to ``future``; runs in the client's thread."""
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError

        try:
            try:
                result, error = await self._done(task)
            except KilledWorker:
                async with self._alone:
                    await self._none_runs.wait()
                    result, error = await self._done(task)
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
        except KilledWorker as error:
            died = f"every worker that tried it died, the last at {error.last_worker.address}"
            future.set_exception(WorkerDiedError(f"{died} (out of memory?)"))
        except FutureCancelledError as error:
            self._broken = BrokenExecutor(f"Dask cancelled the tasks: {error.reason}")
            future.set_exception(self._broken)
        except Exception as error:
            future.set_exception(error)

    async def _done(self, task: bytes) -> tuple[Any, Exception | None]:
        """Return result and error of ``task``."""
        from distributed.protocol.pickle import loads

        self._n_running += 1
        self._none_runs.clear()
        try:
            problem, outcome = await self._client.submit(self._call, task, pure=False)
        finally:
            self._n_running -= 1
            if not self._n_running:
                self._none_runs.set()
        if problem:
            self._broken = BrokenExecutor(problem)
            raise self._broken
        result: tuple[Any, Exception | None] = loads(outcome)
        return result


def _outcome(task: Callable[[], Any]) -> bytes:
    """Do ``task`` in a worker; return its result and its error, which has a note of the traceback.

    Dask would carry the error, but its client waits for ever for one whose traceback it cannot
    read.
    """
    from distributed.protocol.pickle import dumps

    with _ONE_AT_A_TIME:
        try:
            return dumps((task(), None))
        except Exception as error:
            error.add_note("".join(traceback.format_exception(error)))
            return dumps((None, error))


def _caller(ours: str, seen: str) -> Callable[[bytes], tuple[str, bytes]]:
    """Return what does a pickled task on a worker: (what is wrong with the worker, the outcome).

    Being no module's, it goes by value: a scheduler or worker without fpga-gnn can read it.
    """

    def call(task: bytes) -> tuple[str, bytes]:
        from importlib.metadata import PackageNotFoundError, version
        from os.path import exists

        from distributed import get_worker
        from distributed.protocol.pickle import loads

        where = f"worker {get_worker().address}"
        try:
            found = version("fpga-gnn")
        except PackageNotFoundError:
            found = "missing"
        if found != ours:
            return f"{where}: found fpga-gnn {found}, expected {ours} as here", b""
        if not exists(seen):
            return f"{where}: found no {seen}, expected the file system of this command", b""
        return "", loads(task)()

    return call
