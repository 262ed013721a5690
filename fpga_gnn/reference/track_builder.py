"""Track builder: score cut, junction removal, chains of the edges that are left as hit lists."""

from __future__ import annotations

import numpy as np

from fpga_gnn.contract import Contract
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.reference.hit_lists import HitLists
from fpga_gnn.reference.scored_edges import best_edges, check_edges, check_setting

MAX_MIN_HITS = 63
"""Largest ``min_hits``: so many nodes of a chain wait until it is known to be long enough."""


def build(
    n_nodes: int,
    src: Int64,
    dst: Int64,
    score: Int64,
    cut: int,
    min_hits: int,
    contract: Contract,
) -> HitLists:
    """Return the tracks: paths by ascending first node, then rings by ascending smallest node.

    ``src``, ``dst`` [E] edges in canonical order, ``score`` [E] in the format of the contract's
    decoder. Of the edges with ``score > cut`` those stay that are the best out of ``src`` and the
    best into ``dst`` (highest score, the first of equals); what they leave are paths and rings,
    written along their edges if they have at least ``min_hits`` nodes. A ring begins at its
    smallest node; an edge from a node to itself may be best, but joins nothing. Raises
    ``InputError`` for other edges or settings.
    """
    check_inputs(n_nodes, src, dst, score, cut, min_hits, contract)
    kept = np.flatnonzero(score > cut)
    src, dst, score = src[kept], dst[kept], score[kept]
    edge = np.arange(kept.size)
    best_out, best_in = best_edges(n_nodes, src, score), best_edges(n_nodes, dst, score)
    stays = (best_out[src] == edge) & (best_in[dst] == edge) & (src != dst)
    following = np.full(n_nodes, -1, dtype=np.int64)
    following[src[stays]] = dst[stays]
    follows = np.zeros(n_nodes, dtype=np.bool_)
    follows[dst[stays]] = True
    tracks = _chains([*np.flatnonzero(~follows).tolist(), *range(n_nodes)], following.tolist())
    return HitLists.of([track for track in tracks if len(track) >= min_hits])


def check_inputs(
    n_nodes: int,
    src: Int64,
    dst: Int64,
    score: Int64,
    cut: int,
    min_hits: int,
    contract: Contract,
) -> None:
    """Raise ``InputError`` unless the kernel of ``contract`` can read edges and settings."""
    bits = contract.network.bits.decoder.output
    largest = (1 << (bits - 1)) - 1
    check_edges(n_nodes, src, dst, score, -largest - 1, bits)
    check_setting("cut", cut, -2 * largest - 2, 2 * largest + 1)
    check_setting("min_hits", min_hits, 1, MAX_MIN_HITS)


def _chains(starts: list[int], following: list[int]) -> list[list[int]]:
    """Return the chain from every start that no earlier chain has met."""
    walked = [False] * len(following)
    chains = []
    for start in starts:
        chain, node = [], start
        while node >= 0 and not walked[node]:
            walked[node] = True
            chain.append(node)
            node = following[node]
        if chain:
            chains.append(chain)
    return chains
