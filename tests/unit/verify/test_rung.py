"""A rung counts what differs and adds up time; a chain has one for each neighbour."""

from __future__ import annotations

import re

import pytest

from fpga_gnn.errors import MismatchError
from fpga_gnn.verify.rung import Rung, chain


def test_a_chain_holds_each_against_the_one_before():
    assert chain("dwalk", "nodes", "numba", "integer reference", "csim") == [
        Rung("dwalk", "numba", "integer reference", "nodes"),
        Rung("dwalk", "integer reference", "csim", "nodes"),
    ]


def test_a_difference_is_counted_and_named():
    rung = Rung("dwalk", "numba", "csim", "nodes")
    assert rung.hold("event 1", [1, 2], [1, 2]) == 2
    assert rung.n_different == 0
    message = re.escape("dwalk (numba == csim): case event 2: shape (3,), index (1,)")
    with pytest.raises(MismatchError, match=message):
        rung.hold("event 2", [1, 2, 3], [1, 0, 0])
    assert rung.n_different == 2


def test_times_add_up(monkeypatch):
    clock = iter([10.0, 12.5, 100.0, 101.0])
    monkeypatch.setattr("fpga_gnn.verify.rung.time.perf_counter", lambda: next(clock))
    rung = Rung("dwalk", "numba", "csim", "nodes")
    for _ in range(2):
        with rung.timed():
            pass
    assert rung.seconds == 3.5
