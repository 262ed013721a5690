"""Kernels on a card, through XRT's Python binding: device, binary, buffers and runs.

``pyxrt`` comes with XRT, not from PyPI. Its names and signatures are those of XRT's
``src/python/pybind11/src/pyxrt.cpp``.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_gnn.contract import Contract
from fpga_gnn.errors import DeviceError, InputError, ToolMissingError
from fpga_gnn.hw.binary import Design, load_record
from fpga_gnn.hw.kernel_calls import Arguments, KernelCall, Results

RUNS_PER_UNIT = 2
"""In flight at a time: the host reads and writes the buffers of one while the other runs."""

_CSIM = "--backend csim runs the same kernels on this machine"
_LOOK = f"see xbutil examine; xbutil reset frees a card that hangs; {_CSIM}"
_TIMEOUT_S = {"hw": 60, "hw_emu": 24 * 3600}
"""Of one run, by link target: emulation takes hours for what a card does in milliseconds."""
_SMALLEST_BUFFER = 4096
"""Bytes: XRT has no empty buffers."""


class Card:
    """The first card of this machine with the binary ``xclbin`` loaded.

    Raises ``ToolMissingError`` without pyxrt or card, and ``InputError`` for a binary that is not
    of ``contract`` and of the network with the hash ``network_sha256``, or that the card refuses.
    """

    def __init__(self, xclbin: Path, contract: Contract, network_sha256: str) -> None:
        self._xrt = _import_pyxrt()
        try:
            self._device = self._xrt.device(0)
        except RuntimeError as error:
            raise ToolMissingError(f"XRT finds no card ({error}); {_CSIM}") from error
        self.design: Design = load_record(xclbin, contract, network_sha256)
        """What the binary holds."""
        try:
            self._uuid = self._device.load_xclbin(str(xclbin))
        except RuntimeError as error:
            expected = f"a card with the platform {self.design.platform}"
            raise InputError(xclbin, f"XRT refuses it ({error})", expected, _LOOK) from error
        self._slots: dict[str, list[_Slot]] = {}

    def kernel(self, name: str) -> KernelCall:
        """Return the kernel ``name`` as a call, one run at a time; it is opened by the first."""
        return partial(self._run, name)

    def run_all(self, kernel: str, calls: Iterable[tuple[Arguments, Results]]) -> list[Results]:
        """Run ``kernel`` once per call, ``RUNS_PER_UNIT`` at a time on each of its compute units.

        Returns the results in the order of ``calls``, which is read while runs are in flight.
        Raises ``DeviceError`` when a run fails or does not end in time.
        """
        slots = self._open(kernel)
        done: list[Results] = []
        in_flight: deque[_Slot] = deque()
        for slot, (arguments, results) in zip(itertools.cycle(slots), calls, strict=False):
            if len(in_flight) == len(slots):
                done.append(in_flight.popleft().finish())
            slot.start(arguments, results)
            in_flight.append(slot)
        return done + [slot.finish() for slot in in_flight]

    def _run(self, kernel: str, arguments: Arguments, results: Results) -> None:
        slot = self._open(kernel)[0]
        slot.start(arguments, results)
        slot.finish()

    def _open(self, kernel: str) -> list[_Slot]:
        """Return the slots of ``kernel``: one of each compute unit, then another of each."""
        if kernel not in self._slots:
            if kernel not in self.design.units:
                expected = f"one of {', '.join(self.design.units)}"
                raise InputError("kernel of the binary", repr(kernel), expected)
            timeout_s = _TIMEOUT_S[self.design.target]
            names = [f"{kernel}_{i + 1}" for i in range(self.design.units[kernel])]
            # An object of its own for each unit: they differ in their memory banks.
            units = [self._open_unit(kernel, name) for name in names]
            self._slots[kernel] = [
                _Slot(self._xrt, self._device, unit, name, timeout_s)
                for _ in range(RUNS_PER_UNIT)
                for unit, name in zip(units, names, strict=True)
            ]
        return self._slots[kernel]

    def _open_unit(self, kernel: str, name: str) -> Any:
        with _xrt_errors(name):
            return self._xrt.kernel(self._device, self._uuid, f"{kernel}:{{{name}}}")


class _Slot:
    """Buffers of a compute unit for one run at a time; they grow to what the runs need."""

    def __init__(self, xrt: Any, device: Any, unit: Any, name: str, timeout_s: int) -> None:
        self._xrt, self._device, self._unit, self._name = xrt, device, unit, name
        self._timeout_s = timeout_s
        self._buffers: dict[int, Any] = {}
        self._run: Any = None
        self._results: list[tuple[Any, NDArray[Any]]] = []

    def start(self, arguments: Arguments, results: Results) -> None:
        """Write the records among ``arguments`` and start a run, which is to fill ``results``."""
        with _xrt_errors(self._name):
            values = [
                self._written(position, argument)
                if isinstance(argument, np.ndarray)
                else int(argument)
                for position, argument in enumerate(arguments)
            ]
            outputs = [
                self._buffer(position, array)
                for position, array in enumerate(results, start=len(values))
            ]
            self._results = list(zip(outputs, results, strict=True))
            self._run = self._unit(*values, *outputs)

    def finish(self) -> Results:
        """Wait for the run and return its results."""
        with _xrt_errors(self._name):
            state = self._run.wait(1000 * self._timeout_s)
            # What a time-out returns differs between versions of XRT.
            if state != self._xrt.ert_cmd_state.ERT_CMD_STATE_COMPLETED:
                found = f"{state.name} in {self._timeout_s} s at most"
                raise DeviceError(f"{self._name}: the run did not complete ({found}); {_LOOK}")
            from_device = self._xrt.xclBOSyncDirection.XCL_BO_SYNC_BO_FROM_DEVICE
            for buffer, array in self._results:
                if array.nbytes:
                    buffer.sync(from_device, array.nbytes, 0)
                    read = np.asarray(buffer.read(array.nbytes, 0))
                    array[...] = read.view(array.dtype).reshape(array.shape)
        return [array for _, array in self._results]

    def _written(self, position: int, array: NDArray[Any]) -> Any:
        buffer = self._buffer(position, array)
        if array.nbytes:
            buffer.write(np.ascontiguousarray(array), 0)
            to_device = self._xrt.xclBOSyncDirection.XCL_BO_SYNC_BO_TO_DEVICE
            buffer.sync(to_device, array.nbytes, 0)
        return buffer

    def _buffer(self, position: int, array: NDArray[Any]) -> Any:
        """Return the buffer of argument ``position``, in its memory bank, for ``array``."""
        buffer = self._buffers.get(position)
        if buffer is None or buffer.size() < array.nbytes:
            buffer = self._buffers[position] = self._xrt.bo(
                self._device,
                max(array.nbytes, _SMALLEST_BUFFER),
                self._xrt.bo.flags.normal,
                self._unit.group_id(position),
            )
        return buffer


def count_cards() -> int:
    """Return how many cards XRT finds; ``ToolMissingError`` without pyxrt."""
    xrt, n_cards = _import_pyxrt(), 0
    with suppress(RuntimeError):
        while True:
            xrt.device(n_cards)
            n_cards += 1
    return n_cards


def _import_pyxrt() -> Any:
    try:
        import pyxrt
    except ImportError as error:
        raise ToolMissingError(
            f"XRT: {error}; install XRT and source its setup.sh (pyxrt is part of it); {_CSIM}"
        ) from error
    return pyxrt


@contextmanager
def _xrt_errors(unit: str) -> Iterator[None]:
    """Raise what XRT raises as ``DeviceError``."""
    try:
        yield
    except RuntimeError as error:
        raise DeviceError(f"{unit}: XRT: {error}; {_LOOK}") from error
