"""Simulate an hls4ml project as what it is in hardware: processes between bounded FIFOs.

C simulation runs the calls of the top one after the other, between streams without a limit. Here
the same C++ is compiled with a bounded stream (``hls/sim/hls_stream.h``), each call of the top is
a process, and every FIFO has the depth that the firmware declares, or another. Reads and writes
do not depend on values, so one partition shows for all of a shape whether the dataflow ends.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import FpgaGnnError
from fpga_gnn.hw.kernels import hls_dir
from fpga_gnn.hw.toolchain import LIBRARY_FLAGS, find_compiler, run

_TOP = "edge_classifier"
_FOLDER = "dataflow"
_FLAGS = ("-std=c++17", "-O1", "-w", *LIBRARY_FLAGS)
_COMPILE_TIMEOUT_S = 1800.0
_LAYERS = "// hls-fpga-machine-learning insert layers\n"
_STREAM = re.compile(
    r"    hls::stream<\w+> (?P<name>\w+)\(\"(?P=name)\"\);\n"
    r"    #pragma HLS STREAM variable=(?P=name) depth=(?P<depth>\d+)\n"
)
_CALL = re.compile(r"    (?P<call>\w+::\w+<.*>\(.*\);) // (?P<name>\S+)\n")
_INPUTS = ("node_features", "edge_features", "edge_index")
_INTEGERS = np.ctypeslib.ndpointer(dtype=np.int64, flags="C_CONTIGUOUS")
_COUNTS = np.ctypeslib.ndpointer(dtype=np.uint64, flags="C_CONTIGUOUS")
_MESSAGE_BYTES = 1 << 20


@dataclass(frozen=True)
class Blocked:
    """A process that cannot go on: it ``reads`` an empty FIFO, or writes a full one."""

    process: str
    reads: bool
    fifo: str
    fill: int
    depth: int

    def __str__(self) -> str:
        state = "reads empty" if self.reads else "writes full"
        return f"{self.process} {state} {self.fifo} ({self.fill} of {self.depth} rows)"


class DeadlockError(FpgaGnnError):
    """A dataflow stands still; ``blocked`` says what each process waits on, full FIFOs first."""

    def __init__(self, blocked: Sequence[Blocked]) -> None:
        self.blocked = tuple(sorted(blocked, key=lambda b: b.reads))
        super().__init__(f"dataflow stands still: {', '.join(map(str, self.blocked))}")


@dataclass(frozen=True, eq=False)
class DataflowResult:
    """What a dataflow did: ``scores`` [n_graphs, max_edges] in LSB, padding included, the largest
    fill of each FIFO, and how often a process had a turn."""

    scores: Int64
    largest_fill: dict[str, int]
    steps: int


class Dataflow:
    """The written hls4ml project in ``folder`` as processes, compiled on first use.

    ``depths`` holds what the C++ declares for each FIFO. Raises ``FpgaGnnError`` for a top that is
    not as hls4ml writes it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._source = (folder / "firmware" / f"{_TOP}.cpp").read_text(encoding="utf-8")
        streams = list(_STREAM.finditer(self._source))
        self.depths = {stream["name"]: int(stream["depth"]) for stream in streams}

    def run(
        self,
        graphs: Sequence[Mapping[str, ArrayLike]],
        depths: Mapping[str, int] | None = None,
        pipeline_rows: int = 0,
    ) -> DataflowResult:
        """Run ``graphs``, one right after the other, with other ``depths`` for some FIFOs.

        A graph has the columns of the project's bench: ``node_features`` [max_nodes, Fn],
        ``edge_features`` [max_edges, Fe] and ``edge_index`` [max_edges, 2], integers in LSB. Each
        process keeps up to ``pipeline_rows`` rows to itself until it has more. Raises
        ``DeadlockError`` when no process can go on.
        """
        used = self.depths | dict(depths or {})
        if used.keys() != self.depths.keys():
            raise ValueError(f"no such FIFO: {', '.join(used.keys() - self.depths.keys())}")
        inputs = [
            np.ascontiguousarray([graph[name] for graph in graphs], dtype=np.int64)
            for name in _INPUTS
        ]
        n_graphs, n_edges = inputs[2].shape[:2]
        scores = np.zeros((n_graphs, n_edges), dtype=np.int64)
        largest, steps = np.zeros(len(used), dtype=np.uint64), ctypes.c_uint64()
        message = ctypes.create_string_buffer(_MESSAGE_BYTES)
        stopped = self._run(
            *(n_graphs, inputs[0].shape[1], n_edges),
            *inputs,
            pipeline_rows,
            np.array(list(used.values()), dtype=np.uint64),
            *(scores, largest, steps, message, _MESSAGE_BYTES - 1),
        )
        if stopped:
            raise DeadlockError([_blocked(line) for line in message.value.decode().splitlines()])
        fills = dict(zip(used, largest.tolist(), strict=True))
        return DataflowResult(scores, fills, steps.value)

    def smallest_depths(
        self, graphs: Sequence[Mapping[str, ArrayLike]], pipeline_rows: int = 0
    ) -> dict[str, int]:
        """Return, for each FIFO, the smallest depth at which the dataflow still ends.

        All others have their declared depths; found by bisection, since a deeper FIFO never
        stops a dataflow. Raises ``DeadlockError`` when the declared depths do not suffice.
        """
        fills = self.run(graphs, pipeline_rows=pipeline_rows).largest_fill
        smallest = {}
        for fifo, fill in fills.items():
            stuck, enough = 0, fill
            while enough - stuck > 1:
                middle = (stuck + enough) // 2
                try:
                    self.run(graphs, {fifo: middle}, pipeline_rows)
                    enough = middle
                except DeadlockError:
                    stuck = middle
            smallest[fifo] = enough
        return smallest

    @cached_property
    def _run(self) -> Any:
        function = ctypes.CDLL(str(self._compile())).dataflow_run
        counts = [ctypes.c_size_t] * 3
        function.argtypes = [*counts, *[_INTEGERS] * 3, ctypes.c_size_t, _COUNTS, _INTEGERS]
        function.argtypes += [_COUNTS, ctypes.POINTER(ctypes.c_uint64), ctypes.c_char_p]
        function.argtypes += [ctypes.c_size_t]
        function.restype = ctypes.c_int
        return function

    def _compile(self) -> Path:
        compiler = find_compiler()
        sim, build, firmware = hls_dir() / "sim", self.folder / _FOLDER, self.folder / "firmware"
        build.mkdir(exist_ok=True)
        top, library = build / f"{_TOP}.cpp", build / f"{_TOP}.so"
        top.write_text(_as_processes(self._source, len(self.depths)), encoding="utf-8")
        include = [f"-I{sim}", f"-I{firmware}", f"-isystem{firmware / 'ap_types'}"]
        weights = f'-DWEIGHTS_DIR="{firmware.resolve() / "weights"}"'
        command: list[str | Path] = [compiler.path, *_FLAGS, *include, weights, top, "-o", library]
        run(command, build / "compile.log", _COMPILE_TIMEOUT_S)
        return library


def _as_processes(source: str, n_streams: int) -> str:
    """Return the top with each call made a process; its FIFOs and their order stay."""
    head, layers, body = source.partition(_LAYERS)
    rest = _CALL.sub("", _STREAM.sub("", body))
    if rest.split() != ["}"] or len(_STREAM.findall(body)) != n_streams:
        raise FpgaGnnError(
            f"{_TOP}.cpp: expected FIFOs with depths, then calls, found {rest!r:.200}"
        )
    add = r'    dataflow::current()->add("\g<name>", [&] { \g<call> });' + "\n"
    body = _CALL.sub(add, body).rstrip().removesuffix("}")
    return (
        f'{head}{layers}{body}    dataflow::current()->run();\n}}\n\n#include "dataflow_run.hpp"\n'
    )


def _blocked(line: str) -> Blocked:
    process, verb, fifo, fill, depth = line.split()
    return Blocked(process, verb == "reads", fifo, int(fill), int(depth))
