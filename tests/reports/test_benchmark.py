"""Benchmarks: JSON of the computing table, and its text."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from fpga_gnn.report.benchmark import (
    Benchmark,
    BenchmarkRow,
    CallTime,
    Comparison,
    EdgeChange,
    Machine,
    TrackOutcome,
    comparison_lines,
    head_lines,
    save_benchmark,
    stage_lines,
)
from fpga_gnn.report.evaluation import RateFigure, SampleFigure

TIME = CallTime(n_events=2, n_calls=6, median=1234.5, low=1000, high=2000, first=9000)
PLACE = {"device": "cpu", "threads": 1}
FP32 = BenchmarkRow(
    stage="gnn",
    name="fp32",
    measures="inputs to logits",
    outputs=1000.4,
    **{"unit": "edges", "time": TIME, **PLACE},
    edges=EdgeChange(speed_up=1, auc=0.9, auc_change=0, n_edges=2000, n_changed=0),
    tracks=TrackOutcome(
        builder="cc",
        efficiency=RateFigure(passed=1, total=2, value=0.5, interval=(0.2, 0.8)),
        fake_rate=RateFigure(passed=0, total=0, value=None, interval=(None, None)),
        duplicate_rate=0.125,
    ),
)
COMPILED = BenchmarkRow(
    stage="gnn", name="torch.compile", measures="inputs to logits", not_run="no C++", **PLACE
)
SLOW = Comparison(
    what="module map",
    ours="numba",
    peer="scipy",
    ratio=2.5,
    limit=2,
    n_compared=1000,
    n_different=3,
)


@pytest.fixture
def benchmark():
    return Benchmark(
        machine=Machine(
            device="cpu",
            device_name="Ohm",
            cpu="Ohm",
            n_cpus=4,
            threads=2,
            versions={"torch": "2.13"},
        ),
        model="teacher",
        backend="torch",
        sample=SampleFigure(path="test", origin={}, event_ids=(4, 7), manifest_sha256=None),
        repeat=3,
        hits_per_event=80000.5,
        edges_per_event=float("nan"),
        rows=(FP32, COMPILED),
        comparisons=(SLOW,),
    )


def test_times_are_quantiles_over_all_calls_in_milliseconds():
    time = CallTime.of([0.001 * i for i in range(101)], n_events=5, first=2.0)
    assert (time.n_events, time.n_calls) == (5, 101)
    assert (time.low, time.median, time.high) == pytest.approx((16, 50, 84))
    assert time.first == 2000


@pytest.mark.parametrize("both", [{}, {"time": TIME, "not_run": "no C++"}])
def test_a_row_has_a_time_or_a_reason(both):
    with pytest.raises(ValidationError, match="a time or the reason for none"):
        BenchmarkRow(stage="gnn", name="x", measures="y", **PLACE, **both)


def test_it_is_saved_whole(benchmark, tmp_path):
    save_benchmark(benchmark, tmp_path / "benchmark.json")
    data = json.loads((tmp_path / "benchmark.json").read_text())
    assert Benchmark.model_validate(data) == benchmark
    assert data["edges_per_event"] is None
    with pytest.raises(ValidationError, match="extra"):
        Benchmark.model_validate(data | {"joules": 3})


def test_head_lines_name_machine_sample_and_method(benchmark):
    assert head_lines(benchmark) == [
        "device cpu: Ohm; CPU Ohm, 2 of 4 threads",
        "torch 2.13",
        "test: 2 events, 80,000 hits and - edges per event; model teacher, backend torch",
        "median (16 %..84 %) of 3 calls per event after a warm-up, in turns; no time is of an FPGA",
    ]


def test_a_stage_shows_every_figure_or_why_there_is_none():
    head, fp32, compiled = stage_lines([FP32, COMPILED])
    ends = [line.index(word) for line, word in ((head, "measures"), (fp32, "inputs"))]
    assert ends == [compiled.index("no C++")] * 2
    assert fp32.split() == [
        *("fp32", "1,234.50", "(1,000.00..2,000.00)", "6", "9,000.0", "cpu", "1", "1,000", "edges"),
        *("1.00", "0.90000", "+0.0e+00", "0/2,000", "50.00", "-", "12.50"),
        *("inputs", "to", "logits"),
    ]
    assert compiled.split() == [
        *("torch.compile", "not", "run", "-", "-", "cpu", "1", *("-" * 8), "no", "C++")
    ]


def test_columns_without_a_figure_are_left_out():
    head, _ = stage_lines([COMPILED])
    assert "speed-up" not in head
    assert "track efficiency" not in head
    assert stage_lines([]) == []


def test_a_comparison_says_whether_it_holds():
    slow, fast = comparison_lines([SLOW, SLOW.model_copy(update={"ratio": 2.0})])
    assert slow == (
        "module map: numba takes 2.50 x the time of scipy (ABOVE the limit of 2); "
        "3 of 1,000 results differ"
    )
    assert "(within the limit of 2)" in fast
