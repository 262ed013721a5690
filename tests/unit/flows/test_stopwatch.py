"""The stopwatch: turns, warm-ups, options that refuse."""

from __future__ import annotations

import gc

import pytest

from fpga_gnn.errors import CapacityError
from fpga_gnn.flows.stopwatch import Option, Stopwatch


def test_options_take_turns_after_a_warm_up_each():
    calls = []

    def option(name):
        return Option(name, lambda: calls.append(name) or name.upper())

    watch = Stopwatch(2)
    assert watch.time([option("a"), option("b")]) == {"a": "A", "b": "B"}
    assert "".join(calls) == "ababab"
    watch.time([option("a"), option("b")])
    laps = watch.laps["a"]
    assert (len(laps.seconds), laps.n_events, laps.refusal) == (4, 2, None)
    assert laps.first is not None
    assert min(laps.first, *laps.seconds) >= 0


def test_the_clock_is_read_after_synchronising():
    order = []
    watch = Stopwatch(1, lambda: order.append("wait"))
    watch.time([Option("a", lambda: order.append("work"))])
    assert order == ["wait", "work", "wait"] * 2


def test_an_option_that_refuses_has_no_times_and_is_not_tried_again():
    n_calls = 0

    def fails_on_the_second_event():
        nonlocal n_calls
        n_calls += 1
        if n_calls > 2:
            raise CapacityError("33 hits, capacity 32\nmore")

    watch = Stopwatch(1)
    options = [Option("a", fails_on_the_second_event, (CapacityError,)), Option("b", int)]
    assert set(watch.time(options)) == {"a", "b"}
    assert watch.time(options) == {"b": 0}
    assert watch.time(options) == {"b": 0}
    assert n_calls == 3
    assert (watch.laps["a"].seconds, watch.laps["a"].first) == ([], None)
    assert watch.laps["a"].refusal == "33 hits, capacity 32"
    assert watch.laps["b"].n_events == 3


def test_other_errors_are_passed_on_and_garbage_collection_comes_back():
    with pytest.raises(ZeroDivisionError):
        Stopwatch(1).time([Option("a", lambda: 1 // 0, (CapacityError,))])
    assert gc.isenabled()


def test_no_garbage_is_collected_while_the_clock_runs():
    assert Stopwatch(1).time([Option("a", gc.isenabled)]) == {"a": False}


def test_a_call_beyond_the_patience_is_the_last():
    calls = []
    options = [Option("slow", lambda: calls.append(0), patience=-1.0), Option("fast", int)]
    watch = Stopwatch(3)
    assert set(watch.time(options)) == {"slow", "fast"}
    assert set(watch.time(options)) == {"fast"}
    assert len(calls) == 2
    assert (len(watch.laps["slow"].seconds), watch.laps["slow"].n_events) == (1, 1)
    assert len(watch.laps["fast"].seconds) == 6
