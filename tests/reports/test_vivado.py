"""Vivado's text reports: resources and timing by column name, the kernel clock of a binary."""

from __future__ import annotations

from pathlib import Path

import pytest

from fpga_gnn.errors import InputError
from fpga_gnn.report.csynth import Resources
from fpga_gnn.report.vivado import (
    Clock,
    KernelClock,
    TimingSummary,
    Utilization,
    read_kernel_clock,
    read_timing,
    read_utilization,
)

DATA = Path(__file__).parent / "data"
V2023 = "Vivado v.2023.2 (lin64) Build 4029153 Fri Oct 13 20:13:54 MDT 2023"
V2025 = "Vivado v.2025.2 (lin64) Build 6299465 Fri Nov 14 12:34:56 MST 2025"
U250 = Resources(lut=1_728_000, ff=3_456_000, dsp=12_288, bram_18k=5_376, uram=1_280)
UTILIZATION = "utilization_2023.2.rpt"
TIMING = "timing_2023.2.rpt"
INFO = "kernel_clock.xclbin.info"


def test_utilization_of_a_kernel_2023_2():
    assert read_utilization(DATA / UTILIZATION) == Utilization(
        tool_version=V2023,
        device="xcu250-figd2104-2L-e",
        used=Resources(lut=5210, ff=4875, dsp=0, bram_18k=31, uram=0),
        available=U250,
        slrs=({"lut": 5210, "uram": 0}, *[{"lut": 0, "uram": 0}] * 3),
    )


def test_utilization_of_a_binary_2025_2():
    report = read_utilization(DATA / "utilization_2025.2.rpt")
    assert report.tool_version == V2025
    assert report.used == Resources(lut=412033, ff=610204, dsp=1102, bram_18k=1463, uram=244)
    assert report.available == U250
    luts = [slr["lut"] for slr in report.slrs]
    assert luts == [200000, 190000, 12033, 10000]
    assert sum(luts) == report.used.lut


def test_timing_that_is_not_met_2023_2():
    report = read_timing(DATA / TIMING)
    assert report == TimingSummary(
        tool_version=V2023,
        wns_ns=-0.089,
        whs_ns=0.011,
        failing_endpoints=20,
        clocks=(Clock(name="ap_clk", period_ns=3.33, wns_ns=-0.089),),
    )
    assert report.clock("ap_clk").achieved_ns == 3.419


def test_timing_of_several_clocks_2025_2():
    report = read_timing(DATA / "timing_2025.2.rpt")
    assert (report.wns_ns, report.whs_ns, report.failing_endpoints) == (0.003, 0.009, 0)
    assert report.clocks == (
        Clock(name="clk_kernel_00_unbuffered_net", period_ns=3.571, wns_ns=0.003),
        Clock(name="io_clk_freerun", period_ns=20.0, wns_ns=None),
    )
    assert report.clock("io_clk_freerun").achieved_ns is None
    assert report.clock("ap_clk") is None


def test_kernel_clock_is_not_the_second_clock_nor_the_shells():
    assert read_kernel_clock(DATA / INFO) == KernelClock(
        name="ulp_ucs_aclk_kernel_00", requested_mhz=300.0, achieved_mhz=280.1
    )


def test_columns_may_come_and_go(tmp_path):
    """Vivado 2020.2 has no column of prohibited sites."""
    rows = [
        line.replace(" Prohibited |", "").replace("|          0 |", "|")
        for line in (DATA / UTILIZATION).read_text().splitlines()
    ]
    (tmp_path / "x.rpt").write_text("\n".join(rows))
    assert "Prohibited" not in (tmp_path / "x.rpt").read_text()
    assert read_utilization(tmp_path / "x.rpt") == read_utilization(DATA / UTILIZATION)


READERS = {UTILIZATION: read_utilization, TIMING: read_timing, INFO: read_kernel_clock}


@pytest.mark.parametrize(
    ("name", "old", "new", "found"),
    [
        (UTILIZATION, "| URAM ", "| OTHER", "no site type URAM"),
        (UTILIZATION, "Site Type", "Sites", "no site type CLB LUTs"),
        (UTILIZATION, " 5210 |", " many |", "found 'many', expected a number"),
        (UTILIZATION, "| Device  ", "| Part    ", "no Device"),
        (TIMING, "| Design Timing Summary", "| Something", "no table Design Timing Summary"),
        (TIMING, "| Clock Summary", "| Something", "no table Clock Summary"),
        (TIMING, "-0.089       -0.762", "    NA          NA", "found 'NA', expected a number"),
        (TIMING, "    -------      -------", "    There are no constraints.", "no columns below"),
        (INFO, "kernel_00", "kernel_02", "no achieved frequency"),
        (INFO, "Achieved", "Other", "no achieved frequency"),
        (INFO, "280.1 MHz", "280.1 GHz", "found '280.1 GHz', expected a frequency in MHz"),
    ],
)
def test_another_report_is_refused_by_name(tmp_path, name, old, new, found):
    text = (DATA / name).read_text()
    assert old in text
    (tmp_path / name).write_text(text.replace(old, new))
    with pytest.raises(InputError, match=name) as caught:
        READERS[name](tmp_path / name)
    assert found in str(caught.value)


@pytest.mark.parametrize("name", READERS)
def test_no_file(tmp_path, name):
    with pytest.raises(InputError, match="No such file"):
        READERS[name](tmp_path / name)
