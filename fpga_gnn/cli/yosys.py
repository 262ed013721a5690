"""``fpga-gnn yosys``: what a run's RTL takes of a board, without a vendor's tool."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fpga_gnn.cli.output import console, print_report


def yosys(
    board: Annotated[str, typer.Option(help="Board of vivado_scripts/boards.")] = "u250",
    model: Annotated[
        Path | None, typer.Option(help="Folder of a training run; default: the shipped model.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("build/yosys"),
) -> None:
    """Synthesise the RTL of a run's kernels with Yosys and show their share of a board."""
    from fpga_gnn.flows.design import REPORT
    from fpga_gnn.flows.rtl_synthesis import (
        RESOURCES,
        classifier_parts,
        kernel_parts,
        rtl_synthesis,
    )
    from fpga_gnn.hw.boards import load_board
    from fpga_gnn.report.resources import resource_lines
    from fpga_gnn.training.run import default_run, load_run

    target = load_board(board)
    run = load_run(model or default_run())
    classifier = classifier_parts(run.student.integer_network(), run.contract, out / "rtl")
    parts = [*classifier, *kernel_parts(run.contract)]
    report, table = rtl_synthesis(
        parts, run.contract, target, out, lambda line: typer.echo(line, err=True)
    )
    print_report(report.model_copy(update={"hardware": []}))
    console().print()
    for line in resource_lines(table):
        console().print(line)
    console().print(f"\nreport: {out / REPORT}, table: {out / RESOURCES}")
