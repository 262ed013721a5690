"""How commands print what they found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from fpga_gnn.report.summary import (
    FlowReport,
    drift_lines,
    hardware_lines,
    rung_lines,
    step_lines,
)


def console() -> Console:
    """Return a console for plain result lines on standard output."""
    return Console(highlight=False, soft_wrap=True, markup=False)


def epoch_line(row: dict[str, Any]) -> str:
    """Return one training epoch as text."""
    return (
        f"{row['phase']:>5} epoch {row['epoch'] + 1:3d}  loss {row['loss']:.4f}  "
        f"validation AUC {row['auc']:.5f}  efficiency {row['efficiency']:.3f}  "
        f"purity {row['purity']:.3f}"
    )


def working_point_lines(points: Mapping[str, Any]) -> list[str]:
    """Return what each track builder finds on validation events, and with which cuts."""
    return [
        f"{name:<17} validation efficiency {point.efficiency:.4f}  fakes {point.fake_rate:.4f}  "
        f"({', '.join(f'{key} {value:g}' for key, value in point.settings.items())})"
        for name, point in points.items()
    ]


def quality_line(quality: dict[str, Any]) -> str:
    """Return edge and track quality as text."""
    return (
        f"events {quality['events']}, edges {quality['edges']}, "
        f"edge efficiency {_figure(quality['edge_efficiency'])}, "
        f"edge purity {_figure(quality['edge_purity'])}, AUC {_figure(quality['edge_auc'])}, "
        f"track efficiency {_figure(quality['track_efficiency'])}, "
        f"fake rate {_figure(quality['fake_rate'])}"
    )


def print_report(report: FlowReport) -> None:
    """Print steps, hardware figures, their drift and the rungs of ``report``."""
    out = console()
    for title, lines in (
        ("steps", step_lines(report.steps)),
        ("hardware", hardware_lines(report.hardware)),
        ("drift from the baseline", drift_lines(report.drift)),
        ("verification ladder", rung_lines(report.rungs)),
    ):
        if lines:
            out.print(f"\n{title}")
            for line in lines:
                out.print(f"  {line}")


def _figure(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.3f}"
