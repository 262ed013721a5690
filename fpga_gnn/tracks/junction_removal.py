"""Junction removal: thin out the edges where candidates meet or part, then join what is left.

Two public definitions: that of ACTS (``ActsPlugins/Gnn``, ``JunctionRemoval``), here
``without_junctions``, and that of acorn (``CCandJunctionRemoval``), here ``acorn_labels``.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.tracks.connected_components import label, simple_components
from fpga_gnn.tracks.edges import Scores


def best_edges(n_nodes: int, src: Int64, dst: Int64, score: Scores) -> tuple[Int64, Int64]:
    """Return the best edge out of and into each node [N], [N]: an edge number, -1 for no edge.

    The best edge has the highest score; of equal scores the first edge wins, which in canonical
    order is the one to (from) the lowest node.
    """
    best: tuple[Int64, Int64] = _best_edges(n_nodes, src, dst, score)
    return best


def without_junctions(n_nodes: int, src: Int64, dst: Int64, score: Scores) -> NDArray[np.bool_]:
    """Return which edges stay [E]: those that are both the best out of ``src`` and into ``dst``.

    ``src``, ``dst``, ``score`` [E] are the edges that passed the score cut. ACTS words it the other
    way: an edge goes if its source has two or more edges out, or its destination two or more in,
    and it is not the best there; one pass over the degrees before any removal. Every node is left
    with at most one edge in and one out: an acyclic graph becomes a set of paths.
    """
    best_out, best_in = best_edges(n_nodes, src, dst, score)
    edge = np.arange(src.size)
    stays: NDArray[np.bool_] = (best_out[src] == edge) & (best_in[dst] == edge)
    return stays


def acorn_labels(
    n_nodes: int,
    src: Int64,
    dst: Int64,
    score: Scores,
    chain_cut: float,
    min_chain_hits: int,
    junction_cut: float,
) -> Int64:
    """Return the label [N] of each node: the smallest node of its candidate.

    Components of the edges with ``score > chain_cut`` without a branch and with at least
    ``min_chain_hits`` nodes are candidates. Of the edges with ``score > junction_cut`` between
    other nodes, (s, d) stays if s has one edge out, or d has exactly one edge out (a d without
    edges out does not help: acorn looks it up among the sources); candidates are the components.
    Branches may survive: a candidate need not be a path.
    """
    good = np.flatnonzero(score > chain_cut)
    labels, simple = simple_components(n_nodes, src[good], dst[good])
    chain = simple & (np.bincount(labels, minlength=n_nodes)[labels] >= min_chain_hits)
    rest = (score > junction_cut) & ~chain[src] & ~chain[dst]
    out_degree = np.bincount(src[rest], minlength=n_nodes)
    stays = rest & ((out_degree[src] == 1) | (out_degree[dst] == 1))
    return np.where(chain, labels, label(n_nodes, src, dst, stays))


@numba.njit(cache=True)
def _best_edges(n_nodes, src, dst, score):  # type: ignore[no-untyped-def]
    best_out = np.full(n_nodes, -1)
    best_in = np.full(n_nodes, -1)
    for edge in range(src.size):
        rival = best_out[src[edge]]
        if rival < 0 or score[edge] > score[rival]:
            best_out[src[edge]] = edge
        rival = best_in[dst[edge]]
        if rival < 0 or score[edge] > score[rival]:
            best_in[dst[edge]] = edge
    return best_out, best_in
