"""Walkthrough: the longest road from each unused hit (GNN4ITk at CTD 2023, acorn ``CCandWalk``)."""

from __future__ import annotations

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.tracks.edges import Scores
from fpga_gnn.tracks.walk import Tangle


def walkthrough_labels(
    n_nodes: int,
    src: Int64,
    dst: Int64,
    score: Scores,
    component_cut: float,
    min_cut: float,
    add_cut: float,
) -> Int64:
    """Return the label [N] of each node: the smallest node of its candidate.

    As in acorn, the simple components of the edges with ``score > component_cut`` are candidates
    as they are. On the rest, in the topological order of all these edges, every unused node starts
    the roads that lead on to the best unused child, if its score is above ``min_cut``, and to all
    unused children with scores above ``add_cut``; the road of most hits is a candidate, also one
    of two hits. acorn enumerates the roads, in exponential time; the roads here are the same ones,
    found by recursion (see ``walk``). Of equal roads acorn keeps the last in an order that depends
    on sets; here the one to the lowest node at the first difference wins, and of equal scores the
    lowest node is the best child.
    """
    tangle = Tangle.of(n_nodes, src, dst, score, component_cut)
    walkable = tangle.take(tangle.score > min_cut)
    return walkable.longest_roads(walkable.order, walkable.score > add_cut)
