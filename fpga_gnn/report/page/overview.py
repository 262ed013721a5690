"""The page's first and last parts: headline figures, pipeline, event, where everything is from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fpga_gnn.contract import Contract
from fpga_gnn.report.documents import Document, of_kind
from fpga_gnn.report.evaluation import Evaluation, percent, with_error
from fpga_gnn.report.page.blocks import (
    Block,
    Check,
    Picture,
    Pipeline,
    Section,
    Stage,
    Table,
    Text,
    Tile,
)
from fpga_gnn.report.page.event import EventDisplay
from fpga_gnn.report.page.plots import CKF
from fpga_gnn.report.page.subject import STUDENT, Subject, hashes
from fpga_gnn.report.resources import KINDS, ResourceTable
from fpga_gnn.report.summary import FlowReport, RungResult
from fpga_gnn.report.table import counted
from fpga_gnn.report.throughput import Throughput

_STAGES = {
    "hits": (),
    "module map": ("module map",),
    "edge classifier": ("edge classifier",),
    "track building": ("connected components", "track builder", "dwalk"),
}
"""The pipeline's stages with the kernels of each."""

_LABELS = {
    "estimate": "from the network's structure, or a law fitted to synthesis counts",
    "yosys": "mapped by Yosys; nothing is placed",
    "rtl-sim": "cycles of the RTL in Verilator; times are at the target clock, unconfirmed",
    "csynth": "estimated by C synthesis of Vitis HLS",
    "cosim": "cycles of the vendor's C/RTL co-simulation",
    "vivado": "placed and routed by Vivado",
    "board": "measured on a card",
}


def tiles(
    subject: Subject,
    evaluations: Sequence[Evaluation],
    reports: Sequence[FlowReport],
    tables: Sequence[ResourceTable],
    found: Sequence[Throughput],
    builder: str,
) -> list[Tile]:
    """Return the headline figures, of the tracks of ``builder`` where they depend on it."""
    return [
        _efficiency_tile(subject, evaluations, builder),
        _ladder_tile(reports),
        _resource_tile(tables),
        _throughput_tile(found),
    ]


def warnings(documents: Sequence[Document]) -> list[str]:
    """Return what a reader must know before any figure: reports of unknown models."""
    unknown = [str(d.path) for d in documents if None in hashes(d.value).values()]
    if not unknown:
        return []
    return [f"These reports do not say which model they are about: {', '.join(unknown)}"]


def pipeline(contract: Contract, event: EventDisplay, reports: Sequence[FlowReport]) -> Section:
    """Return the picture of the stages, with the sizes of ``event`` and what was compared."""
    rungs = [rung for report in reports for rung in report.rungs]
    n_edges = event.edges.src.size
    texts = {
        "hits": ("rounded onto the contract's hit record", f"{event.hits.x.size:,} hits"),
        "module map": (
            "pairs of hits in the map's windows, confirmed by triplets",
            f"{event.n_candidates:,} candidates, {n_edges:,} edges",
        ),
        "edge classifier": (
            f"interaction network, {contract.network.iterations} iterations of width "
            f"{contract.network.hidden}, on partitions with a halo",
            f"{event.n_kept:,} edges above the cut",
        ),
        "track building": (
            "the edges above the cut are joined to tracks",
            f"{event.tracks.matched.size:,} tracks ({event.tracks.builder})",
        ),
    }
    stages = [
        Stage(title, *texts[title], checks=_checks(rungs, kernels))
        for title, kernels in _STAGES.items()
    ]
    partition, decoder = contract.partition, contract.network.bits.decoder
    common = (
        f"numeric contract {contract.name} ({contract.sha256[:12]})",
        f"hits {contract.hit.length.bits} bits",
        f"features {contract.features.format.bits} bits",
        f"weights {contract.network.bits.edge_update.weight} bits",
        f"scores {decoder.output} bits",
        f"partitions of {partition.max_nodes:,} nodes and {partition.max_edges:,} edges",
    )
    blocks: list[Block] = [
        Text(
            "Every stage is integer arithmetic of one numeric contract, and every implementation "
            "of a stage is held against the next with ==. Sizes are those of the event below."
        ),
        Pipeline(stages, common),
    ]
    return Section("pipeline", "Pipeline", blocks)


def event_section(event: EventDisplay) -> Section:
    """Return the interactive display with what it shows."""
    particles, matched = event.particles, event.tracks.matched
    n_targets = int(particles.target.sum())
    n_found = int((particles.target & particles.found).sum())
    of_targets = np.zeros(matched.size, dtype=np.bool_)
    of_targets[matched >= 0] = particles.target[matched[matched >= 0]]
    text = (
        f"Event {event.event_id} of {event.sample}, {event.detector} hits. {n_found:,} of "
        f"{n_targets:,} target particles are found; of {matched.size:,} tracks "
        f"{int(of_targets.sum()):,} are of targets and {int((matched < 0).sum()):,} are fakes. "
        "Drag to move (3D: to turn), turn the wheel to zoom, double-click to start over; point at "
        "a hit to see it with its track and its particle."
    )
    return Section("event", "Event display", [Text(text), Picture(event)])


