"""``fpga-gnn reconstruct``: hits to tracks, on the backend of choice."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fpga_gnn.cli.backend_options import Backend, Builder, RunFolder, Xclbin
from fpga_gnn.cli.output import console
from fpga_gnn.cli.progress import progress_bar
from fpga_gnn.cli.workers import Dask, NWorkers, chosen_workers
from fpga_gnn.events.store import EventStore
from fpga_gnn.flows.backend_names import BackendName


def reconstruct(
    events: Annotated[list[Path], typer.Argument(help="Event stores.")],
    out: Annotated[
        Path,
        typer.Option(
            help="Folder of the tracks and reconstruction.json; of several stores, each in a "
            "folder of its name there."
        ),
    ],
    backend: Backend = "torch",
    builder: Builder = "cc-jr",
    model: RunFolder = None,
    against: Annotated[
        BackendName | None, typer.Option(help="Hold every stage against this backend, exactly.")
    ] = None,
    xclbin: Xclbin = None,
    max_events: Annotated[
        int | None, typer.Option(min=1, help="Reconstruct the first so many events of a store.")
    ] = None,
    workers: NWorkers = None,
    dask: Dask = None,
) -> None:
    """Find tracks, on any backend.

    Runs module map, edge classifier and track builder. Interrupted runs go on. Without --workers or
    --dask this process does it.
    """
    from fpga_gnn.flows.reconstruct import RECONSTRUCTION
    from fpga_gnn.flows.reconstruct import reconstruct as run_reconstruction
    from fpga_gnn.report.reconstruction import event_lines, total_lines
    from fpga_gnn.training.run import default_run

    stores = [EventStore.open(folder) for folder in events]
    with progress_bar("events") as progress:
        reports = run_reconstruction(
            model or default_run(),
            stores,
            out,
            max_events=max_events,
            backend=backend,
            builder=builder,
            against=against,
            xclbin=xclbin,
            workers=chosen_workers(workers, dask, default=1),
            progress=progress,
        )
    out_line = console().print
    for folder, report in reports.items():
        for line in (*event_lines(report.events), "", *total_lines(report)):
            out_line(line)
        out_line(f"tracks: {folder}, report: {folder / RECONSTRUCTION}")
