"""``fpga-gnn reconstruct``: hits to tracks, on the backend of choice."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fpga_gnn.cli.output import console
from fpga_gnn.cli.progress import progress_bar
from fpga_gnn.events.store import EventStore
from fpga_gnn.flows.backend_names import BackendName


def reconstruct(
    events: Annotated[Path, typer.Argument(help="Event store.")],
    out: Annotated[Path, typer.Option(help="Folder of the tracks and reconstruction.json.")],
    backend: Annotated[
        BackendName, typer.Option(help="What runs the three stages; all give the same tracks.")
    ] = "torch",
    builder: Annotated[
        str, typer.Option(help="Track builder; the kernels are cc, cc-jr and dwalk.")
    ] = "cc-jr",
    model: Annotated[
        Path | None, typer.Option(help="Folder of a training run; default: the shipped model.")
    ] = None,
    against: Annotated[
        BackendName | None, typer.Option(help="Hold every stage against this backend, exactly.")
    ] = None,
    xclbin: Annotated[
        Path | None, typer.Option(help="Binary that the backend board loads into the card.")
    ] = None,
    max_events: Annotated[
        int | None, typer.Option(min=1, help="Reconstruct the first so many events.")
    ] = None,
) -> None:
    """Find tracks: module map, edge classifier, track builder. Interrupted runs go on."""
    from fpga_gnn.flows.reconstruct import RECONSTRUCTION
    from fpga_gnn.flows.reconstruct import reconstruct as run_reconstruction
    from fpga_gnn.report.reconstruction import event_lines, total_lines
    from fpga_gnn.training.run import default_run

    store = EventStore.open(events)
    with progress_bar("events") as progress:
        report = run_reconstruction(
            model or default_run(),
            store,
            out,
            max_events=max_events,
            backend=backend,
            builder=builder,
            against=against,
            xclbin=xclbin,
            progress=progress,
        )
    out_line = console().print
    for line in (*event_lines(report.events), "", *total_lines(report)):
        out_line(line)
    out_line(f"tracks: {out}, report: {out / RECONSTRUCTION}")
