"""Edge-level quality of a classifier: efficiency, masked purity, area under the ROC curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from fpga_gnn.graphs.truth import EdgeLabels
from fpga_gnn.tracks.metrics import ratio


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


def _auc(score: np.ndarray, positive: np.ndarray) -> float:
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if not n_positive or not n_negative:
        return float("nan")
    ranks = rankdata(score)[positive].sum()
    return float((ranks - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))
