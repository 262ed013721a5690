"""One page on a trained run: an event through its pipeline, and all reports that are about it."""

from __future__ import annotations

import importlib.metadata
import shlex
from collections.abc import Sequence
from pathlib import Path

from fpga_gnn import __version__
from fpga_gnn.errors import InputError
from fpga_gnn.events.sample import sample_store
from fpga_gnn.events.store import EventStore
from fpga_gnn.events.view import detector_of, restrict
from fpga_gnn.files import sha256_of, write_whole
from fpga_gnn.flows.backends import TorchBackend, require_builder
from fpga_gnn.flows.estimate import estimate
from fpga_gnn.flows.event_display import event_display
from fpga_gnn.flows.validate import held_out_ids
from fpga_gnn.hw.boards import Board
from fpga_gnn.report.benchmark import Benchmark
from fpga_gnn.report.documents import Document, find_documents, of_kind
from fpga_gnn.report.estimates import classifier_estimates
from fpga_gnn.report.evaluation import Evaluation
from fpga_gnn.report.page.blocks import Page
from fpga_gnn.report.page.event import EventDisplay
from fpga_gnn.report.page.hardware import ladder, resources, throughput
from fpga_gnn.report.page.html import render
from fpga_gnn.report.page.overview import event_section, pipeline, provenance, tiles, warnings
from fpga_gnn.report.page.physics import physics, quantization
from fpga_gnn.report.page.subject import Subject, WorkingPoint
from fpga_gnn.report.reconstruction import Reconstruction
from fpga_gnn.report.resources import ResourceTable
from fpga_gnn.report.summary import FlowReport
from fpga_gnn.report.sweep import Sweep
from fpga_gnn.report.throughput import Throughput
from fpga_gnn.training.edge_model import weights_sha256
from fpga_gnn.training.run import RUN_FILE, Run, default_run, load_run

_SOFTWARE = ("torch", "brevitas", "qonnx", "hls4ml", "da4ml", "numpy", "numba", "plotly")


def write_page(
    folder: Path,
    paths: Sequence[Path],
    store: EventStore,
    event_id: int | None,
    builder: str,
    board: Board,
    out: Path,
) -> tuple[Page, list[Document]]:
    """Write the page of the run in ``folder`` to ``out``; return it and the reports it shows.

    Reports are those below ``folder`` and ``paths``. The event is ``event_id`` of ``store``, by
    default the first that the run has not seen, if any; its tracks are those of ``builder``.
    Raises ``InputError`` for a damaged report and for one about another model.
    """
    run = load_run(folder)
    require_builder(builder, TorchBackend(run))
    subject = subject_of(run, folder)
    documents = find_documents([folder, *paths])
    for document in documents:
        subject.require(document)
    if not len(store):
        raise InputError(store.path, "no event", "an event to show")
    unseen = held_out_ids(run, store)
    if event_id is None:
        event_id = (*unseen, *store.event_ids)[0]
    event = restrict(store.read(event_id), detector_of(run.module_map.modules))
    shipped = store.path.resolve() == sample_store().path.resolve()
    where = "the shipped events" if shipped else str(store.path)
    known = "held out" if event_id in unseen else "which the model comes from"
    display = event_display(run, event, builder, f"{where} ({known})")
    command = ["fpga-gnn", "report", *([] if subject.shipped else [str(folder)])]
    for path in paths:
        command += ["--with", str(path)]
    command += [] if shipped else ["--events", str(store.path)]
    command += ["--event", str(event_id), "--builder", builder]
    page = _page(run, subject, documents, display, board, shlex.join(command))
    out.parent.mkdir(parents=True, exist_ok=True)
    write_whole(out, render(page).encode())
    return page, documents


def subject_of(run: Run, folder: Path) -> Subject:
    """Return what a page says of ``run``, which was read from ``folder``."""
    return Subject(
        folder=str(folder),
        shipped=folder.resolve() == default_run().resolve(),
        contract=run.contract,
        run_sha256=sha256_of(folder / RUN_FILE),
        student_sha256=weights_sha256(folder),
        network_sha256=run.student.integer_network().sha256,
        teacher_sha256=run.info.teacher_sha256,
        version=run.info.version,
        points={
            name: WorkingPoint(point.efficiency, point.fake_rate, point.settings)
            for name, point in run.info.builders.items()
        },
    )


def _page(
    run: Run,
    subject: Subject,
    documents: Sequence[Document],
    display: EventDisplay,
    board: Board,
    command: str,
) -> Page:
    network, contract = run.student.integer_network(), run.contract
    estimated, numbers = estimate(network, contract, board)
    numbers += classifier_estimates(network, contract, board.clock_mhz)
    reports = of_kind(documents, FlowReport)
    tables = of_kind(documents, ResourceTable)
    tables += [estimated] if estimated not in tables else []
    found = of_kind(documents, Throughput)
    evaluations = of_kind(documents, Evaluation)
    versions = {"fpga-gnn": __version__} | {
        name: importlib.metadata.version(name) for name in _SOFTWARE
    }
    return Page(
        title=f"Tracking on an FPGA: {contract.name}",
        subtitle=f"{subject.title}, network {subject.network_sha256[:12]}, contract "
        f"{contract.name} {contract.sha256[:12]}; fpga-gnn {__version__}",
        tiles=tiles(subject, evaluations, reports, tables, found, display.tracks.builder),
        warnings=warnings(documents),
        sections=(
            pipeline(contract, display, reports),
            event_section(display),
            physics(subject, evaluations, display),
            quantization(subject, of_kind(documents, Sweep)),
            ladder(subject, reports, of_kind(documents, Reconstruction)),
            resources(subject, tables, reports, numbers),
            throughput(subject, found, of_kind(documents, Benchmark)),
            provenance(subject, documents, versions, command),
        ),
    )
