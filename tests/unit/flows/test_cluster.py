"""Executors: in this process, in several, and errors about Dask."""

from __future__ import annotations

import os
import sys
from operator import truediv

import pytest

from fpga_gnn.errors import InputError, ToolMissingError
from fpga_gnn.flows.cluster import SerialExecutor, executor


def test_one_process_is_this_one():
    with executor(1, None) as pool:
        assert isinstance(pool, SerialExecutor)
        future = pool.submit(os.getpid)
        assert future.done()
        assert future.result() == os.getpid()
        assert isinstance(pool.submit(truediv, 1, 0).exception(), ZeroDivisionError)


def test_an_interrupt_ends_the_serial_executor():
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), executor(1, None) as pool:
        pool.submit(interrupted)


def test_two_processes_are_others():
    with executor(2, None) as pool:
        assert pool.submit(os.getpid).result() != os.getpid()


def test_no_scheduler(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("fpga_gnn.flows.cluster._CONNECT_SECONDS", 1)
    with (
        pytest.raises(InputError, match=r"--dask: found tcp://127.+, expected the address"),
        executor(1, "tcp://127.0.0.1:1"),
    ):
        pass


def test_no_dask(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(ToolMissingError, match=r"pip install 'fpga-gnn\[dask\]'"),
        executor(1, "tcp://127.0.0.1:1"),
    ):
        pass
