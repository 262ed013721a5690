"""DWALK: the heaviest paths of a thinned graph by dynamic programming (acorn, 2026)."""

from __future__ import annotations

from typing import Literal

import numpy as np

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import InputError
from fpga_gnn.tracks.edges import Scores
from fpga_gnn.tracks.junction_removal import best_edges
from fpga_gnn.tracks.walk import Tangle

Metric = Literal["score", "length"]


def dwalk_labels(
    n_nodes: int,
    src: Int64,
    dst: Int64,
    score: Scores,
    component_cut: float,
    min_cut: float,
    add_cut: float,
    metric: Metric,
) -> Int64:
    """Return the label [N] of each node: the smallest node of its candidate.

    The simple components of the edges with ``score > component_cut`` are candidates. On the rest,
    an edge stays if its ``score > add_cut`` or if, with ``score >= min_cut``, it is the best out of
    its source *and* the best into its destination. Then, in reverse topological order,
    best[n] = max over children (w + best[child]), w the score or 1 (``metric``); in every
    component, the path from the node without parents that has the greatest best[n] is a candidate
    and leaves the graph; this repeats until no edge is left. Ties go to the lowest node.

    Components do not touch each other, so the paths are found one by one, by falling weight, and
    after each one only its ancestors are computed again: the same paths without a full pass each.
    ``score`` must be 0 or more above ``component_cut`` for the metric "score" (``InputError``).
    """
    tangle = Tangle.of(n_nodes, src, dst, score, component_cut)
    if metric == "score" and tangle.score.size and tangle.score.min() < 0:
        raise InputError(
            "scores", tangle.score.min(), "0 or more, to be added along a path", "set metric=length"
        )
    best_out, best_in = best_edges(n_nodes, tangle.src, tangle.dst, tangle.score)
    edge = np.arange(tangle.src.size)
    is_best = (best_out[tangle.src] == edge) & (best_in[tangle.dst] == edge)
    thin = tangle.take((is_best & (tangle.score >= min_cut)) | (tangle.score > add_cut))
    ones = np.ones(thin.src.size, dtype=np.int64)
    return thin.heaviest_paths(thin.score if metric == "score" else ones)
