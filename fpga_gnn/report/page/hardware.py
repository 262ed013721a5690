"""The page's parts on firmware: verification ladder, resources, throughput."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from fpga_gnn.report.benchmark import (
    STAGE_TITLES,
    Benchmark,
    BenchmarkRow,
    comparison_lines,
    head_lines,
)
from fpga_gnn.report.csynth import Resources
from fpga_gnn.report.evaluation import percent
from fpga_gnn.report.page import plots
from fpga_gnn.report.page.blocks import Block, Missing, Section, Table, Text
from fpga_gnn.report.page.subject import Subject
from fpga_gnn.report.reconstruction import Reconstruction
from fpga_gnn.report.resources import KINDS, KernelUse, ResourceTable, added, amounts
from fpga_gnn.report.summary import FlowReport, HardwareNumber, value_text
from fpga_gnn.report.table import counted
from fpga_gnn.report.throughput import A100_MS, Throughput
from fpga_gnn.report.vendor import used_by_slr

_RUNGS = ("kernel", "left", "right", "unit", "compared", "different", "seconds")
_IN_TABLE_ALREADY = "yosys"
"""Label of the figures that a table of resources has, too."""


_STAGES = {"track builder": "track building"}
"""Stages of the pipeline that have another name than their kernel."""


def ladder(
    subject: Subject, reports: Sequence[FlowReport], reconstructions: Sequence[Reconstruction]
) -> Section:
    """Return what was held to ``==``, and how many values differed."""
    blocks: list[Block] = [
        Text("Each rung holds two implementations against each other with ==, value by value.")
    ]
    checked = [report for report in reports if report.rungs]
    if not checked:
        command = f"fpga-gnn validate{subject.option} --out DIR"
        blocks.append(Missing("rungs of the verification ladder", command))
    for report in checked:
        rows = [
            (
                *(r.kernel, r.left, r.right, r.unit),
                *(f"{r.compared:,}", f"{r.different:,}", f"{r.seconds:,.1f}"),
            )
            for r in report.rungs
        ]
        caption = f"fpga-gnn {report.flow}: {report.n_different:,} different"
        note = counted(len(report.events), "event") if report.events else ""
        blocks.append(Table(caption, _RUNGS, rows, note=note))
        if report.n_different:
            blocks.append(Text(f"{report.n_different:,} values differ", warning=True))
    blocks += [_compared(found) for found in reconstructions if "against" in found.settings]
    return Section("ladder", "Verification ladder", blocks)


def resources(
    subject: Subject,
    tables: Sequence[ResourceTable],
    reports: Sequence[FlowReport],
    estimates: Sequence[HardwareNumber],
) -> Section:
    """Return what the design takes of the board, by kernel and by SLR as far as it is known."""
    blocks: list[Block] = []
    for i, table in enumerate(tables):
        blocks += _used(table, bars=i == 0)
    if all(table.label == "estimate" for table in tables):
        command = f"fpga-gnn yosys{subject.option} --out DIR"
        blocks.append(Missing("counts of all kernels after synthesis", command))
    numbers = [number for report in reports for number in report.hardware]
    placed = used_by_slr(numbers)
    if not placed:
        command = f"fpga-gnn synth --flow vitis --steps csynth,xo,link{subject.option} --out DIR"
        blocks.append(Missing("a placed design: what each SLR holds, and the clock", command))
    blocks += [_placed(binary, slrs) for binary, slrs in placed.items()]
    others = [
        (n.name, _figure(n.value), n.unit, n.label, n.basis)
        for n in (*numbers, *estimates)
        if n.label != _IN_TABLE_ALREADY
    ]
    head = ("figure", "value", "unit", "label", "of")
    blocks.append(Table("Other figures", head, list(dict.fromkeys(others))))
    drifted = [
        (d.name, _figure(d.baseline), _figure(d.now), d.unit, d.label, d.basis)
        for report in reports
        for d in report.drift
    ]
    if drifted:
        columns = ("figure", "baseline", "now", "unit", "label", "of")
        blocks.append(Text(f"{len(drifted)} figures differ from the baseline", warning=True))
        blocks.append(Table("Drift from the committed baseline", columns, drifted))
    return Section("resources", "FPGA resources", blocks)


def throughput(
    subject: Subject, found: Sequence[Throughput], benchmarks: Sequence[Benchmark]
) -> Section:
    """Return the time per event of each stage, on the FPGA and elsewhere."""
    blocks: list[Block] = []
    if not found:
        command = f"fpga-gnn synth --flow rtl{subject.option} --events EVENTS --out DIR"
        blocks.append(Missing("cycles of the kernels on whole events", command))
    for i, one in enumerate(found):
        blocks += _times(one, i)
    if not benchmarks:
        command = f"fpga-gnn benchmark --model {subject.model} --events EVENTS --out DIR"
        blocks.append(Missing("times of every stage on this machine's CPU or GPU", command))
    for benchmark in benchmarks:
        blocks += _timed(subject, benchmark)
    return Section("throughput", "Throughput", blocks)


def _compared(found: Reconstruction) -> Table:
    settings = found.settings
    stages = dict.fromkeys(stage for event in found.events for stage in event.compared)
    rows = [
        (stage, f"{sum(event.compared.get(stage, 0) for event in found.events):,}", "0")
        for stage in stages
    ]
    caption = (
        f"fpga-gnn reconstruct: {settings['backend']} == {settings['against']}, "
        f"{counted(len(found.events), 'event')}"
    )
    return Table(caption, ("stage", "compared", "different"), rows)


def _used(table: ResourceTable, *, bars: bool) -> list[Block]:
    """Return ``bars`` of the design against the board's budget, and tables by kernel and part."""
    kernels = _by_kernel(table)
    usable = {kind: n for kind, n in table.usable_per_slr if n}
    kinds = [KINDS[kind] for kind in usable]
    filled = {
        name: [getattr(used, kind) * copies / n for kind, n in usable.items()]
        for name, (copies, used) in kernels.items()
    }
    by_kernel, large = [], []
    for name, (copies, used) in kernels.items():
        shares = [getattr(used, kind) / n for kind, n in usable.items()]
        by_kernel.append((name, f"{copies}", *(f"{share:.1%}" for share in shares), table.label))
        if max(shares, default=0) > 1:
            large.append(name)
    title = f"{table.contract} on {table.board} ({table.part}) [{table.label}]"
    note = (
        "Shares of what the platform's shell leaves of one SLR; nothing is placed, so what an SLR "
        f"holds is not known. All copies fill {table.slrs_filled:.2f} of {table.slrs} SLRs."
    )
    if large:
        note += f" Larger than an SLR, so to be spread: {', '.join(large)}."
    by_part = [
        (part.name, f"{part.copies}", *amounts(part.used), table.label) for part in table.parts
    ]
    head = ("kernel", "copies", *kinds, "label")
    return [
        *([plots.shares("resources", title, kinds, filled, table.slrs)] if bars else []),
        Table(f"One copy of each kernel, of one SLR: {title}", head, by_kernel, note=note),
        Table(
            f"One copy of each part: {title}",
            ("part", "copies", *KINDS.values(), "label"),
            [*by_part, ("total, all copies", "", *amounts(table.total), table.label)],
        ),
    ]


