"""Reports of Yosys: cells as resources, and nothing counted that is not known."""

from __future__ import annotations

import json
import re

import pytest

from fpga_gnn.report.csynth import Resources
from fpga_gnn.report.yosys import (
    YosysReport,
    longest_path,
    read_netlist,
    yosys_numbers,
)

CELLS = {"LUT6": 5, "LUT2": 3, "INV": 1, "MUXF7": 2, "CARRY4": 4, "FDRE": 7, "FDSE": 1}
MEMORIES = {"SRL16E": 2, "RAM32M16": 1, "RAMB18E2": 3, "RAMB36E2": 2, "URAM288": 6, "DSP48E2": 9}


def statistics(cells):
    return json.dumps({"creator": "Yosys", "design": {"num_cells_by_type": cells}})


def test_cells_become_resources():
    cells = {**CELLS, **MEMORIES, "$scopeinfo": 12}
    found = read_netlist(statistics(cells))
    assert found.used == Resources(lut=9 + 10, ff=8, dsp=9, bram_18k=7, uram=6)
    assert (found.lut_memory, found.carry4) == (10, 4)


def test_instances_of_modules_apart_are_counted_and_cost_nothing():
    found = read_netlist(statistics({"LUT6": 1, "adder": 3}), ["adder", "divider"])
    assert found.used.lut == 1
    assert found.apart == {"adder": 3, "divider": 0}


@pytest.mark.parametrize("cell", ["LDCE", "$_AND_", "LUT7"])
def test_a_cell_of_an_unknown_type_is_not_dropped(cell):
    with pytest.raises(ValueError, match=re.escape(f"found cells {cell}, expected $scopeinfo")):
        read_netlist(statistics({**CELLS, cell: 1}))


def test_the_longest_path_is_the_latest_arrival():
    text = "3. Executing STA pass.\nLatest arrival time in 'fifo' is 1934:\n    1934 a (FDRE.D)\n"
    assert longest_path(text) == 1934
    assert longest_path("3. Executing STA pass.\n") is None


def test_every_figure_is_labelled():
    used = Resources(lut=19, ff=8, dsp=0, bram_18k=0, uram=6)
    report = YosysReport(
        tool_version="0.70",
        top="fifo",
        parameters={"DEPTH": 4},
        sources="ab",
        used=used,
        lut_memory=10,
        carry4=4,
        path_ps=None,
        apart={},
    )
    numbers = yosys_numbers("fifo", report, "xcu250")
    assert {n.label for n in numbers} == {"yosys"}
    assert {n.basis for n in numbers} == {"fifo for xcu250, unplaced"}
    values = {n.name: n.value for n in numbers}
    assert (values["LUT"], values["LUT as memory"], values["URAM"]) == (19, 10, 6)
    assert values["longest path, relative"] is None
