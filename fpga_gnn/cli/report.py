"""``fpga-gnn report``: everything about a run on one HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fpga_gnn.cli.output import console
from fpga_gnn.events.store import EventStore


def report(
    run: Annotated[
        Path | None, typer.Argument(help="Folder of a training run; default: the shipped model.")
    ] = None,
    reports: Annotated[
        list[Path] | None,
        typer.Option("--with", help="Report of another command, or a folder of such; repeatable."),
    ] = None,
    events: Annotated[
        Path | None, typer.Option(help="Event store; default: the shipped events.")
    ] = None,
    event: Annotated[
        int | None,
        typer.Option(min=0, help="Event to show; default: the first the model has not seen."),
    ] = None,
    builder: Annotated[str, typer.Option(help="Track builder of the event shown.")] = "cc-jr",
    board: Annotated[str, typer.Option(help="Board of vivado_scripts/boards.")] = "u250",
    out: Annotated[Path, typer.Option(help="The page.")] = Path("build/report.html"),
) -> None:
    """Write one HTML page of everything a model was put to.

    Shows pipeline, event display, physics, ladder, resources and throughput.
    """
    from fpga_gnn.events.sample import sample_store
    from fpga_gnn.flows.report import write_page
    from fpga_gnn.hw.boards import load_board
    from fpga_gnn.training.run import default_run

    target = load_board(board)
    store = EventStore.open(events) if events else sample_store()
    page, documents = write_page(
        run or default_run(), reports or [], store, event, builder, target, out
    )
    out_line = console().print
    for document in documents:
        out_line(f"{document.kind:<14}  {document.path}")
    for missing in page.missing:
        out_line(f"missing: {missing.what}; {missing.command}")
    out_line(f"page: {out}, {out.stat().st_size / 1e6:.1f} MB")
