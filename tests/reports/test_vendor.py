"""Vendor figures as hardware numbers, and what each SLR holds back out of them."""

from __future__ import annotations

from pathlib import Path

from fpga_gnn.report.vendor import link_numbers, used_by_slr
from fpga_gnn.report.vivado import read_kernel_clock, read_timing, read_utilization

DATA = Path(__file__).parent / "data"


def test_slrs_of_a_binary_are_found_again():
    used = read_utilization(DATA / "utilization_2025.2.rpt")
    timing = read_timing(DATA / "timing_2025.2.rpt")
    clock = read_kernel_clock(DATA / "kernel_clock.xclbin.info")
    numbers = link_numbers("reconstruct", "xilinx_u250", used, timing, clock)
    assert {number.label for number in numbers} == {"vivado"}
    basis = "reconstruct with the shell of xilinx_u250"
    assert used_by_slr(reversed(numbers)) == {basis: list(used.slrs)}
    assert len(used.slrs) == 4
    assert used_by_slr(n for n in numbers if "SLR" not in n.name) == {}
