"""``fpga-gnn export``: events and models in other formats."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fpga_gnn.cli.groups import command_group
from fpga_gnn.cli.output import console
from fpga_gnn.cli.progress import progress_bar
from fpga_gnn.errors import InputError
from fpga_gnn.events.store import EventStore
from fpga_gnn.events.trackml import write_event

app = command_group("Write events or a model in other formats.")


@app.command()
def trackml(
    events: Annotated[Path, typer.Argument(help="Event store.")],
    out: Annotated[Path, typer.Option(help="Empty or new folder of the CSV files.")],
) -> None:
    """Write hits, truth and particles in the CSV format of the TrackML challenge."""
    store = EventStore.open(events)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(out, "other files", "an empty or new folder", "choose another --out")
    with progress_bar("exporting") as progress:
        for done, event in enumerate(store, start=1):
            write_event(out, event)
            progress(done, len(store))
    hits = sum(record.n_hits for record in store.records)
    particles = sum(record.n_particles for record in store.records)
    console().print(f"{out}: {len(store)} events, {hits} hits, {particles} particles")


@app.command()
def qonnx(
    out: Annotated[Path, typer.Option(help="ONNX file to write.")],
    model: Annotated[
        Path | None, typer.Option(help="Folder of a training run; default: the shipped model.")
    ] = None,
) -> None:
    """Write a student as a QONNX graph of one partition, bit-exact to PyTorch."""
    from fpga_gnn.flows.design import save_qonnx
    from fpga_gnn.training.run import default_run, load_run

    run = load_run(model or default_run())
    save_qonnx(run, out)
    shape = run.contract.partition
    console().print(f"{out}: {shape.max_nodes} nodes, {shape.max_edges} edges, {run.contract.name}")
