"""``fpga-gnn export``: events and models in other formats."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fpga_gnn.cli.backend_options import Backend, Builder, RunFolder, Xclbin
from fpga_gnn.cli.groups import command_group
from fpga_gnn.cli.output import console
from fpga_gnn.cli.progress import progress_bar
from fpga_gnn.cli.settings import checked
from fpga_gnn.errors import InputError
from fpga_gnn.events.sample import map_store
from fpga_gnn.events.store import EventStore
from fpga_gnn.events.trackml import write_event

app = command_group("Write events or a model in other formats.")


@app.command()
def trackml(
    out: Annotated[Path, typer.Option(help="Empty or new folder of the CSV files.")],
    events: Annotated[
        Path | None,
        typer.Argument(help="Event store; default: shipped ones, pile-up 200, pT > 0.9 GeV."),
    ] = None,
) -> None:
    """Write events in the CSV format of the TrackML challenge."""
    store = EventStore.open(events) if events else map_store()
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
    model: RunFolder = None,
) -> None:
    """Write a student as a QONNX graph, bit-exact to PyTorch.

    The graph is of one partition.
    """
    from fpga_gnn.flows.design import save_qonnx
    from fpga_gnn.training.run import default_run, load_run

    run = load_run(model or default_run())
    save_qonnx(run, out)
    shape = run.contract.partition
    console().print(f"{out}: {shape.max_nodes} nodes, {shape.max_edges} edges, {run.contract.name}")


@app.command()
def triton(
    out: Annotated[Path, typer.Option(help="Model repository; may have other models.")],
    name: Annotated[str, typer.Option(help="Name of the model.")] = "fpga-gnn",
    backend: Backend = "torch",
    builder: Builder = "cc-jr",
    model: RunFolder = None,
    xclbin: Xclbin = None,
    instances: Annotated[int, typer.Option(help="Processes that work; 1 with a card.")] = 1,
    max_hits: Annotated[int, typer.Option(help="Hits of a request.")] = 1_000_000,
    max_events_per_request: Annotated[int, typer.Option(help="Events of a request.")] = 64,
    queue: Annotated[int, typer.Option(help="Requests that wait; more are refused.")] = 64,
    timeout: Annotated[
        float, typer.Option(help="Seconds that a request waits, then it is refused.")
    ] = 60.0,
) -> None:
    """Write a model for NVIDIA's Triton server: hits in, tracks out.

    See docs/triton.md.
    """
    from fpga_gnn.serve.triton_repository import TritonConfig, write_repository

    reconstructor = {"model": model, "backend": backend, "builder": builder, "xclbin": xclbin}
    options = {
        "reconstructor": {key: value for key, value in reconstructor.items() if value is not None},
        "name": name,
        "instances": instances,
        "limits": {"max_hits": max_hits, "max_events": max_events_per_request},
        "queue": queue,
        "timeout_s": timeout,
    }
    folder = write_repository(checked(TritonConfig, options, "export triton"), out)
    console().print(f"{folder}: {instances} x {backend}, {builder}")
    console().print(f"next: tritonserver --model-repository={out} --disable-auto-complete-config")
