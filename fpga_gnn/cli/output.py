"""How commands print what they found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console

from fpga_gnn.errors import printable
from fpga_gnn.report.summary import (
    FlowReport,
    drift_lines,
    hardware_lines,
    rung_lines,
    step_lines,
)
from fpga_gnn.training import torchrun

if TYPE_CHECKING:
    from fpga_gnn.training.pipeline import TrainingEvents


_MUCH_CLIPPED = 0.05
"""The shipped design clips up to 2 % of a feature."""


class _PlainConsole(Console):
    """Prints text, in which a name from a file cannot command the terminal."""

    def print(self, text: object = "") -> None:
        super().print("\n".join(map(printable, str(text).split("\n"))))


def console() -> Console:
    """Return a console for plain result lines on standard output; of all ranks, rank 0 prints."""
    return _PlainConsole(highlight=False, soft_wrap=True, markup=False, quiet=torchrun.rank() > 0)


def events_line(data: TrainingEvents) -> str:
    """Return how many events a training learns from, chooses on and reports on, and which hits."""
    learned = sum(len(view) for view in data.train)
    reported = f", {len(data.test)} held out" if data.test else ""
    return (
        f"events: {learned} to learn from, {len(data.validation)} for the cuts{reported}; "
        f"{data.validation.detector} hits"
    )


def epoch_line(row: dict[str, Any]) -> str:
    """Return one training epoch as text."""
    return (
        f"{row['phase']:>5} epoch {row['epoch'] + 1:3d}  loss {row['loss']:.4f}  "
        f"validation AUC {row['auc']:.5f}  efficiency {row['efficiency']:.3f}  "
        f"purity {row['purity']:.3f}"
    )


def clipped_lines(clipped: Mapping[str, float]) -> list[str]:
    """Return a warning if the contract's format clips a large share of a feature's values."""
    names = ", ".join(
        f"{name} {100 * share:.0f} %" for name, share in clipped.items() if share > _MUCH_CLIPPED
    )
    return [f"warning: clipped features: {names}; see docs/trackml.md"] if names else []


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