def provenance(
    subject: Subject,
    documents: Sequence[Document],
    versions: Mapping[str, str],
    command: str,
) -> Section:
    """Return what the page was made of."""
    contract = subject.contract
    tools = {
        name: version
        for report in of_kind(documents, FlowReport)
        for name, version in report.tools.items()
    }
    model = [
        ("run", subject.title),
        ("made by fpga-gnn", subject.version),
        ("contract", f"{contract.name}, sha256 {contract.sha256}"),
        ("integer network", f"sha256 {subject.network_sha256}"),
        ("weights", f"sha256 {subject.student_sha256}"),
        ("run.json", f"sha256 {subject.run_sha256}"),
        ("teacher's weights", f"sha256 {subject.teacher_sha256 or '-'}"),
    ]
    files = [
        (str(document.path), document.kind, _about(subject, document), document.sha256[:16])
        for document in documents
    ]
    return Section(
        "provenance",
        "Provenance",
        [
            Table("The model", ("what", "value"), model),
            Table(
                "Reports on this page",
                ("file", "kind", "about", "sha256"),
                files,
                note="" if files else "none",
            ),
            Table("Versions", ("software", "version"), list({**versions, **tools}.items())),
            Table("Made by", ("command",), [(command,)]),
            Table("Labels of hardware figures", ("label", "obtained"), list(_LABELS.items())),
        ],
    )


def _efficiency_tile(subject: Subject, evaluations: Sequence[Evaluation], builder: str) -> Tile:
    title = f"Track efficiency, {builder}"
    for evaluation in evaluations:
        tracks = {track.builder: track for track in evaluation.tracks}
        if subject.role(evaluation.model_sha256) == STUDENT and builder in tracks:
            found, reference = tracks[builder], tracks.get(CKF.lower())
            events = counted(len(evaluation.sample.event_ids), "event")
            detail = f"{with_error(found.efficiency)} in {events}"
            if reference:
                detail += f", CKF {percent(reference.efficiency.value)} % on the same"
            detail += f"; fakes {percent(found.fake_rate.value)} %"
            return Tile(title, f"{percent(found.efficiency.value)} %", detail)
    if point := subject.points.get(builder):
        detail = "on the validation events that its cuts were chosen on; not evaluated"
        return Tile(title, f"{percent(point.efficiency)} %", detail)
    return Tile(title, "-", "not evaluated")


def _ladder_tile(reports: Sequence[FlowReport]) -> Tile:
    rungs = [rung for report in reports for rung in report.rungs]
    title = "Firmware == PyTorch"
    if not rungs:
        return Tile(title, "-", "not compared")
    different = sum(rung.different for rung in rungs)
    compared = sum(rung.compared for rung in rungs)
    return Tile(title, f"{different:,} differ", f"of {compared:,} values on {len(rungs)} rungs")


def _resource_tile(tables: Sequence[ResourceTable]) -> Tile:
    table = max(tables, key=lambda table: table.label != "estimate")
    used, board = dict(table.total), {kind: n for kind, n in table.usable_per_slr if n}
    share, kind = max((used[kind] / (table.slrs * n), KINDS[kind]) for kind, n in board.items())
    detail = f"of {kind} on the {table.board}, the scarcest kind"
    return Tile("Share of the board", f"{share:.1%}", detail, table.label)


def _throughput_tile(found: Sequence[Throughput]) -> Tile:
    title = "Throughput"
    if not found:
        return Tile(title, "-", "not simulated")
    best = found[0]
    detail = (
        f"{best.latency_ms:.1f} ms per event at {best.clock_mhz:g} MHz; "
        f"limited by the {best.slowest.kernel}"
    )
    return Tile(title, f"{best.events_per_s:,.0f} events/s", detail, best.slowest.label)


def _checks(rungs: Sequence[RungResult], kernels: Sequence[str]) -> list[Check]:
    """Join the rungs of ``kernels`` that compare the same implementations in the same unit."""
    found: dict[tuple[str, str], list[RungResult]] = {}
    for rung in rungs:
        if rung.kernel in kernels:
            found.setdefault((f"{rung.left} == {rung.right}", rung.unit), []).append(rung)
    return [
        Check(names, sum(r.compared for r in its), sum(r.different for r in its), unit)
        for (names, unit), its in found.items()
    ]


def _about(subject: Subject, document: Document) -> str:
    known = hashes(document.value)
    if not known:
        return "trainings of its own"
    if None in known.values():
        return "does not say which model"
    return subject.role(known["model"]) if "model" in known else "this run"
