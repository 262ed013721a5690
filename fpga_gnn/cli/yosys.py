"""``fpga-gnn yosys``: what a run's RTL takes of a board, without a vendor's tool."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fpga_gnn.cli.backend_options import RunFolder
from fpga_gnn.cli.output import console, print_report


def yosys(
    board: Annotated[str, typer.Option(help="Board of vivado_scripts/boards.")] = "u250",
    model: RunFolder = None,
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("build/yosys"),
) -> None:
    """Synthesise the kernels' RTL with Yosys.

    Shows their share of a board.
    """
    from fpga_gnn.flows.design import REPORT
    from fpga_gnn.flows.rtl_synthesis import (
        RESOURCES,
        classifier_kernel,
        module_map_kernel,
        rtl_synthesis,
        track_kernels,
    )
    from fpga_gnn.hw.boards import load_board
    from fpga_gnn.report.resources import resource_lines
    from fpga_gnn.training.run import default_run, load_run

    target = load_board(board)
    run = load_run(model or default_run())
    network = run.student.integer_network()
    kernels = [
        classifier_kernel(network, run.contract, out / "rtl"),
        *track_kernels(run.contract),
        module_map_kernel(run.contract),
    ]
    report, table = rtl_synthesis(
        kernels,
        run.contract,
        target,
        out,
        lambda line: typer.echo(line, err=True),
        network.sha256,
    )
    print_report(report.model_copy(update={"hardware": []}))
    console().print()
    for line in resource_lines(table):
        console().print(line)
    console().print(f"\nreport: {out / REPORT}, table: {out / RESOURCES}")
