"""DWALK: the heaviest paths of a thinned graph, a path of every component in each pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fpga_gnn.contract.config import PROBABILITY_FRAC
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import InputError
from fpga_gnn.reference.connected_components import label
from fpga_gnn.reference.hit_lists import HitLists
from fpga_gnn.reference.scored_edges import best_edges, check_edges, check_setting

SCORE_BITS = PROBABILITY_FRAC + 2
"""Bits of a score, with its sign."""
Children = list[list[tuple[int, int]]]
_INT32 = 1 << 31


@dataclass(frozen=True)
class DwalkSettings:
    """Cuts on integer scores, least number of hits, and what is added up along a path: scores, or
    1 per edge (``by_length``). Raises ``InputError`` for values the kernel cannot hold."""

    component_cut: int
    min_cut: int
    add_cut: int
    min_hits: int
    by_length: bool

    def __post_init__(self) -> None:
        for name in ("component_cut", "min_cut", "add_cut"):
            check_setting(name, getattr(self, name), -_INT32, _INT32 - 1)
        check_setting("min_hits", self.min_hits, 1, _INT32 - 1)


@dataclass(frozen=True, eq=False)
class Walk:
    """The tracks, in how many passes the paths were found, and the edges that were left before each
    of these, added up: what the firmware's time is made of."""

    tracks: HitLists
    n_passes: int
    n_visits: int


def build(n_nodes: int, src: Int64, dst: Int64, score: Int64, settings: DwalkSettings) -> Walk:
    """Return the tracks; ``src``, ``dst`` [E] edges in canonical order, ``score`` [E] 0 or more.

    Edges with ``score > component_cut`` count; their components in which no node has two edges in
    or two out are tracks. Of the rest, an edge stays if its ``score > add_cut`` or if, with
    ``score >= min_cut``, it is the best out of its source and into its destination (the first of
    equals). In each pass, in every component of the edges that stayed, the path of the greatest sum
    from a node without parents becomes a track and leaves the graph, until no edge is left; ties go
    to the lowest node (child). Left nodes are tracks of one node. The simple components come
    first, by ascending first node; then, pass by pass, the paths by topological order of their
    first node; then single nodes, ascending. The topological order is that of a queue, first in
    first out, of the nodes with edges out whose parents are done.

    Raises ``InputError`` for other edges, or a cycle.
    """
    check_inputs(n_nodes, src, dst, score)
    kept = np.flatnonzero(score > settings.component_cut)
    src, dst, score = src[kept], dst[kept], score[kept]
    order = _topological_order(n_nodes, src, dst)
    simple = _in_simple_component(n_nodes, src, dst)
    tracks = _chains(src[simple[src]], dst[simple[src]])
    rest = np.flatnonzero(~simple[src])
    src, dst, score = src[rest], dst[rest], score[rest]
    best_out, best_in = best_edges(n_nodes, src, score), best_edges(n_nodes, dst, score)
    edge = np.arange(rest.size)
    is_best = (best_out[src] == edge) & (best_in[dst] == edge)
    stays = (score > settings.add_cut) | (is_best & (score >= settings.min_cut))
    weight = np.ones(rest.size, dtype=np.int64) if settings.by_length else score
    component = label(n_nodes, src, dst, stays).tolist()
    children: Children = [[] for _ in range(n_nodes)]
    for one, two, much in zip(
        src[stays].tolist(), dst[stays].tolist(), weight[stays].tolist(), strict=True
    ):
        children[one].append((two, much))
    active = [node for node in order if not simple[node]]
    paths, n_passes, n_visits = _heaviest_paths(children, component, active)
    tracks += paths
    alone = np.ones(n_nodes, dtype=np.bool_)
    alone[[node for track in tracks for node in track]] = False
    tracks += [[node] for node in np.flatnonzero(alone).tolist()]
    long = [track for track in tracks if len(track) >= settings.min_hits]
    return Walk(HitLists.of(long), n_passes, n_visits)


def check_inputs(n_nodes: int, src: Int64, dst: Int64, score: Int64) -> None:
    """Raise ``InputError`` unless the kernel can read the edges."""
    check_edges(n_nodes, src, dst, score, 0, SCORE_BITS)


def cycle_error() -> InputError:
    """Return the error about edges with a cycle."""
    return InputError(
        "edges above component_cut", "a cycle", "an acyclic graph", "raise the score cut"
    )


def _topological_order(n_nodes: int, src: Int64, dst: Int64) -> list[int]:
    """Return the nodes with edges out; raise ``InputError`` for a cycle."""
    n_parents = np.bincount(dst, minlength=n_nodes).tolist()
    children: list[list[int]] = [[] for _ in range(n_nodes)]
    for one, two in zip(src.tolist(), dst.tolist(), strict=True):
        children[one].append(two)
    queue = [node for node in range(n_nodes) if children[node] and n_parents[node] == 0]
    for node in queue:
        for child in children[node]:
            n_parents[child] -= 1
            if n_parents[child] == 0 and children[child]:
                queue.append(child)
    if any(n_parents):
        raise cycle_error()
    return queue


def _in_simple_component(n_nodes: int, src: Int64, dst: Int64) -> NDArray[np.bool_]:
    """Return which nodes [N] have edges and lie in a component without a branch."""
    n_out, n_in = np.bincount(src, minlength=n_nodes), np.bincount(dst, minlength=n_nodes)
    labels = label(n_nodes, src, dst, np.ones(src.size, dtype=np.int64))
    branched = np.zeros(n_nodes, dtype=np.bool_)
    branched[labels[(n_out > 1) | (n_in > 1)]] = True
    simple: NDArray[np.bool_] = (n_out + n_in > 0) & ~branched[labels]
    return simple


def _chains(src: Int64, dst: Int64) -> list[list[int]]:
    """Return the paths that the edges of simple components make, by ascending first node."""
    following = dict(zip(src.tolist(), dst.tolist(), strict=True))
    heads = sorted({*following} - {*following.values()})
    return [_path(head, following) for head in heads]


def _path(start: int, following: Mapping[int, int]) -> list[int]:
    path = [start]
    while path[-1] in following:
        path.append(following[path[-1]])
    return path


def _heaviest_paths(
    children: Children, component: list[int], active: list[int]
) -> tuple[list[list[int]], int, int]:
    """Return the paths, the number of passes, and the edges left before each of them, added up.

    ``children`` [N] are the (child, weight) of each node, ascending; ``component`` [N] is a label,
    ``active`` has all nodes with children in topological order.
    """
    used = [False] * len(children)
    paths: list[list[int]] = []
    n_passes = n_visits = 0
    while True:
        best = [0] * len(children)
        following: dict[int, int] = {}
        parents: set[int] = set()
        for node in reversed(active):
            for child, weight in [] if used[node] else children[node]:
                if not used[child]:
                    n_visits += 1
                    parents.add(child)
                    if node not in following or weight + best[child] > best[node]:
                        best[node], following[node] = weight + best[child], child
        active = [node for node in active if node in following]
        if not active:
            return paths, n_passes, n_visits
        n_passes += 1
        roots: dict[int, int] = {}
        for node in sorted(set(active) - parents, reverse=True):
            rival = roots.setdefault(component[node], node)
            if best[node] >= best[rival]:
                roots[component[node]] = node
        for node in active:
            if roots[component[node]] == node:
                paths.append(_path(node, following))
        for path in paths:
            for node in path:
                used[node] = True
