"""``fpga-gnn bless``: make a report's hardware figures the baseline of later ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fpga_gnn.cli.output import console


def bless(
    report: Annotated[Path, typer.Argument(help="report.json of fpga-gnn synth.")],
    folder: Annotated[
        Path | None, typer.Option(help="Folder of the baselines; default: the shipped one.")
    ] = None,
) -> None:
    """Make a report's hardware figures the baseline.

    Later reports are held against it.
    """
    from fpga_gnn.report.baseline import baseline_file, find_drift, load_baseline
    from fpga_gnn.report.baseline import bless as make_baseline
    from fpga_gnn.report.summary import drift_lines, load_report
    from fpga_gnn.resources import resource_dir

    found = load_report(report)
    path = baseline_file(found, folder or resource_dir("vivado_scripts") / "baselines")
    earlier = load_baseline(path)
    baseline = make_baseline(found, path)
    for line in drift_lines(find_drift(earlier, found.hardware) if earlier else []):
        console().print(line)
    console().print(f"{len(baseline.numbers)} figures: {path}")
