"""``fpga-gnn estimate``: what an edge classifier will take of a board, before any synthesis."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fpga_gnn.cli.backend_options import RunFolder
from fpga_gnn.cli.output import console
from fpga_gnn.errors import InputError


def estimate(
    board: Annotated[str, typer.Option(help="Board of vivado_scripts/boards.")] = "u250",
    model: RunFolder = None,
    config: Annotated[
        str | None,
        typer.Option(
            help="No model, but a quant config: a name or a YAML file; weights are drawn."
        ),
    ] = None,
    density: Annotated[
        float, typer.Option(min=0, max=1, help="With --config: share of nonzero weights.")
    ] = 0.1,
    out: Annotated[Path | None, typer.Option(help="Also write the table as JSON.")] = None,
    measure: Annotated[
        Path | None,
        typer.Option(
            help="Instead make the measurements behind estimates, with Yosys, into a file."
        ),
    ] = None,
) -> None:
    """Estimate resources and cycles of an edge classifier.

    The laws are fitted to Yosys's counts.
    """
    from fpga_gnn.flows.estimate import estimate as predict
    from fpga_gnn.hw.boards import load_board
    from fpga_gnn.report.document import write_document
    from fpga_gnn.report.resources import resource_lines
    from fpga_gnn.report.summary import hardware_lines

    if measure is not None:
        from fpga_gnn.flows.resource_fit import measure_fit

        write_document(measure_fit(lambda line: typer.echo(line, err=True)), measure)
        return
    target = load_board(board)
    if config is not None:
        if model is not None:
            raise InputError("--config and --model", "both", "one of them")
        from fpga_gnn.contract import load_contract
        from fpga_gnn.flows.drawn_network import drawn_network

        contract = load_contract(config)
        network = drawn_network(contract, density)
    else:
        from fpga_gnn.training.run import default_run, load_run

        run = load_run(model or default_run())
        contract, network = run.contract, run.student.integer_network()
    table, numbers = predict(network, contract, target)
    for line in (*resource_lines(table), "", *hardware_lines(numbers)):
        console().print(line)
    if out is not None:
        write_document(table, out)
