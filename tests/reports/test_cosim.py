"""cosim.rpt: latency and interval of the Verilog row, unknown numbers kept unknown."""

from __future__ import annotations

from pathlib import Path

import pytest

from fpga_gnn.errors import InputError
from fpga_gnn.report.cosim import CosimReport, Cycles, read_cosim

DATA = Path(__file__).parent / "data"
UNKNOWN = Cycles(min=None, avg=None, max=None)


def test_several_transactions_2023_2():
    assert read_cosim(DATA / "cosim_2023.2.rpt") == CosimReport(
        label="cosim",
        status="Pass",
        latency=Cycles(min=61, avg=402, max=2310),
        interval=Cycles(min=62, avg=403, max=2311),
        total_cycles=4433,
    )


def test_one_transaction_has_no_interval_2025_2():
    report = read_cosim(DATA / "cosim_2025.2.rpt")
    assert report.latency == Cycles(min=51204, avg=51204, max=51204)
    assert (report.interval, report.total_cycles) == (UNKNOWN, 51204)


def test_tools_without_a_total(tmp_path):
    (tmp_path / "x.rpt").write_text("|   Verilog|      Pass|   175|  176| 177|  NA|  NA|  NA|\n")
    report = read_cosim(tmp_path / "x.rpt")
    assert report.latency == Cycles(min=175, avg=176, max=177)
    assert (report.interval, report.total_cycles) == (UNKNOWN, None)


def test_failed_simulation_has_a_status(tmp_path):
    row = "|   Verilog|      Fail|  NA|  NA|  NA|  NA|  NA|  NA|  NA|\n"
    (tmp_path / "x.rpt").write_text(row)
    assert (read_cosim(tmp_path / "x.rpt").status) == "Fail"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, "No such file"),
        ("", "no row of the Verilog"),
        ("|   Verilog|      Pass|\n", "no row of the Verilog"),
        ("|      VHDL|  Pass| 1| 2| 3| 4| 5| 6| 7|\n", "no row of the Verilog"),
        ("|   Verilog|  Pass| 1| 2| x| 4| 5| 6| 7|\n", "found 'x', expected a number of cycles"),
        ("|   Verilog|  Pass| 1| 2| -3| 4| 5| 6| 7|\n", "found '-3'"),
    ],
)
def test_another_file_is_refused_by_name(tmp_path, text, found):
    path = tmp_path / "top_cosim.rpt"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=r"top_cosim\.rpt: ") as caught:
        read_cosim(path)
    assert found in str(caught.value)
