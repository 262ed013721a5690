"""``fpga-gnn demo``: the whole story on the shipped events."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fpga_gnn.cli.output import console, epoch_line, print_report, quality_line
from fpga_gnn.cli.progress import progress_bars
from fpga_gnn.contract import load_contract


def demo(
    out: Annotated[Path, typer.Option(help="Folder of results; an earlier demo goes on.")] = Path(
        "build/demo"
    ),
    edges: Annotated[int, typer.Option(min=1, help="Edges to compare on every rung.")] = 50_000,
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same model.")] = 1,
) -> None:
    """Run the whole story on the shipped events.

    Learns a module map, trains the 8-bit network, writes its firmware, verifies it, finds tracks.
    """
    from fpga_gnn.flows.demo import PICTURES, DemoProgress
    from fpga_gnn.flows.demo import demo as run_demo
    from fpga_gnn.hw.boards import load_board
    from fpga_gnn.training.config import TrainingConfig
    from fpga_gnn.training.pipeline import TrainingProgress

    config = TrainingConfig(seed=seed)
    total = config.float_epochs + config.qat_epochs
    out_line = console().print
    with progress_bars("module map", "graphs", "training", "cuts", "ladder") as bars:
        rows: list[dict[str, Any]] = []

        def trained(row: dict[str, Any]) -> None:
            rows.append(row)
            if len(rows) == total:
                out_line(epoch_line(row))

        progress = DemoProgress(
            module_map=bars[0],
            training=TrainingProgress(graphs=bars[1], steps=bars[2], epoch=trained, cuts=bars[3]),
            ladder=bars[4],
        )
        report = run_demo(
            load_contract("small"),
            config,
            load_board("u250"),
            out,
            min_edges=edges,
            progress=progress,
        )
    print_report(report)
    out_line("\npictures: " + ", ".join(str(out / name) for name in PICTURES))
    out_line(f"report: {out / 'report.json'}")
    out_line(f"held-out {quality_line(report.quality)}")
    for rung in report.rungs:
        out_line(
            f"{rung.kernel}: {rung.left} == {rung.right}: "
            f"{rung.compared} {rung.unit} compared, {rung.different} differ"
        )