def _by_kernel(table: ResourceTable) -> dict[str, tuple[int, Resources]]:
    """Return the copies of each kernel and what one takes: its parts are named ``kernel.part`` or
    ``kernel, part``, and have as many copies or a multiple."""
    parts: dict[str, list[KernelUse]] = {}
    for part in table.parts:
        parts.setdefault(re.split(r"[., ]", part.name)[0], []).append(part)
    copies = {name: math.gcd(*(part.copies for part in its)) for name, its in parts.items()}
    return {
        name: (copies[name], added(p.used for p in its for _ in range(p.copies // copies[name])))
        for name, its in parts.items()
    }


def _figure(value: float | None) -> str:
    return f"{value:,.0f}" if value is not None and abs(value) >= 1e5 else value_text(value)


def _placed(binary: str, slrs: Sequence[Mapping[str, float]]) -> Table:
    halves = {"bram_18k": 2}
    rows = [
        (f"SLR{i}", *(f"{used[k] / halves.get(k, 1):,g}" if k in used else "" for k in KINDS))
        for i, used in enumerate(slrs)
    ]
    return Table(f"Placed [vivado]: {binary}", ("", *KINDS.values()), rows)


def _times(found: Throughput, number: int) -> list[Block]:
    fpga = {kernel.kernel: found.milliseconds(kernel) for kernel in found.kernels}
    labels = ", ".join(dict.fromkeys(kernel.label for kernel in found.kernels))
    events = counted(found.events, "event")
    sizes = f"{events} of {found.hits:,.0f} hits and {found.edges:,.0f} edges"
    rows = [
        (
            *(k.kernel, f"{k.copies}", f"{k.event_cycles:,.0f}"),
            *(f"{k.event_cycles / max(found.edges, 1):.2f}", f"{fpga[k.kernel]:.3f}", k.label),
        )
        for k in found.kernels
    ]
    bars = {
        f"FPGA [{labels}]": {_STAGES.get(name, name): ms for name, ms in fpga.items()},
        "this CPU, one core": found.cpu_ms,
        "A100, CHEP 2024": A100_MS,
    }
    return [
        Text(
            f"{found.events_per_s:,.0f} events/s, {found.latency_ms:.2f} ms per event, limited by "
            f"the {found.slowest.kernel}: kernels work on successive events at the same time, at "
            f"the target clock of {found.clock_mhz:g} MHz, which nothing has confirmed. The A100 "
            "figures are of ATLAS, for its own detector, events and larger network."
        ),
        plots.times(f"times{number}", f"Time per event: {sizes}", bars),
        Table(
            f"Kernels: {sizes}",
            ("kernel", "copies", "cycles/event", "cycles/edge", "ms/event", "label"),
            rows,
        ),
    ]


def _timed(subject: Subject, benchmark: Benchmark) -> list[Block]:
    rows = [
        (STAGE_TITLES[row.stage], row.name, *_time(row), row.device, f"{row.threads}", *_found(row))
        for row in benchmark.rows
    ]
    head = ("stage", "option", "ms/event", "16 % to 84 %", "device", "threads", "efficiency %")
    role = subject.role(benchmark.model_sha256)
    return [
        Table(
            f"Computing, {role} on {benchmark.backend}: no time is of an FPGA",
            (*head, "fake %", "AUC"),
            rows,
            note="; ".join(head_lines(benchmark)),
        ),
        *(Text(line) for line in comparison_lines(benchmark.comparisons)),
    ]


def _time(row: BenchmarkRow) -> tuple[str, str]:
    time = row.time
    if time is None:
        return "not run", row.not_run or ""
    return f"{time.median:,.2f}", f"{time.low:,.2f} to {time.high:,.2f}"


def _found(row: BenchmarkRow) -> tuple[str, str, str]:
    tracks, edges = row.tracks, row.edges
    auc = f"{edges.auc:.5f}" if edges and edges.auc is not None else ""
    if tracks is None:
        return "", "", auc
    return percent(tracks.efficiency.value), percent(tracks.fake_rate.value), auc
