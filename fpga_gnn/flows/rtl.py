"""The RTL of a trained run, simulated on events and held to ``==``; its cycles and throughput."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fpga_gnn.contract import Contract
from fpga_gnn.errors import InputError
from fpga_gnn.events.event import Event
from fpga_gnn.events.store import EventStore
from fpga_gnn.export.rtl_design import write_rtl_design
from fpga_gnn.flows.backends import TorchBackend
from fpga_gnn.flows.design import REPORT
from fpga_gnn.flows.validate import held_out_first, rung_results
from fpga_gnn.hw.boards import Board
from fpga_gnn.hw.verilator import Stalls, find_verilator
from fpga_gnn.report.document import write_document
from fpga_gnn.report.summary import FlowReport, HardwareNumber, Step, save_report
from fpga_gnn.report.throughput import KernelCycles, Throughput
from fpga_gnn.training.run import Run
from fpga_gnn.verify.rtl import EventCycles, RtlRungs

THROUGHPUT = "throughput.json"
"""Cycles and times, in the folder of the results."""


@dataclass(frozen=True)
class RtlPlan:
    """Simulate events until ``min_partitions`` partitions went through; ``pause`` is the share of
    cycles in which each stream pauses in the second pass (0: no second pass)."""

    min_partitions: int = 20
    pause: float = 0.3
    seed: int = 0

    @property
    def stalls(self) -> Stalls | None:
        """The pauses of the second pass."""
        return Stalls(self.seed, self.pause) if self.pause else None


def simulate_rtl(
    run: Run,
    board: Board,
    folder: Path,
    store: EventStore,
    plan: RtlPlan,
    announce: Callable[[str], None],
) -> tuple[FlowReport, Throughput]:
    """Write the RTL of ``run`` into ``folder``, simulate it on events of ``store``, held-out ones
    first, and save ``report.json`` and ``throughput.json`` there.

    Raises ``ToolMissingError`` without Verilator, ``MismatchError`` on the first difference,
    ``CapacityError`` for an edge that no partition holds.
    """
    verilator = find_verilator()
    network = run.student.integer_network()
    design = write_rtl_design(network, run.contract, folder / "rtl")
    announce("compiling the simulations; minutes, the first time")
    rungs, cpu = RtlRungs(run, design.folder, plan.stalls), _CpuTimes(TorchBackend(run))
    cycles: list[EventCycles] = []
    for event in held_out_first(run, store):
        cycles.append(rungs.compare(event, announce))
        cpu.add(event)
        if sum(one.partitions for one in cycles) >= plan.min_partitions:
            break
    if not sum(one.edges for one in cycles):
        raise InputError(store.path, "events without a candidate edge", "events with tracks")
    throughput = _throughput(cycles, run.contract, network.sha256, board, cpu)
    n_partitions = sum(one.partitions for one in cycles)
    detail = f"{n_partitions} partitions of {len(cycles)} events, all rungs equal"
    report = FlowReport(
        flow="rtl",
        contract=run.contract.name,
        contract_sha256=run.contract.sha256,
        network_sha256=network.sha256,
        board=board.name,
        part=board.part,
        steps=[
            Step(name="rtl", done=True, detail=f"{design.folder}: SystemVerilog of the classifier"),
            Step(name="simulation", done=True, detail=detail),
        ],
        events=[one.event_id for one in cycles],
        rungs=rung_results(rungs.rungs),
        hardware=_numbers(cycles),
        tools={verilator.name: verilator.version},
    )
    save_report(report, folder / REPORT)
    write_document(throughput, folder / THROUGHPUT)
    return report, throughput


class _CpuTimes:
    """Seconds per stage of the pipeline in PyTorch and numba; the first event is run twice, as its
    first run compiles."""

    def __init__(self, backend: TorchBackend) -> None:
        self._backend, self._warm = backend, False
        self.seconds = dict.fromkeys(("module map", "edge classifier", "track building"), 0.0)

    def add(self, event: Event) -> None:
        for last in (True,) if self._warm else (False, True):
            before = dict(self.seconds)
            self._run(event)
            if not last:
                self.seconds = before
        self._warm = True

    def _run(self, event: Event) -> None:
        with self._timed("module map"):
            graph = self._backend.graph(event).graph
        with self._timed("edge classifier"):
            [scored] = self._backend.scores([graph])
        with self._timed("track building"):
            self._backend.labels("cc-jr", graph, scored)

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[stage] += time.perf_counter() - start


def _throughput(
    cycles: Sequence[EventCycles],
    contract: Contract,
    network_sha256: str,
    board: Board,
    cpu: _CpuTimes,
) -> Throughput:
    n, lanes = len(cycles), contract.kernels.edge_classifier.lanes
    kernels = {
        "module map": (sum(sum(one.module_map.values()) for one in cycles), 1),
        "edge classifier": (sum(one.classifier for one in cycles), lanes),
        "track builder": (sum(one.tracks for one in cycles), 1),
    }
    return Throughput(
        contract_sha256=contract.sha256,
        network_sha256=network_sha256,
        clock_mhz=board.clock_mhz,
        events=n,
        hits=sum(one.hits for one in cycles) / n,
        edges=sum(one.edges for one in cycles) / n,
        kernels=tuple(
            KernelCycles(kernel=name, cycles=total / n, copies=copies, label="rtl-sim")
            for name, (total, copies) in kernels.items()
        ),
        cpu_ms={name: 1000 * seconds / n for name, seconds in cpu.seconds.items()},
    )


def _numbers(cycles: Sequence[EventCycles]) -> list[HardwareNumber]:
    n, edges = len(cycles), sum(one.edges for one in cycles)
    partitions, rows = sum(one.partitions for one in cycles), sum(one.rows for one in cycles)
    classifier = sum(one.classifier for one in cycles)
    idle = int(np.sum([one.idle for one in cycles]))
    events = f"mean of {n} events"
    figures: list[tuple[str, float, str, str]] = [
        (f"module map, {phase}", sum(one.module_map[phase] for one in cycles) / n, "cycles", events)
        for phase in cycles[0].module_map
    ]
    figures += [
        ("edge classifier", classifier / partitions, "cycles", "per partition, one lane"),
        ("its rows", rows / partitions, "", "nodes and edges per partition"),
        ("its cycles without an edge between edges", idle, "cycles", "all stages; 0: II = 1"),
        ("connected components", _sum(cycles, "components") / edges, "cycles/edge", events),
        ("track builder", _sum(cycles, "tracks") / edges, "cycles/edge", events),
    ]
    return [
        HardwareNumber(name=name, value=value, unit=unit, label="rtl-sim", basis=basis)
        for name, value, unit, basis in figures
    ]


def _sum(cycles: Sequence[EventCycles], name: str) -> int:
    return sum(getattr(one, name) for one in cycles)
