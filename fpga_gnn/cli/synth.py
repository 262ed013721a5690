"""``fpga-gnn synth``: from a trained run to firmware."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fpga_gnn.cli.output import console, print_report
from fpga_gnn.cli.progress import progress_bar
from fpga_gnn.events.store import EventStore


def synth(
    board: Annotated[str, typer.Option(help="Board of vivado_scripts/boards.")] = "u250",
    model: Annotated[
        Path | None, typer.Option(help="Folder of a training run; default: the shipped model.")
    ] = None,
    events: Annotated[
        Path | None, typer.Option(help="Event store to simulate; default: the shipped events.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the design.")] = Path("build/design"),
    edges: Annotated[int, typer.Option(min=1, help="Edges to compare in C simulation.")] = 10_000,
    require_vitis: Annotated[bool, typer.Option(help="Fail when Vitis is not there.")] = False,
) -> None:
    """Export the model, write the HLS design for a board, simulate it and synthesise it."""
    from fpga_gnn.events.sample import sample_store
    from fpga_gnn.flows.design import REPORT
    from fpga_gnn.flows.synth import synth as synthesise
    from fpga_gnn.hw.boards import load_board
    from fpga_gnn.training.run import default_run, load_run

    target = load_board(board)
    run = load_run(model or default_run())
    store = EventStore.open(events) if events else sample_store()
    with progress_bar("csim edges") as progress:
        report = synthesise(
            run,
            target,
            out,
            store,
            min_edges=edges,
            require_vitis=require_vitis,
            progress=lambda done: progress(min(done, edges), edges),
        )
    print_report(report)
    console().print(f"\nreport: {out / REPORT}")
