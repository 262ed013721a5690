"""The page's plots as plotly figures; the page draws them in the browser."""

from __future__ import annotations

import html
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.offline import get_plotlyjs

from fpga_gnn.report.evaluation import BinnedFigure, CurveFigure
from fpga_gnn.report.page.blocks import Plot, Table

CKF = "CKF"
"""Name of the reference that is drawn as black squares."""

_FAKE, _TARGET, _OTHER = "#d55e00", "#0b5cad", "#7a8794"
_COLOURS = ("#0b5cad", "#d55e00", "#009e73", "#8e4a9e", "#b8860b", "#3aa6b9", "#7f7f7f")
"""Told apart by colour-blind eyes (after Okabe and Ito)."""
_SYMBOLS = ("circle", "diamond", "triangle-up", "cross", "x", "star", "hexagon")
_BLACK, _GREY = "#1a1a1a", "#9aa3ad"
_BESIDE = (0.0, -0.12, 0.12, -0.24, 0.24)
"""Where the points of one bin stand, in shares of its width."""
_HEIGHT = 390
_FONT = {"family": "system-ui, 'Segoe UI', Helvetica, Arial, sans-serif", "size": 13}


@dataclass(frozen=True)
class Curve:
    """A rate in bins; a curve that is not ``shown`` waits in the legend."""

    name: str
    binned: BinnedFigure
    shown: bool = True


@dataclass(frozen=True)
class Candidate:
    """A point of a Pareto plot with what is told about it."""

    name: str
    luts: float
    efficiency: float
    low: float
    high: float
    on_front: bool


def library() -> str:
    """Return the JavaScript that draws the figures."""
    return str(get_plotlyjs())


def efficiency(name: str, caption: str, axis: str, curves: Sequence[Curve]) -> Plot:
    """Draw rates [%] against ``axis`` in bins, with their intervals; points of one bin stand side
    by side. Bins of pT, which is never negative, are drawn on a logarithmic axis."""
    figure = _figure(axis, "track efficiency [%]")
    figure.update_layout(height=_HEIGHT + 10 * len(curves))
    logarithmic = all(edge and edge > 0 for curve in curves for edge in curve.binned.edges)
    for i, curve in enumerate(curves):
        binned, reference = curve.binned, curve.name == CKF
        edges = _column(binned.edges)
        scale, back = (np.log, np.exp) if logarithmic else (np.positive, np.positive)
        share = 0.5 + _BESIDE[i % len(_BESIDE)]
        centre = back(scale(edges[:-1]) + share * np.diff(scale(edges)))
        value, low, high = (100 * _column(row) for row in (binned.value, *binned.interval))
        figure.add_scatter(
            x=_list(centre),
            y=_list(value),
            error_y={
                "array": _list(high - value),
                "arrayminus": _list(value - low),
                "thickness": 1.4,
                "width": 3,
            },
            mode="markers",
            marker={
                "color": _BLACK if reference else _COLOURS[i % len(_COLOURS)],
                "symbol": "square" if reference else _SYMBOLS[i % len(_SYMBOLS)],
                "size": 8,
            },
            name=_safe(curve.name),
            visible=True if curve.shown else "legendonly",
            text=[
                f"{low:g} to {high:g}: {found} of {total}"
                for low, high, found, total in zip(
                    edges[:-1], edges[1:], binned.passed, binned.total, strict=True
                )
            ],
            hovertemplate="%{text}<br>%{y:.2f} %<extra>%{fullData.name}</extra>",
        )
    if logarithmic:
        ticks = [1, 2, 5, 10, 20]
        figure.update_xaxes(type="log", tickvals=ticks, ticktext=[f"{tick}" for tick in ticks])
    return _plot(name, caption, figure, _binned_table(caption, axis, curves))


def edge_rates(name: str, curves: Mapping[str, CurveFigure], cut: float) -> Plot:
    """Draw efficiency and masked purity [%] of edges against the cut on the logit."""
    figure = _figure("cut on the edge score (logit)", "edges [%]")
    for i, (who, curve) in enumerate(curves.items()):
        for what, values, dash in (
            ("efficiency", curve.efficiency, "solid"),
            ("purity", curve.purity, "dash"),
        ):
            figure.add_scatter(
                x=_list(_column(curve.cuts)),
                y=_list(100 * _column(values)),
                mode="lines",
                line={"color": _COLOURS[i % len(_COLOURS)], "dash": dash},
                name=_safe(f"{who}, {what}"),
                hovertemplate="cut %{x:.2f}: %{y:.2f} %<extra>%{fullData.name}</extra>",
            )
    figure.add_vline(x=cut, line={"color": _GREY, "dash": "dot"}, annotation_text="p = 0.5")
    return _plot(name, "Edge efficiency and masked purity against the cut", figure)


def score_histogram(name: str, logits: Mapping[str, NDArray[np.float64]], cut: float) -> Plot:
    """Draw how many edges of each class have which score."""
    figure = _figure("edge score (logit)", "edges per bin")
    values = np.concatenate([*logits.values(), [cut]])
    bins = np.linspace(values.min(), values.max() + 1e-9, 61)
    colours = {"fake": _FAKE, "target": _TARGET}
    for who, values in logits.items():
        counts, _ = np.histogram(values, bins)
        figure.add_scatter(
            x=_list((bins[:-1] + bins[1:]) / 2),
            y=[count or None for count in counts.tolist()],
            mode="lines",
            line={"shape": "hvh", "color": colours.get(who, _OTHER), "width": 2},
            name=f"{_safe(who)} ({values.size:,})",
            hovertemplate="logit %{x:.2f}: %{y:,}<extra>%{fullData.name}</extra>",
        )
    figure.update_yaxes(type="log", dtick=1)
    figure.add_vline(x=cut, line={"color": _BLACK, "dash": "dash"}, annotation_text="cut")
    return _plot(name, "Scores of the edges of the event shown above", figure)


