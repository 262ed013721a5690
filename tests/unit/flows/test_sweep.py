"""The order of the runs of a sweep, and what a failure leaves."""

from __future__ import annotations

from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from types import SimpleNamespace

import pytest

import fpga_gnn.flows.sweep as flow
from fpga_gnn.errors import WorkerDiedError
from fpga_gnn.tasks import SerialExecutor


def jobs(**starts):
    return [
        SimpleNamespace(run=SimpleNamespace(name=name, start=start))
        for name, start in starts.items()
    ]


@pytest.fixture
def do(monkeypatch):
    """Do jobs, of which those in ``bad`` return an error; return what was seen."""

    def call(todo, bad=(), pool=None, total=None):
        seen = SimpleNamespace(worked=[], ended=[], counts=[])

        def work(job):
            seen.worked.append(job.run.name)
            return "is bad" if job.run.name in bad else None

        monkeypatch.setattr(flow, "_work", work)
        progress = flow.SweepProgress(
            teacher=lambda done, total: None,
            runs=lambda done, total: seen.counts.append((done, total)),
            ended=lambda name, error: seen.ended.append((name, error)),
        )
        with pool or SerialExecutor() as executor:
            seen.failures = flow._do_all(todo, total or len(todo), executor, progress)
        return seen

    return call


def test_runs_wait_for_their_start(do):
    seen = do(jobs(c="b", a=None, b="a"))
    assert seen.worked == ["a", "b", "c"]
    assert seen.ended == [("a", None), ("b", None), ("c", None)]
    assert seen.failures == {}


def test_a_start_that_is_done_already_is_not_waited_for(do):
    seen = do(jobs(b="a", c="b"), total=3)
    assert seen.worked == ["b", "c"]
    assert (seen.counts[0], seen.counts[-1]) == ((1, 3), (3, 3))


def test_each_run_ends_before_the_next_begins_in_one_process(do):
    assert do(jobs(a=None, b=None, c=None)).counts == [(0, 3), (1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("pool", [SerialExecutor, lambda: ThreadPoolExecutor(2)])
def test_a_failure_takes_its_dependents_only(do, pool):
    seen = do(jobs(a=None, b="a", c="b", d=None, e="d"), bad={"a"}, pool=pool())
    assert seen.failures == {
        "a": "is bad",
        "b": "its start a has no result",
        "c": "its start b has no result",
    }
    assert sorted(seen.worked) == ["a", "d", "e"]
    assert sorted(name for name, error in seen.ended if error is None) == ["d", "e"]


class Breaking(Executor):
    """Its only worker dies in the first task."""

    def __init__(self):
        self.broken = False

    def submit(self, fn, /, *args, **kwargs):
        if self.broken:
            raise BrokenExecutor("no worker")
        self.broken = True
        future = Future()
        future.set_exception(BrokenExecutor("the worker died"))
        return future


def test_dead_workers(do):
    seen = do(jobs(a=None, b=None), pool=Breaking())
    assert seen.failures == {
        "a": "BrokenExecutor: the worker died",
        "b": "BrokenExecutor: no worker",
    }


def test_a_run_that_kills_its_workers(do):
    class Killing(Executor):
        def submit(self, fn, /, *args, **kwargs):
            future = Future()
            future.set_exception(WorkerDiedError("every worker that tried it died"))
            return future

    found = do(jobs(a=None), pool=Killing()).failures
    assert found == {"a": "every worker that tried it died"}
