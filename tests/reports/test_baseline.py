"""Baselines: what a report is held against, and how a report becomes one."""

from __future__ import annotations

import pytest

from fpga_gnn.errors import InputError
from fpga_gnn.report.baseline import (
    baseline_file,
    bless,
    compared,
    find_drift,
    load_baseline,
)
from fpga_gnn.report.summary import Drift, FlowReport, HardwareNumber, drift_lines
from fpga_gnn.resources import resource_dir


def number(name, value, label="csynth", basis="module_map on xcu250", unit=""):
    return HardwareNumber(name=name, value=value, unit=unit, label=label, basis=basis)


LUT, CLOCK = number("LUT", 1000), number("estimated clock", 2.5, unit="ns")
LATENCY = number("max latency", 10, "cosim", unit="cycles")


@pytest.fixture
def report():
    def make(*numbers, tools=("vitis-run", "2023.2")):
        return FlowReport(
            flow="synth",
            contract="w8",
            contract_sha256="ab" * 32,
            board="u250",
            hardware=[*numbers, number("work", 5, "estimate")],
            tools=dict([tools]),
        )

    return make


def test_a_blessed_report_has_no_drift(report, tmp_path):
    path = baseline_file(report(), tmp_path / "baselines")
    assert path == tmp_path / "baselines" / "w8-abababab-u250.json"
    assert load_baseline(path) is None
    blessed = bless(report(LUT, CLOCK), path)
    assert load_baseline(path) == blessed
    assert [n.label for n in blessed.numbers] == ["csynth", "csynth"]
    assert (blessed.board, blessed.tools) == ("u250", {"vitis-run": "2023.2"})
    assert find_drift(blessed, report(LUT, CLOCK).hardware) == []


def test_drift_is_what_changed_of_what_was_obtained_alike(report, tmp_path):
    baseline = bless(report(LUT, CLOCK), tmp_path / "x.json")
    now = [
        number("LUT", 1100),
        number("LUT", 1, "vivado"),
        number("LUT", 1, basis="dwalk on xcu250"),
        number("estimated clock", None, unit="ns"),
    ]
    drift = find_drift(baseline, report(*now).hardware)
    assert [(d.name, d.label, d.baseline, d.now) for d in drift] == [
        ("LUT", "csynth", 1000, 1100),
        ("estimated clock", "csynth", 2.5, None),
    ]
    assert compared(baseline, report(*now).hardware) == (
        "2 figures compared, 0 not measured now, 2 not in the baseline"
    )
    assert compared(baseline, report(LATENCY).hardware) == (
        "0 figures compared, 2 not measured now, 1 not in the baseline"
    )


def test_drift_lines_show_the_change():
    alike = {"unit": "ns", "label": "csynth", "basis": "dwalk"}
    drift = [
        Drift(name="clock", baseline=2.5, now=2.0, **alike),
        Drift(name="wns", baseline=-0.5, now=0.5, **alike),
        Drift(name="zero", baseline=0, now=1, **alike),
        Drift(name="gone", baseline=1, now=None, **alike),
    ]
    lines = [" ".join(line.split()) for line in drift_lines(drift)]
    assert lines == [
        "clock 2.5 -> 2 ns (-20.0%) [csynth] dwalk",
        "wns -0.5 -> 0.5 ns (+200.0%) [csynth] dwalk",
        "zero 0 -> 1 ns [csynth] dwalk",
        "gone 1 -> data dependent ns [csynth] dwalk",
    ]


def test_blessing_keeps_what_was_not_measured_now(report, tmp_path):
    path = tmp_path / "x.json"
    bless(report(LUT, LATENCY), path)
    later = bless(report(number("LUT", 900), tools=("v++", "2025.2")), path)
    assert {(n.name, n.value) for n in later.numbers} == {("LUT", 900), ("max latency", 10)}
    assert later.tools == {"vitis-run": "2023.2", "v++": "2025.2"}


def test_a_report_without_figures_is_no_baseline(report, tmp_path):
    with pytest.raises(InputError, match="report: found no figures of a tool"):
        bless(report(), tmp_path / "x.json")
    assert list(tmp_path.iterdir()) == []


def test_another_file_is_refused_by_name(tmp_path):
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(InputError, match=r"x\.json: .*fpga-gnn bless"):
        load_baseline(tmp_path / "x.json")


def test_committed_baselines_are_read():
    for path in (resource_dir("vivado_scripts") / "baselines").glob("*.json"):
        assert load_baseline(path).numbers
