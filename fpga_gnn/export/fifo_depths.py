"""How deep every FIFO of the dataflow must be, from the structure of its graph alone.

All processes read and write a fixed sequence of rows, whatever their values. Two kinds store
before they send: a gather takes every node row before its first edge row, an aggregation every
edge row before its first node row. All others send a row for each row they take. So one graph's
rows move in phases, each begun by the end of the one before it, and within a phase all streams
advance together, row by row.

Depths follow from the schedule in which every process works as late as its readers allow. A
stream read in a later phase than it is written in must be held whole; one read in the same phase
needs two rows, and more where the reader also waits for another path from the same process:
PIPELINE_ROWS for each process on that path, which may fill its pipeline before it sends a row
(a stalled Vitis pipeline keeps its rows). With these depths that schedule never meets a full FIFO.
Blocking reads and writes make a Kahn network of the dataflow, so if one schedule ends, all do
(Kahn, IFIP 1974; Parks, UCB/ERL-95-105), at any speed of its processes. The three inputs must be
offered independently of each other: edge rows wait at their port until all node rows are in.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fpga_gnn.contract.structure import fifo_depth

_READS = {"EdgeGather": (0, 1), "EdgeAggregate": (0, 0)}
_WRITES = {"EdgeGather": 1, "EdgeAggregate": 1}
"""Phases after a process's first in which it reads its inputs and writes; others: its first."""


@dataclass(frozen=True)
class Fifo:
    """A stream between two processes: ``rows`` of one graph pass it, ``depth`` of them fit.

    ``name`` is the stream's in the C++, ``writer`` and ``reader`` are layers.
    """

    name: str
    writer: str
    reader: str
    rows: int
    depth: int
    reason: str


class Schedule:
    """The latest schedule of an hls4ml ``graph``: streams are tensor names, processes layers.

    Every layer but the edge kernels is taken to go row by row; ``require_as_asked`` lets no other
    class pass.
    """

    def __init__(self, graph: Any) -> None:
        processes = [layer for layer in graph.get_layers() if layer.class_name != "Input"]
        self._writer = {stream: layer for layer in processes for stream in layer.outputs}
        self._readers = defaultdict(list)
        for layer in processes:
            for place, stream in enumerate(layer.inputs):
                self._readers[stream].append((layer, place))
        self._starts: dict[str, int] = {}
        self._behind: dict[str, dict[str, int]] = {}

    def read_phase(self, layer: Any, place: int) -> int:
        """Return the phase in which ``layer`` reads its input number ``place``; the last is 0."""
        offsets = _READS.get(layer.class_name)
        return self._start(layer) + (offsets[place] if offsets else 0)

    @cached_property
    def fifos(self) -> dict[str, Fifo]:
        """The FIFO of every stream between two processes, once each has one reader."""
        return {stream: self._fifo(stream) for stream in self._writer if self._readers[stream]}

    def _start(self, layer: Any) -> int:
        if layer.name not in self._starts:
            reads = [
                self.read_phase(reader, place)
                for stream in layer.outputs
                for reader, place in self._readers[stream]
            ]
            self._starts[layer.name] = min(reads, default=0) - _WRITES.get(layer.class_name, 0)
        return self._starts[layer.name]

    def _write_phase(self, stream: str) -> int:
        writer = self._writer[stream]
        return self._start(writer) + _WRITES.get(writer.class_name, 0)

    def _fifo(self, stream: str) -> Fifo:
        writer = self._writer[stream]
        ((reader, place),) = self._readers[stream]
        variable = writer.get_output_variable(stream)
        rows = int(variable.shape[0])
        later = self.read_phase(reader, place) - self._write_phase(stream)
        if later:
            depth, reason = rows, f"read {later} phases later"
        elif stages := self._other_path(stream, reader, place):
            depth, reason = fifo_depth(rows, stages), f"read beside a path of {stages} processes"
        else:
            depth, reason = fifo_depth(rows), "read in step"
        return Fifo(variable.name, writer.name, reader.name, rows, depth, reason)

    def _other_path(self, stream: str, reader: Any, place: int) -> int:
        """Most processes between ``reader``, through another input, and one also behind this."""
        behind = self._processes_behind(stream)
        phase = self.read_phase(reader, place)
        return max(
            (
                stages
                for other_place, other in enumerate(reader.inputs)
                if other_place != place and self._in_step(reader, other_place, phase)
                for name, stages in self._processes_behind(other).items()
                if name in behind
            ),
            default=0,
        )

    def _processes_behind(self, stream: str) -> dict[str, int]:
        """Every process whose rows reach ``stream`` in its phase: most processes in between."""
        if stream not in self._behind:
            writer, phase = self._writer[stream], self._write_phase(stream)
            behind = {writer.name: 0}
            for place, source in enumerate(writer.inputs):
                if self._in_step(writer, place, phase):
                    for name, stages in self._processes_behind(source).items():
                        behind[name] = max(behind.get(name, 0), stages + 1)
            self._behind[stream] = behind
        return self._behind[stream]

    def _in_step(self, layer: Any, place: int, phase: int) -> bool:
        """Whether ``layer`` reads input ``place`` in ``phase``, and it is written then, too."""
        stream = layer.inputs[place]
        return (
            stream in self._writer
            and self.read_phase(layer, place) == phase
            and self._write_phase(stream) == phase
        )


def set_fifo_depths(graph: Any) -> None:
    """Give every FIFO of hls4ml's ``graph`` its depth, which the written C++ then declares."""
    fifos = Schedule(graph).fifos
    for layer in graph.get_layers():
        for stream in fifos.keys() & layer.outputs:
            layer.get_output_variable(stream).pragma = ("stream", fifos[stream].depth)
