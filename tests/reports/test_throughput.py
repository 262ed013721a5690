"""Events per second from cycles: the slowest kernel limits, latencies add up."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from fpga_gnn.report.throughput import KernelCycles, Throughput, throughput_lines


def kernel(name, cycles, copies=1):
    return KernelCycles(kernel=name, cycles=cycles, copies=copies, label="rtl-sim")


def throughput(*kernels):
    return Throughput(
        clock_mhz=250.0,
        events=3,
        hits=1000.0,
        edges=2000.0,
        kernels=kernels,
        cpu_ms={"module map": 12.0},
    )


def test_copies_share_the_work_and_the_slowest_kernel_limits():
    found = throughput(kernel("a", 250_000.0), kernel("b", 1_000_000.0, copies=2))
    assert found.latency_ms == 1.0 + 2.0
    assert found.slowest.kernel == "b"
    assert found.events_per_s == 500.0


def test_text_labels_every_figure_and_names_the_limit():
    lines = throughput_lines(throughput(kernel("a", 250_000.0), kernel("b", 1e6, copies=2)))
    assert [line.split() for line in lines[2:4]] == [
        ["a", "1", "250,000", "125.00", "1.000", "[rtl-sim]"],
        ["b", "2", "500,000", "250.00", "2.000", "[rtl-sim]"],
    ]
    assert "board: 3.000 ms per event, 500 events/s, limited by the b [rtl-sim]" in lines
    assert "this CPU, one core: module map 12 ms" in lines


def test_a_board_without_kernels_is_refused():
    with pytest.raises(ValidationError):
        throughput()
