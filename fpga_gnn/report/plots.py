"""The pictures of a report, drawn without a display."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter
from numpy.typing import NDArray

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.files import write_whole

TRACK_EFFICIENCY = "track efficiency (ATLAS matching)"
CKF = "ckf"
"""Name of the reference that is drawn as black squares."""

_GREY, _BLUE, _ORANGE, _GREEN = "#b8bcc4", "#1f5fa8", "#d9722b", "#2f8f5b"
_COLOURS = (_BLUE, _ORANGE, _GREEN, "#8e4a9e", "#c2304a", "#3aa6b9")
_MARKERS = "ov^DPX"
_RESIDUALS = {
    "d0": ("$d_0$", "µm", 1e3),
    "z0": ("$z_0$", "µm", 1e3),
    "phi": ("$\\phi$", "mrad", 1e3),
    "theta": ("$\\theta$", "mrad", 1e3),
    "q_over_pt": ("$q/p_T$", "1/TeV", 1e3),
}
"""Symbol, unit and units per mm, rad or 1/GeV of each perigee parameter."""
_MAX_COLOURS = 20
_PANEL_DPI = 95


@dataclass(frozen=True, eq=False)
class BinnedCurve:
    """A rate in bins between ``edges`` [B + 1]: ``value``, ``low``, ``high`` [B], NaN if empty."""

    name: str
    edges: NDArray[np.float64]
    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RateCurve:
    """Efficiency and purity [C] along some setting."""

    name: str
    efficiency: NDArray[np.float64]
    purity: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class GraphCurve:
    """Target-edge efficiency, masked purity, edges and ms per event [C] along some setting."""

    name: str
    efficiency: NDArray[np.float64]
    purity: NDArray[np.float64]
    edges: NDArray[np.float64]
    milliseconds: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ServerCurve:
    """A server's events per second, and its latency in ms (median, 99 %), by ``clients`` [C]."""

    name: str
    clients: NDArray[np.int64]
    throughput: NDArray[np.float64]
    median_ms: NDArray[np.float64]
    slow_ms: NDArray[np.float64]


@dataclass(frozen=True)
class ParetoPoint:
    """A candidate of ``luts`` > 0 and an efficiency between ``low`` and ``high``; ``on_front`` if
    none is better in both."""

    name: str
    luts: float
    efficiency: float
    low: float
    high: float
    on_front: bool


def event_display(
    path: Path,
    x: NDArray[Any],
    y: NDArray[Any],
    z: NDArray[Any],
    src: Int64,
    dst: Int64,
    passing: NDArray[np.bool_],
    track: Int64,
    title: str,
) -> None:
    """Draw one event twice, transverse (x, y) and longitudinal (z, r), in mm.

    ``x y z`` [N] node positions, edges ``src``, ``dst`` [E] with those ``passing`` the score cut,
    ``track`` [N] track number of each node or -1.
    """
    figure = Figure(figsize=(14, 6.5), layout="constrained")
    figure.suptitle(title)
    radius = np.hypot(x, y)
    for column, (a, b, labels) in enumerate(
        ((x, y, ("x [mm]", "y [mm]")), (z, radius, ("z [mm]", "r [mm]")))
    ):
        axes = figure.add_subplot(1, 2, column + 1)
        axes.scatter(a, b, s=1.5, color=_GREY, label="hits", rasterized=True)
        for mask, colour, width, name in (
            (~passing, _GREY, 0.3, "edges below the cut"),
            (passing, _BLUE, 0.5, "edges above the cut"),
        ):
            ends = [
                np.stack([v[src[mask]], v[dst[mask]], np.full(mask.sum(), np.nan)], 1)
                for v in (a, b)
            ]
            axes.plot(
                ends[0].ravel(), ends[1].ravel(), color=colour, lw=width, label=name, alpha=0.7
            )
        on_track = track >= 0
        axes.scatter(
            a[on_track],
            b[on_track],
            s=5,
            c=track[on_track] % _MAX_COLOURS,
            cmap="tab20",
            label="hits on tracks",
            rasterized=True,
        )
        axes.set_xlabel(labels[0])
        axes.set_ylabel(labels[1])
        if column == 0:
            axes.set_aspect("equal")
            axes.legend(loc="upper right", fontsize=8)
    _save(figure, path)


