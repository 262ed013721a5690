"""``fpga-gnn partitions``: how events fill partitions, to choose their shape."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fpga_gnn.cli.backend_options import RunFolder
from fpga_gnn.cli.output import console
from fpga_gnn.cli.progress import progress_bar
from fpga_gnn.contract import PartitionShape
from fpga_gnn.errors import InputError
from fpga_gnn.events.store import EventStore


def partitions(
    events: Annotated[Path, typer.Option(help="Event store.")],
    out: Annotated[Path, typer.Option(help="Folder of partitions.json and the histogram.")],
    shape: Annotated[
        list[str] | None,
        typer.Option(help="NODESxEDGES, repeatable; default: the model's own and its halves."),
    ] = None,
    model: RunFolder = None,
    board: Annotated[str, typer.Option(help="Board of vivado_scripts/boards.")] = "u250",
    max_events: Annotated[
        int | None, typer.Option(min=1, help="Cut the first so many events.")
    ] = None,
) -> None:
    """Cut graphs into partitions of several shapes.

    Reports fill, losses, memory and cycles (estimates).
    """
    from fpga_gnn.flows.partition_study import STUDY, partition_study
    from fpga_gnn.hw.boards import load_board
    from fpga_gnn.report.partition_study import shape_lines
    from fpga_gnn.training.run import default_run, load_run

    target = load_board(board)
    run = load_run(model or default_run())
    own = run.contract.partition
    shapes = [_shape(text) for text in shape or []] or [
        PartitionShape(max_nodes=max(own.max_nodes // n, 2), max_edges=max(own.max_edges // n, 1))
        for n in (1, 2, 4)
    ]
    with progress_bar("cuts") as progress:
        study = partition_study(
            run,
            EventStore.open(events),
            shapes,
            target,
            out,
            max_events=max_events,
            progress=progress,
        )
    out_line = console().print
    out_line(f"{len(study.sample.event_ids)} events, halo of {study.hops} hops, {study.board}")
    for line in shape_lines(study.shapes):
        out_line(line)
    out_line(f"report: {out / STUDY}, pictures beside it; hardware figures are estimates")


def _shape(text: str) -> PartitionShape:
    nodes, _, edges = text.partition("x")
    if not (nodes.isdecimal() and edges.isdecimal() and int(nodes) > 1 and int(edges) > 0):
        raise InputError("--shape", repr(text), "NODESxEDGES, at least 2x1, such as 8192x16384")
    return PartitionShape(max_nodes=int(nodes), max_edges=int(edges))
