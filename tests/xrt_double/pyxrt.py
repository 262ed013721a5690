"""Stand-in for XRT's ``pyxrt``: kernels are functions on the bytes that buffers have on the card.

Names and signatures are those of XRT's ``src/python/pybind11/src/pyxrt.cpp``. Host and card have a
copy each of every buffer. A run works when it is waited for, the runs of a compute unit in order:
the latest that XRT allows. ``AssertionError`` for what XRT does not check: a buffer that the host
touches while a run uses it, one that was not synced, of another bank, an argument of another type.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

NOT_WRITTEN = 0xA5


@dataclass
class Machine:
    """What the double has and does; a test sets it up before the code under test opens it.

    ``units`` counts the compute units of each of ``kernels``, which take ints and uint8 arrays.
    ``faults`` has, by compute unit, the state in which its runs end; "device", "load", "open" and
    "start" fail with the text given. ``most_in_flight`` and ``runs`` say what happened, by unit,
    ``overlapped`` how many writes and reads of the host happened while a run was in flight.
    """

    kernels: dict[str, Callable[..., None]] = field(default_factory=dict)
    units: dict[str, int] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    loaded: list[str] = field(default_factory=list)
    queues: dict[str, list[run]] = field(default_factory=dict)
    most_in_flight: dict[str, int] = field(default_factory=dict)
    runs: dict[str, int] = field(default_factory=dict)
    overlapped: int = 0

    def fail(self, what: str) -> None:
        if what in self.faults:
            raise RuntimeError(self.faults[what])

    def count_overlap(self) -> None:
        self.overlapped += any(self.queues.values())


machine = Machine()


class ert_cmd_state(enum.Enum):
    ERT_CMD_STATE_NEW = 1
    ERT_CMD_STATE_QUEUED = 2
    ERT_CMD_STATE_COMPLETED = 4
    ERT_CMD_STATE_ERROR = 5
    ERT_CMD_STATE_ABORT = 6
    ERT_CMD_STATE_TIMEOUT = 8


class xclBOSyncDirection(enum.Enum):
    XCL_BO_SYNC_BO_TO_DEVICE = 0
    XCL_BO_SYNC_BO_FROM_DEVICE = 1


class device:
    def __init__(self, index: int) -> None:
        machine.fail("device")
        if index:
            raise RuntimeError(f"no device {index}")

    def load_xclbin(self, path: str) -> str:
        assert type(path) is str
        machine.fail("load")
        machine.loaded.append(path)
        return f"uuid of {path}"


class kernel:
    """One compute unit, as ``top:{top_1}`` names it."""

    def __init__(self, card: device, uuid: str, name: str) -> None:
        machine.fail("open")
        assert isinstance(card, device)
        assert uuid == f"uuid of {machine.loaded[-1]}"
        top, _, unit = name.removesuffix("}").partition(":{")
        number = int(unit.removeprefix(f"{top}_"))
        if not 1 <= number <= machine.units.get(top, 0):
            raise RuntimeError(f"No compute units matching '{name}'")
        self.name, self._function, self._bank = unit, machine.kernels[top], 100 * number
        machine.queues.setdefault(unit, [])

    def group_id(self, argument: int) -> int:
        return self._bank + argument

    def __call__(self, *arguments: bo | int) -> run:
        machine.fail("start")
        for position, argument in enumerate(arguments):
            if isinstance(argument, bo):
                assert argument.group == self.group_id(position), "buffer in another bank"
                assert not argument.unsynced, "the card has older bytes than the host wrote"
                assert not argument.runs, "two runs use a buffer"
            else:
                assert type(argument) is int
                assert -(1 << 31) <= argument < 1 << 31
        return run(self, arguments)

    def work(self, arguments: tuple[bo | int, ...]) -> None:
        self._function(*(a.on_card if isinstance(a, bo) else a for a in arguments))


class run:
    def __init__(self, unit: kernel, arguments: tuple[bo | int, ...]) -> None:
        self._unit, self._arguments = unit, arguments
        self._buffers = [a for a in arguments if isinstance(a, bo)]
        for buffer in self._buffers:
            buffer.runs += 1
        queue = machine.queues[unit.name]
        queue.append(self)
        machine.runs[unit.name] = machine.runs.get(unit.name, 0) + 1
        most = machine.most_in_flight.get(unit.name, 0)
        machine.most_in_flight[unit.name] = max(most, len(queue))

    def wait(self, timeout_ms: int) -> ert_cmd_state:
        assert type(timeout_ms) is int
        assert timeout_ms > 0, "0 waits for ever"
        fault = machine.faults.get(self._unit.name)
        if fault is not None:
            return ert_cmd_state[fault]
        queue = machine.queues[self._unit.name]
        while self in queue:
            queue.pop(0)._work()
        return ert_cmd_state.ERT_CMD_STATE_COMPLETED

    def _work(self) -> None:
        self._unit.work(self._arguments)
        for buffer in self._buffers:
            buffer.runs -= 1
            buffer.stale = True


class bo:
    class flags(enum.Enum):
        normal = 0

    def __init__(self, card: device, size: int, flag: flags, group: int) -> None:
        assert isinstance(card, device)
        assert flag is bo.flags.normal
        if size < 1:
            raise RuntimeError("Invalid argument")
        self.group, self.runs = group, 0
        self.on_card = np.full(size, NOT_WRITTEN, dtype=np.uint8)
        self._on_host = np.full(size, NOT_WRITTEN, dtype=np.uint8)
        self.unsynced = self.stale = False

    def size(self) -> int:
        return self.on_card.size

    def write(self, data: Any, seek: int) -> None:
        assert not self.runs, "written while a run uses it"
        machine.count_overlap()
        written = np.frombuffer(data, dtype=np.uint8)
        self._on_host[seek : seek + written.size] = written
        self.unsynced, self.stale = True, False

    def sync(self, direction: xclBOSyncDirection, size: int, offset: int) -> None:
        assert not self.runs, "synced while a run uses it"
        part = slice(offset, offset + size)
        if direction is xclBOSyncDirection.XCL_BO_SYNC_BO_TO_DEVICE:
            assert not self.stale, "overwrites what a run wrote"
            self.on_card[part] = self._on_host[part]
            self.unsynced = False
        else:
            assert not self.unsynced, "overwrites what the host wrote"
            self._on_host[part] = self.on_card[part]
            self.stale = False

    def read(self, size: int, skip: int) -> np.ndarray:
        assert not self.runs, "read while a run uses it"
        assert not self.stale, "the host has older bytes than a run wrote"
        machine.count_overlap()
        return self._on_host[skip : skip + size].astype(np.int8)
