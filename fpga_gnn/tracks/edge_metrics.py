"""Edge-level quality of graphs and classifiers: efficiency, masked purity, ROC curve.

Masked as acorn does it: edges that are neither signal nor background (``EdgeLabels.ignored``) count
in no purity and in no curve.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.events.event import Event
from fpga_gnn.events.targets import hit_particles
from fpga_gnn.graphs.truth import EdgeLabels
from fpga_gnn.tracks.binomial import Rate, ratio


@dataclass(frozen=True)
class EdgeSummary:
    """Quality over events at one score cut.

    ``graph_efficiency``: target segments that are edges of the graph / target segments.
    ``efficiency``: target edges that pass the cut / target edges of the graph.
    ``purity``: passing target edges / passing edges, ignored edges masked (acorn's masked purity).
    ``auc``: target edges against fake edges, ignored edges masked; NaN if one class is empty.
    """

    n_events: int
    n_edges: int
    n_target_edges: int
    graph_efficiency: float
    graph_purity: float
    efficiency: float
    purity: float
    auc: float


@dataclass(frozen=True)
class GraphSummary:
    """Quality of graph construction over events.

    ``efficiency``: target segments that are edges / all target segments of the events.
    ``purity``: target edges / edges that are not ignored.
    """

    n_events: int
    n_edges: int
    efficiency: Rate
    purity: Rate

    @property
    def edges_per_event(self) -> float:
        """Mean number of edges of an event."""
        return ratio(self.n_edges, self.n_events)


@dataclass(frozen=True, eq=False)
class EdgeCurve:
    """A classifier at every score cut of ``cuts`` [C], rising; an edge passes if score > cut.

    ``efficiency`` target edges that pass / target edges, ``purity`` target edges / edges among
    those that pass, ``fake_efficiency`` fake edges that pass / fake edges: [C] float64, NaN without
    a denominator. Ignored edges are masked.
    """

    cuts: NDArray[np.float64]
    efficiency: NDArray[np.float64]
    purity: NDArray[np.float64]
    fake_efficiency: NDArray[np.float64]


def summarize_edges(
    scores: Sequence[ArrayLike], labels: Sequence[EdgeLabels], cut: float
) -> EdgeSummary:
    """Summarize per-event ``scores`` [E] against ``labels``; an edge passes if score > cut."""
    score = np.concatenate([np.asarray(s, dtype=np.float64) for s in scores])
    target = np.concatenate([label.target for label in labels])
    used = ~np.concatenate([label.ignored for label in labels])
    passing = (score > cut) & used
    n_segments = sum(label.n_target_segments for label in labels)
    return EdgeSummary(
        n_events=len(labels),
        n_edges=score.size,
        n_target_edges=int(target.sum()),
        graph_efficiency=ratio(target.sum(), n_segments),
        graph_purity=ratio(target.sum(), used.sum()),
        efficiency=ratio((target & passing).sum(), target.sum()),
        purity=ratio((target & passing).sum(), passing.sum()),
        auc=_auc(score[used], target[used]),
    )


def summarize_graphs(labels: Sequence[EdgeLabels]) -> GraphSummary:
    """Summarize the graphs of several events."""
    n_target = sum(int(label.target.sum()) for label in labels)
    n_segments = sum(label.n_target_segments for label in labels)
    n_used = sum(int((~label.ignored).sum()) for label in labels)
    n_edges = sum(label.target.size for label in labels)
    return GraphSummary(len(labels), n_edges, Rate(n_target, n_segments), Rate(n_target, n_used))


def edge_curve(
    scores: Sequence[ArrayLike], labels: Sequence[EdgeLabels], cuts: ArrayLike
) -> EdgeCurve:
    """Count per-event ``scores`` [E] against ``labels`` at each of ``cuts`` [C].

    Needs memory for the scores of all events once more, and no more for more cuts.
    """
    target, fake = _classes(scores, labels)
    cut = np.sort(np.asarray(cuts, dtype=np.float64))
    good = target.size - np.searchsorted(np.sort(target), cut, side="right")
    bad = fake.size - np.searchsorted(np.sort(fake), cut, side="right")
    with np.errstate(invalid="ignore"):
        return EdgeCurve(
            cut,
            good / np.int64(target.size),
            good / (good + bad),
            bad / np.int64(fake.size),
        )


def curve_cuts(
    scores: Sequence[ArrayLike], labels: Sequence[EdgeLabels], n: int = 100
) -> NDArray[np.float64]:
    """Return cuts [at most 3 n], rising, that sample a curve well at both of its ends.

    ``n`` even steps over the scores and ``n`` quantiles of the target and of the fake edges.
    """
    steps = np.linspace(0, 1, n)
    classes = [scores_of for scores_of in _classes(scores, labels) if scores_of.size]
    if not classes:
        return np.zeros(0)
    low, high = min(c.min() for c in classes), max(c.max() for c in classes)
    quantiles = [np.quantile(c, steps) for c in classes]
    return np.unique(np.concatenate([low + (high - low) * steps, *quantiles]))


def edge_particles(event: Event, rows: Int64, src: Int64, labels: EdgeLabels) -> Int64:
    """Return the row of ``event.particles`` of each target edge, in the order of the edges.

    ``src`` [E] inner nodes, ``rows`` [N] maps nodes to rows of ``event.hits``. With it, target
    edges can be binned in the pt or eta of their particle.
    """
    return hit_particles(event)[rows[src[labels.target]]]


def _classes(
    scores: Sequence[ArrayLike], labels: Sequence[EdgeLabels]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the scores of all target and of all fake edges."""
    score = [np.asarray(s, dtype=np.float64) for s in scores]
    fakes = [~label.target & ~label.ignored for label in labels]
    return (
        np.concatenate([s[label.target] for s, label in zip(score, labels, strict=True)]),
        np.concatenate([s[fake] for s, fake in zip(score, fakes, strict=True)]),
    )


def _auc(score: np.ndarray, positive: np.ndarray) -> float:
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative:
        return float("nan")
    ranks = rankdata(score)[positive].sum()
    return float((ranks - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))
