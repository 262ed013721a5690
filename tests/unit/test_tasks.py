"""Tasks are yielded when they are done, and lost ones end the command."""

from __future__ import annotations

from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from operator import truediv

import pytest

from fpga_gnn.errors import ToolFailedError
from fpga_gnn.tasks import SerialExecutor, as_done, in_this_process


def test_this_process_does_one_task_at_a_time(tmp_path):
    begun = []
    with in_this_process(tmp_path, 3) as pool:
        assert isinstance(pool, SerialExecutor)
        for argument, future in as_done(pool, begun.append, [7, 8, 9]):
            assert begun[-1] == argument
            assert future.result() is None
    assert begun == [7, 8, 9]


def test_an_error_is_that_of_its_task():
    with ThreadPoolExecutor(2) as pool:
        found = dict(as_done(pool, lambda n: truediv(6, n), [0, 2, 3]))
    assert isinstance(found[0].exception(), ZeroDivisionError)
    assert (found[2].result(), found[3].result()) == (3, 2)


class _Breaking(Executor):
    """Breaks in the task ``at``, or refuses the one after it."""

    def __init__(self, at, *, refuses):
        self.at, self.refuses, self.broken = at, refuses, False

    def submit(self, fn, argument):
        if self.broken:
            raise BrokenExecutor("no process is left")
        future = Future()
        self.broken = argument == self.at
        if self.broken and not self.refuses:
            future.set_exception(BrokenExecutor("no process is left"))
        else:
            future.set_result(fn(argument))
        return future


@pytest.mark.parametrize("refuses", [False, True])
def test_a_broken_executor_ends_the_command(refuses):
    tasks = as_done(_Breaking(2, refuses=refuses), abs, [1, 2, 3])
    assert next(tasks)[0] == 1
    if refuses:
        assert next(tasks)[0] == 2
    with pytest.raises(ToolFailedError, match=r"no process is left; .* repeat the command"):
        next(tasks)
