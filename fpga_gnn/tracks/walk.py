"""What the three walks share: the part of a graph that needs one, and the best path of every node.

A walk takes paths out of an acyclic graph one after the other, each through nodes that no earlier
path has used. Enumerating the roads from a node, as the first walk did, costs exponential time in
a dense graph. Here every node keeps the value of the best road from it and the road's next node: a
recursion over its children that gives the very road that the enumeration would choose, as no road
of an acyclic graph meets a node twice. A path that is taken changes only the values of its
ancestors, and only these are computed again.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.tracks.connected_components import simple_components
from fpga_gnn.tracks.edges import Scores, first_edges, topological_order


@dataclass(frozen=True, eq=False)
class Tangle:
    """The edges ``src``, ``dst``, ``score`` [E] of the components that are not simple.

    ``labels`` [N] is the smallest node of each node's component, ``free`` [N] marks the nodes of
    the components that are not simple, ``order`` [N] is a topological order of all nodes.
    """

    src: Int64
    dst: Int64
    score: Scores
    labels: Int64
    free: NDArray[np.bool_]
    order: Int64

    @classmethod
    def of(cls, n_nodes: int, src: Int64, dst: Int64, score: Scores, cut: float) -> Tangle:
        """Drop the edges with ``score <= cut`` and set the simple components aside.

        Raises ``InputError`` if the edges above the cut have a cycle.
        """
        kept = np.flatnonzero(score > cut)
        src, dst, score = src[kept], dst[kept], score[kept]
        order = topological_order(n_nodes, src, dst)
        labels, simple = simple_components(n_nodes, src, dst)
        rest = np.flatnonzero(~simple[src])
        return cls(src[rest], dst[rest], score[rest], labels, ~simple, order)

    def take(self, kept: NDArray[np.bool_]) -> Tangle:
        """Return the tangle with the edges of a mask [E] only."""
        edge = np.flatnonzero(kept)
        edges = self.src[edge], self.dst[edge], self.score[edge]
        return Tangle(*edges, self.labels, self.free, self.order)

    def longest_roads(self, order: Int64, always: NDArray[np.bool_]) -> Int64:
        """Return the label [N] of each node: the smallest node of its road or simple component.

        From each unused node in topological ``order``, take the road of most hits: it goes from a
        node to its unused children over edges marked ``always`` [E], and over the edge of highest
        score among those to unused children. Of equal roads (scores) the one to the lowest node
        wins. Marked edges must have higher scores than the others.
        """
        children = _adjacency(self.free.size, self.src, self.dst)
        roads = _longest_roads(
            children, self.score, always, np.ones(self.src.size, dtype=np.int64), order, self.free
        )
        return np.where(self.free, roads, self.labels)

    def heaviest_paths(self, weight: Scores) -> Int64:
        """Return the label [N] of each node: the smallest node of its path or simple component.

        While there are edges, take the path of the greatest sum of ``weight`` [E] (0 or more) that
        begins at a node without an unused parent. Of equal paths the one from (at a fork: to) the
        lowest node wins.
        """
        children = _adjacency(self.free.size, self.src, self.dst)
        always = np.ones(self.src.size, dtype=np.bool_)
        paths = _heaviest_paths(children, self.score, always, weight, self.order, self.free)
        return np.where(self.free, paths, self.labels)


class _Adjacency(NamedTuple):
    """The edges out of node n are ``first[n]:first[n + 1]``; those into it lead from the nodes
    ``parent[first_in[n]:first_in[n + 1]]``."""

    first: Int64
    child: Int64
    first_in: Int64
    parent: Int64


class _Best(NamedTuple):
    """Of each node [N]: the value of the best path from it, its next node or -1, its rank in the
    topological order, whether it is unused, whether it waits for an update."""

    value: Scores
    following: Int64
    rank: Int64
    free: NDArray[np.bool_]
    waiting: NDArray[np.bool_]


def _adjacency(n_nodes: int, src: Int64, dst: Int64) -> _Adjacency:
    by_child = np.argsort(dst, kind="stable")
    return _Adjacency(
        first_edges(n_nodes, src), dst, first_edges(n_nodes, dst[by_child]), src[by_child]
    )


@numba.njit(cache=True)
def _longest_roads(graph, score, always, weight, order, free):  # type: ignore[no-untyped-def]
    best = _best_paths(graph, score, always, weight, order, free)
    labels = np.arange(free.size)
    later, changed = [0 for _ in range(0)], [0 for _ in range(0)]
    for node in order:
        if best.free[node] and best.following[node] >= 0:
            _take(node, best, labels)
            _update(node, graph, score, always, weight, order, best, later, changed)
            changed.clear()
        best.free[node] = False
    return labels


@numba.njit(cache=True)
def _heaviest_paths(graph, score, always, weight, order, free):  # type: ignore[no-untyped-def]
    best = _best_paths(graph, score, always, weight, order, free)
    labels = np.arange(free.size)
    n_parents = np.diff(graph.first_in)
    later, changed = [0 for _ in range(0)], [0 for _ in range(0)]
    roots = [
        (-best.value[node], node)
        for node in range(free.size)
        if n_parents[node] == 0 and best.following[node] >= 0
    ]
    heapq.heapify(roots)
    while len(roots) > 0:
        value, root = heapq.heappop(roots)
        if not best.free[root] or best.following[root] < 0 or -value != best.value[root]:
            continue
        _take(root, best, labels)
        _update(root, graph, score, always, weight, order, best, later, changed)
        while len(changed) > 0:
            node = changed.pop()
            if n_parents[node] == 0:
                heapq.heappush(roots, (-best.value[node], node))
        node = root
        while node >= 0:
            for edge in range(graph.first[node], graph.first[node + 1]):
                child = graph.child[edge]
                n_parents[child] -= 1
                if n_parents[child] == 0 and best.free[child]:
                    heapq.heappush(roots, (-best.value[child], child))
            node = best.following[node]
    return labels


@numba.njit(cache=True)
def _best_paths(graph, score, always, weight, order, free):  # type: ignore[no-untyped-def]
    """Return the best path from every free node."""
    n_nodes = order.size
    best = _Best(
        np.zeros(n_nodes, weight.dtype),
        np.full(n_nodes, -1),
        np.empty(n_nodes, np.int64),
        free.copy(),
        np.zeros(n_nodes, np.bool_),
    )
    for position in range(n_nodes - 1, -1, -1):
        node = order[position]
        best.rank[node] = position
        if free[node]:
            best.value[node], best.following[node] = _best_step(
                node, graph, score, always, weight, best
            )
    return best


@numba.njit(cache=True)
def _best_step(node, graph, score, always, weight, best):  # type: ignore[no-untyped-def]
    """Return the value of the best path from ``node`` and its next node, -1 for none."""
    strongest, chosen = -1, -1
    value = weight[:0].sum()
    for edge in range(graph.first[node], graph.first[node + 1]):
        child = graph.child[edge]
        if not best.free[child]:
            continue
        if strongest < 0 or score[edge] > score[strongest]:
            strongest = edge
        if always[edge] and (chosen < 0 or weight[edge] + best.value[child] > value):
            value, chosen = weight[edge] + best.value[child], child
    if chosen < 0 and strongest >= 0:
        chosen = graph.child[strongest]
        value = weight[strongest] + best.value[chosen]
    return value, chosen


@numba.njit(cache=True)
def _take(node, best, labels):  # type: ignore[no-untyped-def]
    """Use up the best path from ``node`` and label it."""
    used, lowest = node, node
    while used >= 0:
        best.free[used] = False
        lowest = min(lowest, used)
        used = best.following[used]
    used = node
    while used >= 0:
        labels[used] = lowest
        used = best.following[used]


@numba.njit(cache=True)
def _update(  # type: ignore[no-untyped-def]
    node, graph, score, always, weight, order, best, later, changed
):
    """Bring the ancestors of the used path from ``node`` up to date, last ones first.

    Adds to ``changed`` those with another value; ``later`` is empty before and after.
    """
    while node >= 0:
        _wait(node, graph, best, later)
        node = best.following[node]
    while len(later) > 0:
        node = order[-heapq.heappop(later)]
        best.waiting[node] = False
        value = best.value[node]
        best.value[node], best.following[node] = _best_step(
            node, graph, score, always, weight, best
        )
        if best.value[node] != value:
            _wait(node, graph, best, later)
            changed.append(node)


@numba.njit(cache=True)
def _wait(node, graph, best, later):  # type: ignore[no-untyped-def]
    """Queue the unused parents of ``node``, each once."""
    for position in range(graph.first_in[node], graph.first_in[node + 1]):
        parent = graph.parent[position]
        if best.free[parent] and not best.waiting[parent]:
            best.waiting[parent] = True
            heapq.heappush(later, -best.rank[parent])
