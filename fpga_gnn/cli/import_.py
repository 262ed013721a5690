"""``fpga-gnn import``: turn events of other formats into an event store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fpga_gnn.cli.groups import command_group
from fpga_gnn.cli.output import console
from fpga_gnn.cli.progress import progress_bar
from fpga_gnn.events.trackml import import_directory

app = command_group("Turn events of other formats into an event store.")


@app.command()
def trackml(
    directory: Annotated[Path, typer.Argument(help="Folder with event*-hits.csv and so on.")],
    out: Annotated[Path, typer.Option(help="Folder of the event store.")],
    volume: Annotated[
        list[int] | None,
        typer.Option(help="Keep the hits of this volume_id only; repeatable; default: of all."),
    ] = None,
    truth: Annotated[
        bool, typer.Option(help="Read truth and particles; --no-truth: there are only hits.")
    ] = True,
) -> None:
    """Import events in the CSV format of the TrackML challenge."""
    with progress_bar("importing") as progress:
        store = import_directory(directory, out, progress, volumes=volume or (), with_truth=truth)
    hits = sum(record.n_hits for record in store.records)
    particles = sum(record.n_particles for record in store.records)
    console().print(f"{out}: {len(store)} events, {hits} hits, {particles} particles")
