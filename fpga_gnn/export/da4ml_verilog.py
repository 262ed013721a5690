"""Verilog of the MLPs: da4ml's adder trees in pipeline stages, at one row per cycle.

A row is a bit vector: its columns, each in the bits of its contract format, from the lowest bit
up. da4ml leaves out columns that have no weights and bits that are always zero; the module written
here takes and gives whole rows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import accumulate

from da4ml.codegen.rtl.verilog import pipeline_logic_gen
from da4ml.trace.pipeline import to_pipeline
from da4ml.types import QInterval, minimal_kif

from fpga_gnn.contract import FixedPoint, Rounding
from fpga_gnn.contract.structure import Mlp
from fpga_gnn.export.da4ml_cost import trace_mlp

_LEVELS = 4
"""Adders between two registers: at 300 MHz each may take about 0.8 ns with its routing."""


@dataclass(frozen=True)
class MlpModule:
    """The Verilog module ``name`` with ports ``clk``, ``row``, ``result`` and its submodules.

    ``result`` [result_bits] belongs to the ``row`` [row_bits] of ``latency`` cycles before.
    """

    name: str
    text: str
    row_bits: int
    result_bits: int
    latency: int


def mlp_module(mlp: Mlp, rounding: Rounding) -> MlpModule:
    """Return the module of ``mlp``, which computes what ``reference.mlp.mlp`` does.

    Raises ``FpgaGnnError`` for binary points finer than da4ml can read.
    """
    logic = trace_mlp(mlp.layers, mlp.inputs, rounding)
    # Retiming traces the program anew, which in da4ml 0.6 misplaces the result of an OR reduction.
    pipeline = to_pipeline(logic, _LEVELS, retiming=False)
    name = module_name(mlp)
    core = pipeline_logic_gen(pipeline, f"{name}_core", timescale=None)
    outputs = (mlp.layers[-1].output,) * len(mlp.layers[-1].weight)
    row_bits, result_bits = (sum(column.bits for column in c) for c in (mlp.inputs, outputs))
    used = _used_bits(mlp.inputs, pipeline.inp_qint)
    whole = _whole_columns(outputs, pipeline.out_qint)
    wrapper = f"""\
// {mlp.name}: one row per cycle, {len(pipeline.solutions) + 1} cycles.
module {name} (
    input wire clk,
    // verilator lint_off UNUSEDSIGNAL
    input wire [{row_bits - 1}:0] row,
    // verilator lint_on UNUSEDSIGNAL
    output wire [{result_bits - 1}:0] result
);
    wire [{max(_width(pipeline.out_qint), 1) - 1}:0] out;
    {name}_core core (.clk(clk), .model_inp({used}), .model_out(out));
    assign result = {whole};
endmodule
"""
    return MlpModule(
        name=name,
        text="\n".join([*core.values(), wrapper]),
        row_bits=row_bits,
        result_bits=result_bits,
        latency=len(pipeline.solutions) + 1,
    )


def module_name(mlp: Mlp) -> str:
    """Return the name of ``mlp``'s module, which is also that of its file."""
    return mlp.name.replace("[", "_").replace("]", "")


def operator_sources() -> dict[str, str]:
    """Return the Verilog files of da4ml's operators, which every ``MlpModule`` instantiates.

    They are without their time scale, which all modules of a design would have to have.
    """
    folder = files("da4ml") / "codegen" / "rtl" / "verilog" / "source"
    sources = sorted(folder.iterdir(), key=lambda file: file.name)
    return {
        file.name: re.sub(r"^`timescale.*\n", "", file.read_text(), flags=re.MULTILINE)
        for file in sources
        if file.name.endswith(".v")
    }


def _width(intervals: Sequence[QInterval]) -> int:
    return sum(sum(minimal_kif(interval)) for interval in intervals)


def _used_bits(columns: Sequence[FixedPoint], intervals: Sequence[QInterval]) -> str:
    """Return the concatenation of the bits of ``row`` that da4ml's program reads."""
    starts = accumulate((column.bits for column in columns), initial=0)
    parts = []
    for column, interval, start in zip(columns, intervals, starts, strict=False):
        width, frac = sum(minimal_kif(interval)), minimal_kif(interval).fractional
        if width:
            low = start + column.frac - frac
            parts.append(f"row[{low + width - 1}:{low}]")
    return _concatenation(parts) if parts else "1'b0"


def _whole_columns(columns: Sequence[FixedPoint], intervals: Sequence[QInterval]) -> str:
    """Return the concatenation of the columns whose varying bits are in ``out``."""
    parts, start = [], 0
    for column, interval in zip(columns, intervals, strict=True):
        signed, _, frac = precision = minimal_kif(interval)
        width = sum(precision)
        low, high = column.frac - frac, column.bits - (column.frac - frac) - width
        if not width:
            parts.append(f"{column.bits}'b0")
            continue
        sign = f"out[{start + width - 1}]" if signed else "1'b0"
        extension = [f"{{{high}{{{sign}}}}}"] if high else []
        zeros = [f"{low}'b0"] if low else []
        bits = [*extension, f"out[{start + width - 1}:{start}]", *zeros]
        parts.append(", ".join(bits))
        start += width
    return _concatenation(parts)


def _concatenation(parts: Sequence[str]) -> str:
    """Join parts, lowest first, as Verilog writes them: highest first."""
    return f"{{{', '.join(reversed(parts))}}}"