def score_histogram(
    path: Path,
    score: NDArray[np.float64],
    target: NDArray[np.bool_],
    fake: NDArray[np.bool_],
    cut: float,
) -> None:
    """Draw the edge scores (logits) [E] of ``target`` and ``fake`` edges, with the cut."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    bins = np.linspace(score.min(initial=cut), score.max(initial=cut), 60).tolist()
    axes.hist(score[fake], bins=bins, color=_ORANGE, alpha=0.7, label=f"fake ({fake.sum()})")
    axes.hist(score[target], bins=bins, color=_BLUE, alpha=0.7, label=f"target ({target.sum()})")
    axes.axvline(cut, color="black", ls="--", lw=1, label=f"cut {cut:g}")
    if (target | fake).any():
        axes.set_yscale("log")
    axes.set_xlabel("edge score (logit)")
    axes.set_ylabel("edges")
    axes.legend()
    _save(figure, path)


def efficiency_vs_pt(
    path: Path, curves: Sequence[BinnedCurve], title: str, rate: str = TRACK_EFFICIENCY
) -> None:
    """Draw efficiencies against the particle's pT in GeV (edges > 0), the axis logarithmic.

    Bars are the curves' intervals; the last bin is that of everything above its lower edge.
    ``rate`` names what is drawn.
    """
    figure, axes = _efficiencies(curves, title, rate, logarithmic=True)
    above = f" (last bin: all above {curves[0].edges[-2]:g})" if curves else ""
    axes.set_xlabel(f"particle $p_T$ [GeV]{above}")
    _save(figure, path)


def efficiency_vs_eta(
    path: Path, curves: Sequence[BinnedCurve], title: str, rate: str = TRACK_EFFICIENCY
) -> None:
    """Draw efficiencies against the particle's pseudorapidity, as ``efficiency_vs_pt``."""
    figure, axes = _efficiencies(curves, title, rate, logarithmic=False)
    axes.set_xlabel("particle $\\eta$")
    _save(figure, path)


def rates_vs_cut(
    path: Path,
    cuts: NDArray[np.float64],
    efficiency: NDArray[np.float64],
    purity: NDArray[np.float64],
    cut: float,
) -> None:
    """Draw edge efficiency and masked purity [C] against the score ``cuts``, and the ``cut``."""
    figure, axes = _one_picture()
    axes.plot(cuts, efficiency, color=_BLUE, label="edge efficiency")
    axes.plot(cuts, purity, color=_ORANGE, ls="--", label="edge purity (masked)")
    axes.axvline(cut, color="black", ls=":", lw=1, label=f"cut {cut:g}")
    axes.set_ylim(0, 1.03)
    axes.set_xlabel("edge score cut")
    axes.set_ylabel("rate")
    axes.legend()
    _save(figure, path)


def purity_vs_efficiency(path: Path, curves: Sequence[RateCurve]) -> None:
    """Draw masked edge purity against edge efficiency, one line per classifier."""
    figure, axes = _one_picture()
    for curve, colour in zip(curves, _cycle(_COLOURS, len(curves)), strict=True):
        axes.plot(curve.efficiency, curve.purity, color=colour, label=curve.name)
    axes.set_xlim(0.8, 1.003)
    axes.set_ylim(0, 1.03)
    axes.set_xlabel("edge efficiency")
    axes.set_ylabel("edge purity (masked)")
    if curves:
        axes.legend(loc="lower left")
    _save(figure, path)


def graph_growth(path: Path, n_events: NDArray[np.int64], curves: Sequence[GraphCurve]) -> None:
    """Draw graphs against the events [C] that their module map was learned from, one line per
    kind of graph."""
    figure, lower = _graph_panels(n_events.astype(np.float64), curves)
    for axes in lower:
        if n_events.size:
            axes.set_xscale("log")
            axes.set_xticks(n_events.tolist(), [f"{n:g}" for n in n_events])
            axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("events that the module map was learned from")
    _save(figure, path, _PANEL_DPI)


def graph_windows(path: Path, widening: NDArray[np.float64], curves: Sequence[GraphCurve]) -> None:
    """Draw graphs against the ``widening`` [C] of their module map's windows, a share of their
    width, one line per kind of graph."""
    figure, lower = _graph_panels(widening, curves)
    for axes in lower:
        axes.set_xlabel("windows widened on both sides by this share")
    _save(figure, path, _PANEL_DPI)


