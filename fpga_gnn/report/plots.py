"""The pictures of a report, drawn without a display."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.files import write_whole

_PT_EDGES = np.array([1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0])
_GREY, _BLUE, _ORANGE, _GREEN = "#b8bcc4", "#1f5fa8", "#d9722b", "#2f8f5b"
_MAX_COLOURS = 20


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
    axes.set_xlabel("edge score (logit) of the firmware")
    axes.set_ylabel("edges, held-out events")
    axes.legend()
    _save(figure, path)


def efficiency_vs_pt(path: Path, pt: NDArray[np.float64], found: NDArray[np.bool_]) -> None:
    """Draw the track efficiency of target particles [P] against ``pt`` in GeV.

    Bars are 68 % Wilson intervals; the last bin holds everything above its lower edge.
    """
    clipped = np.minimum(pt, np.nextafter(_PT_EDGES[-1], 0))
    n_all, _ = np.histogram(clipped, _PT_EDGES)
    n_found, _ = np.histogram(clipped[found], _PT_EDGES)
    filled = n_all > 0
    n, k = n_all[filled].astype(float), n_found[filled].astype(float)
    low, high = wilson_interval(k, n)
    centre = np.sqrt(_PT_EDGES[:-1] * _PT_EDGES[1:])[filled]
    width = [centre - _PT_EDGES[:-1][filled], _PT_EDGES[1:][filled] - centre]
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.errorbar(
        centre, k / n, yerr=[k / n - low, high - k / n], xerr=width, fmt="o", color=_GREEN
    )
    axes.set_xscale("log")
    axes.set_xticks([1, 2, 5, 10, 20], ["1", "2", "5", "10", "≥20"])
    axes.set_ylim(0, 1.05)
    axes.set_xlabel("particle $p_T$ [GeV]")
    axes.set_ylabel("track efficiency (ATLAS matching)")
    axes.set_title(f"{int(n.sum())} target particles, held-out events", fontsize=10)
    axes.grid(alpha=0.3)
    _save(figure, path)


def wilson_interval(
    k: NDArray[np.float64], n: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the 68 % Wilson score interval of ``k`` successes in ``n`` > 0 trials."""
    p = k / n
    centre = (p + 0.5 / n) / (1 + 1 / n)
    half = np.sqrt(p * (1 - p) / n + 0.25 / n**2) / (1 + 1 / n)
    return np.minimum(centre - half, p), np.maximum(centre + half, p)


def _save(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure)
    picture = BytesIO()
    figure.savefig(picture, dpi=130, format="png")
    write_whole(path, picture.getvalue())
