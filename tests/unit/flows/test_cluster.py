"""Executors: in this process, in several, on Dask; workers that die, are lost or do not fit."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from concurrent.futures import BrokenExecutor, wait
from operator import truediv
from pathlib import Path

import pytest

from fpga_gnn import __version__
from fpga_gnn.errors import InputError, ToolMissingError, WorkerDiedError
from fpga_gnn.events.store import EventStore
from fpga_gnn.flows import cluster
from fpga_gnn.flows.cluster import Workers
from fpga_gnn.tasks import SerialExecutor

SECONDS = 120


@pytest.fixture
def scheduler():
    """A scheduler with a worker in this process, which works in two threads."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=":0"
    ) as found:
        yield found


def test_one_worker_is_this_process(tmp_path):
    with Workers().executor(tmp_path, 9) as pool:
        assert isinstance(pool, SerialExecutor)


def test_no_more_workers_than_tasks(tmp_path):
    with Workers(8).executor(tmp_path, 1) as pool:
        assert isinstance(pool, SerialExecutor)
    with Workers(dask="tcp://nowhere:1").executor(tmp_path, 0) as pool:
        assert isinstance(pool, SerialExecutor)


def test_an_interrupt_ends_the_serial_executor(tmp_path):
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), Workers().executor(tmp_path, 1) as pool:
        pool.submit(interrupted)


def test_a_task_that_kills_its_worker_takes_no_other_along(tmp_path):
    """Dask gives all tasks to the one worker, so that it blames all for each death."""
    distributed, dask = pytest.importorskip("distributed"), pytest.importorskip("dask")
    with (
        dask.config.set({"distributed.scheduler.worker-saturation": float("inf")}),
        distributed.LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            dashboard_address=":0",
            scheduler_kwargs={"allowed_failures": 1},
        ) as local,
        Workers(dask=local.scheduler_address).executor(tmp_path, 4) as pool,
    ):
        killer = pool.submit(signal.raise_signal, signal.SIGKILL)
        others = [pool.submit(os.getpid) for _ in range(3)]
        assert os.getpid() not in {other.result(SECONDS) for other in others}
        error = killer.exception(SECONDS)
        assert isinstance(error, WorkerDiedError)
        assert "every worker that tried it died, the last at tcp://127.0.0.1:" in str(error)
        assert pool.submit(abs, -3).result(SECONDS) == 3
    assert list(tmp_path.iterdir()) == []


def test_several_workers_are_other_processes(tmp_path):
    pytest.importorskip("distributed")
    with Workers(2).executor(tmp_path, 2) as pool:
        assert isinstance(pool, cluster._DaskExecutor)
        assert pool.submit(os.getpid).result(SECONDS) != os.getpid()


def test_a_pool_without_dask(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    with Workers(2).executor(tmp_path, 2) as pool:
        assert pool.submit(os.getpid).result(SECONDS) != os.getpid()
        killer = pool.submit(signal.raise_signal, signal.SIGKILL)
        assert isinstance(killer.exception(SECONDS), BrokenExecutor)


def test_a_scheduler_file(scheduler, tmp_path):
    file = tmp_path / "scheduler.json"
    scheduler.scheduler.identity()
    file.write_text(json.dumps({"address": scheduler.scheduler_address}))
    with Workers(dask=str(file)).executor(tmp_path, 2) as pool:
        assert pool.submit(abs, -3).result(SECONDS) == 3
        assert len(list(tmp_path.iterdir())) == 2
    assert list(tmp_path.iterdir()) == [file]


def test_an_error_keeps_its_kind_and_has_the_traceback(scheduler, tmp_path):
    with Workers(dask=scheduler.scheduler_address).executor(tmp_path, 2) as pool:
        error = pool.submit(EventStore.open, tmp_path).exception(SECONDS)
        assert isinstance(error, InputError)
        assert (error.where, error.found) == (str(tmp_path), "no manifest.json")
        assert "in open" in error.__notes__[0]
        assert isinstance(pool.submit(truediv, 1, 0).exception(SECONDS), ZeroDivisionError)


def test_threads_of_a_worker_take_turns(scheduler, tmp_path):
    with Workers(dask=scheduler.scheduler_address).executor(tmp_path, 2) as pool:
        begun = time.monotonic()
        assert not wait([pool.submit(time.sleep, 0.3) for _ in range(2)], SECONDS).not_done
        assert time.monotonic() - begun > 0.6


def test_a_worker_of_another_version(scheduler, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "__version__", "9.9")
    with Workers(dask=scheduler.scheduler_address).executor(tmp_path, 1) as pool:
        error = pool.submit(abs, -3).exception(SECONDS)
        assert isinstance(error, BrokenExecutor)
        found = f"found fpga-gnn {__version__}, expected 9.9 as here"
        assert str(error).startswith("worker inproc://")
        assert str(error).endswith(found)
        with pytest.raises(BrokenExecutor, match=r"expected 9\.9"):
            pool.submit(abs, -3)


def test_a_worker_that_does_not_see_the_folder(scheduler, tmp_path):
    with Workers(dask=scheduler.scheduler_address).executor(tmp_path, 1) as pool:
        (seen,) = tmp_path.iterdir()
        away = seen.rename(tmp_path.with_name("away"))
        error = pool.submit(abs, -3).exception(SECONDS)
        assert isinstance(error, BrokenExecutor)
        assert f"found no {seen}, expected the file system of this command" in str(error)
        away.rename(seen)


def test_a_lost_scheduler(scheduler, tmp_path):
    with Workers(dask=scheduler.scheduler_address).executor(tmp_path, 1) as pool:
        future = pool.submit(time.sleep, 1)
        scheduler.close()
        error = future.exception(SECONDS)
        assert isinstance(error, BrokenExecutor)
        assert "Dask cancelled the tasks: scheduler-connection-lost" in str(error)


NO_SCHEDULER = "--dask: found {}, expected the address of a running Dask scheduler or its"


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("tcp://127.0.0.1:1", NO_SCHEDULER),
        ("empty.json", NO_SCHEDULER),
        ("nothing.json", "{}: found No such file or directory, expected a scheduler file of Dask"),
        ("broken.json", r"{}: found broken JSON .*, expected a scheduler file of Dask"),
    ],
)
def test_no_scheduler(tmp_path, monkeypatch, where, message):
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "_CONNECT_SECONDS", 0.5)
    monkeypatch.chdir(tmp_path)
    Path("broken.json").write_text("{")
    Path("empty.json").write_text("{}")
    with (
        pytest.raises(InputError, match=message.format(where)),
        Workers(dask=where).executor(tmp_path, 1),
    ):
        pass


def test_no_dask(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(ToolMissingError, match=r"pip install 'fpga-gnn\[dask\]'"),
        Workers(dask="tcp://127.0.0.1:1").executor(tmp_path, 1),
    ):
        pass