def pareto(name: str, caption: str, candidates: Sequence[Candidate]) -> Plot:
    """Draw track efficiency [%] against LUTs, a line through the points that none dominates."""
    figure = _figure("LUTs of all MLPs of one classifier (estimate, da4ml)", "track efficiency [%]")
    front = sorted((c for c in candidates if c.on_front), key=lambda c: c.luts)
    others = [c for c in candidates if not c.on_front]
    for points, who, colour in (
        (others, "dominated", _GREY),
        (front, "Pareto front", _COLOURS[0]),
    ):
        figure.add_scatter(
            x=[c.luts for c in points],
            y=[100 * c.efficiency for c in points],
            error_y={
                "array": [100 * (c.high - c.efficiency) for c in points],
                "arrayminus": [100 * (c.efficiency - c.low) for c in points],
                "thickness": 1.4,
                "width": 3,
            },
            mode="lines+markers+text" if who == "Pareto front" else "markers+text",
            line={"color": colour, "shape": "hv", "width": 1.2},
            marker={"color": colour, "size": 9},
            text=[_safe(c.name) for c in points],
            textposition="bottom right",
            textfont={"size": 11, "color": colour if who == "Pareto front" else "#5c6670"},
            name=who,
            hovertemplate="%{text}<br>%{x:,.0f} LUT, %{y:.2f} %<extra></extra>",
        )
    figure.update_xaxes(type="log", dtick="D1", tickformat=",.0f")
    return _plot(name, caption, figure, wide=True)


def shares(
    name: str, caption: str, rows: Sequence[str], parts: Mapping[str, Sequence[float]], slrs: int
) -> Plot:
    """Draw of each kind of resource (``rows``) how many SLRs each of ``parts`` fills, stacked, and
    what the board has: ``slrs``."""
    figure = _figure("SLRs filled", "")
    for (part, filled), colour in zip(parts.items(), _cycle(_COLOURS), strict=False):
        figure.add_bar(
            y=list(rows),
            x=list(filled),
            orientation="h",
            marker={"color": colour},
            name=_safe(part),
            hovertemplate="%{y}: %{x:.2f} SLRs<extra>%{fullData.name}</extra>",
        )
    figure.update_layout(barmode="stack", bargap=0.35)
    total = max((sum(column) for column in zip(*parts.values(), strict=True)), default=0.0)
    figure.update_xaxes(range=[0, 1.05 * max(slrs, total)], dtick=1)
    figure.update_yaxes(autorange="reversed")
    figure.add_vline(
        x=slrs,
        line={"color": "#b00020", "width": 2},
        annotation_text=f"all {slrs} SLRs",
        annotation_position="top left",
    )
    return _plot(name, caption, figure, wide=True)


def times(name: str, caption: str, bars: Mapping[str, Mapping[str, float]]) -> Plot:
    """Draw milliseconds per event of the stages, a group of bars for each way to run them."""
    figure = _figure("ms per event", "")
    for (who, stages), colour in zip(bars.items(), _cycle(_COLOURS), strict=False):
        figure.add_bar(
            y=[_safe(stage) for stage in stages],
            x=list(stages.values()),
            orientation="h",
            marker={"color": colour},
            name=_safe(who),
            text=[f"{value:,.0f}" if value >= 100 else f"{value:.3g}" for value in stages.values()],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:,.3f} ms<extra>%{fullData.name}</extra>",
        )
    figure.update_layout(barmode="group", bargap=0.3, margin={"r": 60})
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(type="log", dtick=1)
    return _plot(name, caption, figure, wide=True)


def _figure(x: str, y: str) -> Any:
    figure = go.Figure()
    axis = {
        "showline": True,
        "linecolor": "#47525d",
        "ticks": "outside",
        "gridcolor": "#e6eaee",
        "zeroline": False,
        "automargin": True,
        "tickfont": {"size": 12},
    }
    figure.update_layout(
        template="none",
        height=_HEIGHT,
        font=_FONT,
        margin={"l": 60, "r": 20, "t": 26, "b": 20},
        legend={"orientation": "h", "y": -0.2, "yanchor": "top", "x": 0, "traceorder": "normal"},
        hoverlabel={"font": _FONT},
        paper_bgcolor="white",
        plot_bgcolor="white",
        xaxis={**axis, "title": {"text": x, "font": _FONT, "standoff": 8}},
        yaxis={**axis, "title": {"text": y, "font": _FONT, "standoff": 10}},
    )
    return figure


def _plot(
    name: str, caption: str, figure: Any, table: Table | None = None, *, wide: bool = False
) -> Plot:
    return Plot(name, caption, json.loads(figure.to_json()), table, wide)


def _binned_table(caption: str, axis: str, curves: Sequence[Curve]) -> Table:
    rows = [
        (curve.name, f"{low:g} to {high:g}", f"{found}", f"{total}", _percent(value))
        for curve in curves
        for low, high, found, total, value in zip(
            curve.binned.edges[:-1],
            curve.binned.edges[1:],
            curve.binned.passed,
            curve.binned.total,
            curve.binned.value,
            strict=True,
        )
    ]
    return Table(caption, ("builder", axis, "found", "targets", "%"), rows)


def _percent(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.2f}"


def _column(values: Iterable[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _list(values: NDArray[np.float64]) -> list[float | None]:
    return [float(f"{value:.6g}") if math.isfinite(value) else None for value in values.tolist()]


def _cycle(colours: Sequence[str]) -> Iterable[str]:
    while True:
        yield from colours


def _safe(text: str) -> str:
    """Return ``text`` for a figure, where plotly reads a few HTML tags."""
    return html.escape(text, quote=False)
