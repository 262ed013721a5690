"""The kernels of a design as the stand-in for XRT takes them: C simulation on bytes of buffers."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fpga_gnn.contract import Contract
from fpga_gnn.hw import csim
from fpga_gnn.hw.kernels import load_kernels


def kernels_of(contract: Contract, project: Path) -> dict[str, Callable[..., None]]:
    """Return the kernels by name; ``project`` is the folder of the design's hls4ml project."""
    found = {
        name: on_bytes(csim._load(name, contract)[name])
        for name in load_kernels().kernels
        if name != "module_map"
    }
    found["module_map"] = mapped(csim._load("module_map", contract))
    scorer = csim.load_composition("partition_scorer", contract, project)
    found["partition_scorer"] = on_bytes(scorer.partition_scorer)
    return found


def on_bytes(function: Callable[..., object]) -> Callable[..., None]:
    """A function of a compiled bridge as a kernel of the stand-in."""

    def value(argument: np.ndarray | int) -> ctypes.c_void_p | ctypes.c_int32:
        if isinstance(argument, np.ndarray):
            return argument.ctypes.data_as(ctypes.c_void_p)
        return ctypes.c_int32(argument)

    def kernel(*arguments: np.ndarray | int) -> None:
        function(*map(value, arguments))

    return kernel


def mapped(library: ctypes.CDLL) -> Callable[..., None]:
    """The module map as its top, which has a memory of its own."""

    def kernel(*arguments: np.ndarray | int) -> None:
        memory = library.module_map_open()
        on_bytes(lambda *rest: library.module_map(ctypes.c_void_p(memory), *rest))(*arguments)
        library.module_map_close(ctypes.c_void_p(memory))

    library.module_map_open.restype = ctypes.c_void_p
    return kernel
