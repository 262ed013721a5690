"""FastWalkthrough: the longest path from each unused hit of a thinned graph (acorn)."""

from __future__ import annotations

import numpy as np

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.tracks.edges import Scores, topological_order
from fpga_gnn.tracks.junction_removal import best_edges
from fpga_gnn.tracks.walk import Tangle


def fast_walkthrough_labels(
    n_nodes: int,
    src: Int64,
    dst: Int64,
    score: Scores,
    component_cut: float,
    min_cut: float,
    add_cut: float,
) -> Int64:
    """Return the label [N] of each node: the smallest node of its candidate.

    The simple components of the edges with ``score > component_cut`` are candidates. On the rest,
    an edge stays if it is the best out of its source, with ``score >= min_cut``, or has
    ``score > add_cut``; then every unused node, in Kahn's order of the edges that stay, starts the
    path of most hits through unused nodes. Unlike in the walkthrough, the best edge is chosen
    before any node is used. A path ends where all children are used (the first acorn versions lost
    it there; its merge request 199 mends this). Of equal paths the one to the lowest node at the
    first difference wins, as in acorn for edges in canonical order.
    """
    tangle = Tangle.of(n_nodes, src, dst, score, component_cut)
    best_out, _ = best_edges(n_nodes, tangle.src, tangle.dst, tangle.score)
    is_best = best_out[tangle.src] == np.arange(tangle.src.size)
    thin = tangle.take((is_best & (tangle.score >= min_cut)) | (tangle.score > add_cut))
    order = topological_order(n_nodes, thin.src, thin.dst)
    return thin.longest_roads(order, np.ones(thin.src.size, dtype=np.bool_))