def pareto(path: Path, points: Sequence[ParetoPoint], title: str) -> None:
    """Draw track efficiency against LUTs (logarithmic), a line through the points on the front."""
    figure, axes = _one_picture()
    for points_of, colour, label in (
        ([p for p in points if not p.on_front], _GREY, "dominated"),
        (sorted((p for p in points if p.on_front), key=lambda p: p.luts), _BLUE, "Pareto front"),
    ):
        if not points_of:
            continue
        x, y = [p.luts for p in points_of], np.array([p.efficiency for p in points_of])
        errors = [y - [p.low for p in points_of], [p.high for p in points_of] - y]
        line = "o-" if colour == _BLUE else "o"
        axes.errorbar(x, y, yerr=errors, fmt=line, color=colour, ms=5, lw=1.2, label=label)
    for point in points:
        axes.annotate(
            point.name,
            (point.luts, point.efficiency),
            xytext=(5, -9),
            textcoords="offset points",
            fontsize=7,
        )
    if points:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.9g}"))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.margins(x=0.15)
        axes.legend(loc="lower right", fontsize=8)
    axes.set_xlabel("LUTs of the MLPs (da4ml estimate)")
    axes.set_ylabel(TRACK_EFFICIENCY)
    axes.set_title(title, fontsize=10)
    _save(figure, path)


@dataclass(frozen=True)
class ShapeOccupancy:
    """Nodes and edges of every partition of one shape, and its slots."""

    name: str
    nodes: Sequence[int]
    edges: Sequence[int]
    max_nodes: int
    max_edges: int


