"""Figures that reports of several flows have in common."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fpga_gnn.graphs.truth import EdgeLabels
from fpga_gnn.report.evaluation import GraphFigure, RateFigure, TimeFigure
from fpga_gnn.tracks.edge_metrics import summarize_graphs


def graph_figure(
    builder: str, labels: Sequence[EdgeLabels], seconds: Sequence[float]
) -> GraphFigure:
    """Return the quality of the graphs of ``builder``, of labels and a time per event."""
    summary = summarize_graphs(labels)
    return GraphFigure(
        builder=builder,
        edges_per_event=summary.edges_per_event,
        efficiency=RateFigure.model_validate(summary.efficiency),
        purity=RateFigure.model_validate(summary.purity),
        time=TimeFigure.of(seconds),
    )


def column(values: Sequence[float | None]) -> NDArray[np.float64]:
    """Return a report's numbers [C] float64 to draw, NaN for None."""
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
