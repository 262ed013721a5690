"""Runs on a card, with a stand-in for XRT's Python binding: what it refuses, how it fails, and that
buffers are not touched while a run uses them."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from fpga_gnn.contract import load_contract
from fpga_gnn.errors import DeviceError, InputError, ToolMissingError
from fpga_gnn.hw.binary import Design, record_file, save_record
from fpga_gnn.hw.xrt import RUNS_PER_UNIT, Card

CONTRACT, NETWORK = load_contract("small"), "a" * 64
UNITS = {"scale": 2, "fail": 1}


def scale(factor: int, values: np.ndarray, n: int, scaled: np.ndarray) -> None:
    words = values.view(np.int32)[:n]
    scaled.view(np.int64)[:n] = words.astype(np.int64) * factor


@pytest.fixture
def machine(pyxrt):
    pyxrt.machine.kernels = {"scale": scale, "fail": scale}
    pyxrt.machine.units = UNITS
    return pyxrt.machine


@pytest.fixture
def xclbin(tmp_path):
    file = tmp_path / "design.xclbin"
    file.write_bytes(b"a bitstream")
    save(file)
    return file


def save(file, **changes) -> None:
    design = Design(
        contract_sha256=CONTRACT.sha256,
        network_sha256=NETWORK,
        platform="xilinx_u250",
        target="hw",
        units=UNITS,
    )
    save_record(design.model_copy(update=changes), file)


@pytest.fixture
def card(machine, xclbin):
    return Card(xclbin, CONTRACT, NETWORK)


def call(size: int, factor: int = 3):
    """Return the arguments and results of ``scale`` for ``size`` words."""
    values = np.arange(size, dtype=np.int32) + factor
    return (factor, values, size), (np.zeros(size, dtype=np.int64),)


def expected(size: int, factor: int = 3) -> list[int]:
    return [(value + factor) * factor for value in range(size)]


@pytest.mark.usefixtures("machine")
def test_a_kernel_runs_on_the_bytes_of_its_buffers(card):
    kernel = card.kernel("scale")
    for size in (3, 5000, 0, 1):  # the second needs larger buffers than the first
        arguments, results = call(size)
        kernel(arguments, results)
        assert results[0].tolist() == expected(size)


def test_all_units_have_two_runs_in_flight_and_results_keep_their_order(card, machine):
    seen = []

    def calls():
        for i in range(11):
            seen.append(sum(map(len, machine.queues.values())))
            yield call(i + 1, i)

    results = card.run_all("scale", calls())
    assert [values.tolist() for (values,) in results] == [expected(i + 1, i) for i in range(11)]
    assert machine.most_in_flight == {"scale_1": RUNS_PER_UNIT, "scale_2": RUNS_PER_UNIT}
    assert machine.runs == {"scale_1": 6, "scale_2": 5}
    # The host prepares a call while all that can be in flight are.
    assert seen == [0, 1, 2, 3, *[2 * RUNS_PER_UNIT] * 7]
    assert machine.overlapped == 11 - 1 + 11 - 1
    assert card.run_all("scale", []) == []


def test_without_pyxrt(monkeypatch, xclbin):
    monkeypatch.setitem(sys.modules, "pyxrt", None)
    with pytest.raises(ToolMissingError, match=r"^XRT: .*install XRT.*; --backend csim") as failure:
        Card(xclbin, CONTRACT, NETWORK)
    assert failure.value.exit_code == 2


def test_without_a_card(machine, xclbin):
    machine.faults["device"] = "No such device with index '0'"
    message = r"^XRT finds no card \(No such device with index '0'\); --backend csim runs"
    with pytest.raises(ToolMissingError, match=message) as failure:
        Card(xclbin, CONTRACT, NETWORK)
    assert failure.value.exit_code == 2


def test_a_binary_that_the_card_refuses(machine, xclbin):
    machine.faults["load"] = "shell mismatch"
    message = r"found XRT refuses it \(shell mismatch\), expected a card with the platform xilinx_u"
    with pytest.raises(InputError, match=message):
        Card(xclbin, CONTRACT, NETWORK)


def test_only_the_binary_that_was_linked_is_loaded(machine, xclbin):
    def refused(message):
        with pytest.raises(InputError, match=message):
            Card(xclbin, CONTRACT, NETWORK)

    save(xclbin, contract_sha256="b" * 64)
    refused(rf"found contract b{{12}}, expected contract {CONTRACT.sha256[:12]} \(small\)")
    save(xclbin, network_sha256="c" * 64)
    refused(r"found network c{12}, expected network a{12}; link it again")
    save(xclbin)
    xclbin.write_bytes(b"another bitstream")
    refused(r"xclbin\.json: found binary \w{12}, expected binary \w{12}; link it again")
    record_file(xclbin).write_text("{}")
    refused(r"xclbin\.json: found no key contract_sha256")
    record_file(xclbin).unlink()
    refused(r"xclbin\.json: found no file, expected a linked binary and its record; link it")
    xclbin.unlink()
    refused(r"design\.xclbin: found no file")
    assert machine.loaded == []


@pytest.mark.parametrize(
    ("where", "fault", "message"),
    [
        ("scale_2", "ERT_CMD_STATE_TIMEOUT", r"scale_2: .* \(ERT_CMD_STATE_TIMEOUT in 60 s"),
        ("scale_2", "ERT_CMD_STATE_ERROR", r"scale_2: the run did not complete \(ERT_CMD_"),
        ("start", "out of commands", "scale_1: XRT: out of commands; see xbutil examine"),
        ("open", "busy", "scale_1: XRT: busy; see xbutil examine"),
    ],
)
def test_what_fails_on_the_card_names_the_unit(card, machine, where, fault, message):
    machine.faults[where] = fault
    with pytest.raises(DeviceError, match=message) as failure:
        card.run_all("scale", (call(4) for _ in range(6)))
    assert failure.value.exit_code == 1
    assert "--backend csim" in str(failure.value)


def test_emulation_may_take_a_day(machine, xclbin):
    save(xclbin, target="hw_emu")
    machine.faults["scale_1"] = "ERT_CMD_STATE_TIMEOUT"
    with pytest.raises(DeviceError, match="in 86400 s at most"):
        Card(xclbin, CONTRACT, NETWORK).kernel("scale")(*call(1))


@pytest.mark.usefixtures("machine")
def test_a_kernel_that_the_binary_lacks(card):
    with pytest.raises(InputError, match=r"found 'dwalk', expected one of scale, fail"):
        card.kernel("dwalk")(*call(1))


# The stand-in catches what it is there for.


@pytest.fixture
def started(pyxrt, card):
    """An input buffer of a run in flight."""
    assert card.kernel("scale")(*call(4)) is None
    slot = card._slots["scale"][0]
    slot.start(*call(4))
    return slot._buffers[1]


@pytest.mark.parametrize(
    ("touch", "message"),
    [
        (lambda buffer, _: buffer.write(b"1234", 0), "written while a run uses it"),
        (lambda buffer, _: buffer.read(4, 0), "read while a run uses it"),
        (lambda buffer, to: buffer.sync(to.XCL_BO_SYNC_BO_TO_DEVICE, 4, 0), "synced while a run"),
    ],
)
def test_a_buffer_in_flight_is_not_touched(pyxrt, started, touch, message):
    with pytest.raises(AssertionError, match=message):
        touch(started, pyxrt.xclBOSyncDirection)


@pytest.mark.parametrize(
    ("swap", "message"),
    [
        ("XCL_BO_SYNC_BO_TO_DEVICE", "overwrites what the host wrote"),
        ("XCL_BO_SYNC_BO_FROM_DEVICE", "overwrites what a run wrote"),
    ],
)
def test_a_sync_in_the_wrong_direction_is_caught(pyxrt, card, monkeypatch, swap, message):
    directions, sync = pyxrt.xclBOSyncDirection, pyxrt.bo.sync
    (other,) = set(directions) - {directions[swap]}

    def swapped(buffer, direction, size, offset):
        sync(buffer, other if direction.name == swap else direction, size, offset)

    monkeypatch.setattr(pyxrt.bo, "sync", swapped)
    with pytest.raises(AssertionError, match=message):
        card.kernel("scale")(*call(4))


def test_a_missing_sync_is_caught(pyxrt, card, monkeypatch):
    monkeypatch.setattr(pyxrt.bo, "sync", lambda *_: None)
    with pytest.raises(AssertionError, match="the card has older bytes than the host wrote"):
        card.kernel("scale")(*call(4))


def test_a_buffer_of_another_unit_is_caught(card):
    one, two, *_ = card._open("scale")
    one.start(*call(4))
    one.finish()
    two._buffers = one._buffers
    with pytest.raises(AssertionError, match="buffer in another bank"):
        two.start(*call(4))