def serving_scan(path: Path, curves: Sequence[ServerCurve]) -> None:
    """Draw throughput and latency of servers against the number of concurrent clients."""
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for i, curve in enumerate(curves):
        style = {"color": _COLOURS[i % len(_COLOURS)], "marker": _MARKERS[i % len(_MARKERS)]}
        left.plot(curve.clients, curve.throughput, **style, label=curve.name)
        right.plot(curve.clients, curve.median_ms, **style, label=f"{curve.name}, median")
        right.plot(curve.clients, curve.slow_ms, **style, ls=":", label=f"{curve.name}, 99 %")
    ticks = sorted({int(n) for curve in curves for n in curve.clients})
    for axes, label in ((left, "events per second"), (right, "latency [ms]")):
        axes.grid(alpha=0.3)
        axes.set_xscale("log")
        axes.set_xticks(ticks, [str(n) for n in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel("concurrent clients")
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
        axes.legend(fontsize=8)
    _save(figure, path)


def partition_occupancy(path: Path, shapes: Sequence[ShapeOccupancy]) -> None:
    """Draw how full the node and edge slots of partitions are, a histogram per shape."""
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    bins = np.linspace(0, 1, 26)
    for axes, what in zip(figure.subplots(1, 2, sharey=True), ("nodes", "edges"), strict=True):
        for shape, colour in zip(shapes, _cycle(_COLOURS, len(shapes)), strict=True):
            share = np.array(getattr(shape, what)) / getattr(shape, f"max_{what}")
            weights = np.full(share.size, 1 / max(share.size, 1))
            axes.hist(share, bins, weights=weights, histtype="step", color=colour, label=shape.name)
        axes.set_xlabel(f"{what} / slots")
    figure.axes[0].set_ylabel("share of the partitions")
    figure.axes[1].legend(title="nodes / edges", frameon=False)
    _save(figure, path)


def residuals(path: Path, differences: Mapping[str, NDArray[np.float64]], title: str) -> None:
    """Draw fitted minus true perigee parameters [T] by name (in mm, rad, 1/GeV).

    A panel spans eight core widths, half the distance of the 16 % and 84 % quantiles; NaN is left
    out, values outside are counted in the legend.
    """
    figure = Figure(figsize=(12, 6.5), layout="constrained")
    figure.suptitle(title, fontsize=11)
    panels = figure.subplots(2, 3).ravel()
    for axes, (name, values) in zip(panels, differences.items(), strict=False):
        symbol, unit, scale = _RESIDUALS[name]
        shown = values[np.isfinite(values)] * scale
        low, median, high = np.quantile(shown, [0.16, 0.5, 0.84]) if shown.size else (-1, 0, 1)
        width = float(high - low) / 2 or 1.0
        limits = (median - 4 * width, median + 4 * width)
        outside = int(((shown < limits[0]) | (shown > limits[1])).sum())
        label = (
            f"core width {width:.3g} {unit}\nmedian {median:.2g} {unit}\n"
            f"outside {outside} of {shown.size}"
        )
        axes.hist(shown, bins=50, range=limits, histtype="stepfilled", color=_BLUE, alpha=0.75)
        axes.axvline(0, color="black", lw=0.8, ls=":")
        axes.plot([], [], " ", label=label if shown.size else "no tracks")
        axes.set_xlabel(f"{symbol} fitted - true [{unit}]")
        axes.set_ylabel("tracks")
        axes.margins(y=0.25)
        axes.legend(loc="upper left", fontsize=8, handlelength=0, handletextpad=0, frameon=False)
    for axes in panels[len(differences) :]:
        axes.set_axis_off()
    _save(figure, path)


def _graph_panels(
    setting: NDArray[np.float64], curves: Sequence[GraphCurve]
) -> tuple[Figure, list[Axes]]:
    """Return a figure of efficiency, purity, size and time of graphs along ``setting`` [C], and its
    lower panels, whose x-axes are those of the upper ones, too."""
    figure = Figure(figsize=(8, 5.6), layout="constrained")
    panels = list(figure.subplots(2, 2, sharex="col").ravel())
    columns = {
        "target-edge efficiency": "efficiency",
        "purity (masked)": "purity",
        "edges per event": "edges",
        "CPU ms per event (median)": "milliseconds",
    }
    for axes, (name, column) in zip(panels, columns.items(), strict=True):
        for i, (curve, colour) in enumerate(
            zip(curves, _cycle(_COLOURS, len(curves)), strict=True)
        ):
            style = {"color": colour, "marker": _MARKERS[i % len(_MARKERS)], "ms": 5, "lw": 1.2}
            axes.plot(setting, getattr(curve, column), label=curve.name, **style)
        axes.set_ylabel(name)
        axes.grid(alpha=0.3)
        if curves and column in ("purity", "edges"):
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,.9g}"))
            axes.yaxis.set_minor_locator(NullLocator())
        elif column == "milliseconds":
            axes.set_ylim(bottom=0)
    if curves:
        panels[0].legend(fontsize=8)
    return figure, panels[2:]


def _efficiencies(
    curves: Sequence[BinnedCurve], title: str, rate: str, *, logarithmic: bool
) -> tuple[Figure, Axes]:
    """Return a figure of ``curves``; points of one bin stand side by side."""
    figure, axes = _one_picture()
    axes.grid(visible=False, axis="x")
    for edge in {float(edge) for curve in curves for edge in curve.edges}:
        axes.axvline(edge, color=_GREY, lw=0.5, alpha=0.6, zorder=0)
    lowest, shift = 1.0, 0.6 / max(len(curves), 6)
    scale = (np.log, np.exp) if logarithmic else (np.positive, np.positive)
    others = [curve.name for curve in curves if curve.name != CKF]
    for i, curve in enumerate(curves):
        filled = np.isfinite(curve.value)
        edges = scale[0](curve.edges)
        share = 0.5 + (i - (len(curves) - 1) / 2) * shift
        centre = scale[1](edges[:-1] + share * np.diff(edges))[filled]
        y, low, high = curve.value[filled], curve.low[filled], curve.high[filled]
        width = [centre - curve.edges[:-1][filled], curve.edges[1:][filled] - centre]
        order = 0 if curve.name == CKF else others.index(curve.name)
        axes.errorbar(
            centre,
            y,
            yerr=[y - low, high - y],
            xerr=width if len(curves) == 1 else None,
            fmt="s" if curve.name == CKF else _MARKERS[order % len(_MARKERS)],
            color="black" if curve.name == CKF else _COLOURS[order % len(_COLOURS)],
            ms=5,
            lw=1.2,
            label="CKF" if curve.name == CKF else curve.name,
        )
        lowest = min(lowest, float(low.min(initial=1.0)))
    if logarithmic:
        axes.set_xscale("log")
        axes.set_xticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "20"])
        axes.xaxis.set_minor_locator(NullLocator())
    if curves:
        axes.set_xlim(min(c.edges[0] for c in curves), max(c.edges[-1] for c in curves))
        axes.legend(loc="lower center", ncols=3, fontsize=8)
    bottom = float(np.clip(np.floor(10 * (lowest - 0.2 * (1 - lowest))) / 10, 0.0, 0.9))
    axes.set_ylim(bottom, 1 + 0.03 * (1 - bottom))
    axes.set_ylabel(rate)
    axes.set_title(title, fontsize=10)
    return figure, axes


def _one_picture() -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.grid(alpha=0.3)
    return figure, axes


def _cycle(colours: Sequence[str], n: int) -> list[str]:
    return [colours[i % len(colours)] for i in range(n)]


def _save(figure: Figure, path: Path, dpi: int = 130) -> None:
    FigureCanvasAgg(figure)
    picture = BytesIO()
    figure.savefig(picture, dpi=dpi, format="png")
    write_whole(path, picture.getvalue())
