"""Yosys: memories become what they should, and what it would ignore is an error."""

from __future__ import annotations

import importlib.util

import pytest

from fpga_gnn.errors import ToolFailedError, ToolMissingError
from fpga_gnn.hw import yosys
from fpga_gnn.hw.kernels import hls_dir
from fpga_gnn.hw.verilator import RtlModule
from fpga_gnn.hw.yosys import find_yosys, synthesise


def module(top, *below, **parameters):
    files = tuple(hls_dir() / "rtl" / f"{name}.sv" for name in (*below, top))
    return RtlModule(top, files, (), (), parameters=parameters)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "fpga-gnn" / "yosys"


def test_without_yosys_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ToolMissingError, match=r"yosys .*: not installed; pip install"):
        find_yosys()


needs_yosys = pytest.mark.skipif(
    importlib.util.find_spec("pyosys") is None, reason="Yosys is not installed"
)


@needs_yosys
def test_a_memory_with_output_registers_is_ultra_ram(cache, monkeypatch):
    memory = module("row_memory", ROWS=4096, WIDTH=72)
    report = synthesise(memory)
    assert (report.top, report.parameters) == ("row_memory", {"ROWS": 4096, "WIDTH": 72})
    assert (report.used.uram, report.used.bram_18k, report.used.lut) == (1, 0, 0)
    assert report.used.ff == 2 * 72
    assert report.tool_version == find_yosys().version

    def forbidden(*_, **__):
        raise AssertionError("runs again")

    monkeypatch.setattr(yosys, "run", forbidden)
    assert synthesise(memory) == report
    assert len(list(cache.glob("*.json"))) == len(list(cache.glob("*.log"))) == 1


@needs_yosys
def test_a_parameter_that_the_module_lacks_is_an_error(cache):
    with pytest.raises(ToolFailedError, match=r"parameter 'ROWZ' does not exist in 'row_memory'"):
        synthesise(module("row_memory", ROWZ=4096))
    assert list(cache.glob("*.json")) == []


@needs_yosys
def test_a_module_that_is_not_there_is_an_error():
    with pytest.raises(ToolFailedError, match=r"unknown module 'row_memory'.*log|log.*row_memory"):
        synthesise(module("node_sums"))


@needs_yosys
def test_a_latch_is_an_error(tmp_path):
    source = tmp_path / "latch.sv"
    text = "module latch(input e, input d, output logic q); always @* if (e) q = d; endmodule"
    source.write_text(text)
    with pytest.raises(ToolFailedError, match="yosys, latch: found cells LDCE"):
        synthesise(RtlModule("latch", (source,), (), ()))


@needs_yosys
def test_modules_apart_are_counted_but_not_synthesised(tmp_path):
    source = tmp_path / "pair.sv"
    ports = "input clk, input [7:0] a, output logic [7:0] b"
    source.write_text(
        f"module leaf ({ports}); localparam int ADD = 3;\n"
        "always_ff @(posedge clk) b <= 8'(a + ADD); endmodule\n"
        f"module pair ({ports}); logic [7:0] half;\n"
        "leaf one (.clk, .a, .b(half)); leaf two (.clk, .a(half), .b);\n"
        "endmodule\n"
    )
    pair = RtlModule("pair", (source,), (), ())
    whole, rest = synthesise(pair), synthesise(pair, ["leaf"])
    assert (whole.used.ff, whole.apart) == (16, {})
    assert (rest.used.ff, rest.used.lut, rest.path_ps, rest.apart) == (0, 0, None, {"leaf": 2})
