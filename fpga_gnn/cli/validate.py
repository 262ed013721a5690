"""``fpga-gnn validate``: hold every implementation against the next, bit for bit."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from fpga_gnn.cli.backend_options import RunFolder
from fpga_gnn.cli.output import console, print_report, quality_line
from fpga_gnn.cli.progress import progress_bar
from fpga_gnn.events.store import EventStore


def validate(
    model: RunFolder = None,
    events: Annotated[
        Path | None, typer.Option(help="Event store; default: the shipped events.")
    ] = None,
    edges: Annotated[
        int, typer.Option(min=1, help="Stop after the event in which this many are compared.")
    ] = 50_000,
    board: Annotated[str, typer.Option(help="Board of vivado_scripts/boards.")] = "u250",
    out: Annotated[
        Path | None, typer.Option(help="Keep the design and report.json in this folder.")
    ] = None,
) -> None:
    """Climb the verification ladder; all rungs must be equal.

    The rungs are student, QONNX, lowered QONNX, reference and C simulation.
    """
    from fpga_gnn.events.sample import sample_store
    from fpga_gnn.flows.validate import validate_run
    from fpga_gnn.hw.boards import load_board
    from fpga_gnn.training.run import default_run, load_run

    target = load_board(board)
    run = load_run(model or default_run())
    store = EventStore.open(events) if events else sample_store()
    with ExitStack() as stack:
        folder = out or Path(stack.enter_context(TemporaryDirectory())) / "design"
        progress = stack.enter_context(progress_bar("edges"))
        report = validate_run(
            run,
            target,
            folder,
            store,
            min_edges=edges,
            progress=lambda done: progress(min(done, edges), edges),
        )
    print_report(report)
    compared = min(rung.compared for rung in report.rungs if rung.unit == "edges")
    out_line = console().print
    if report.quality:
        out_line(f"\nheld-out {quality_line(report.quality)}")
    out_line(f"edges compared on every rung: {compared}, different: {report.n_different}")
    if compared < edges:
        out_line(f"warning: the events hold fewer than the {edges} edges asked for")
