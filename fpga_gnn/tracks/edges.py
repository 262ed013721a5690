"""What the track builders ask of their input: scored edges in canonical order, without a cycle."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import InputError

Scores = NDArray[np.int64 | np.float64]


def check_edges(
    n_nodes: int, src: ArrayLike, dst: ArrayLike, score: ArrayLike
) -> tuple[Int64, Int64, Scores]:
    """Return the columns [E] as contiguous int64, int64 and int64 or float64 arrays.

    Raises ``InputError`` unless they have one length, edges join nodes of the graph and ascend
    strictly by (src, dst) - the builders' ties go to the lowest index, so they neither sort nor
    accept copies of an edge - and no score is NaN.
    """
    is_integer = np.issubdtype(np.asarray(score).dtype, np.integer)
    scores: Scores = np.asarray(score, np.int64) if is_integer else np.asarray(score, np.float64)
    columns = (
        np.ascontiguousarray(src, dtype=np.int64),
        np.ascontiguousarray(dst, dtype=np.int64),
        np.ascontiguousarray(scores),
    )
    shapes = [column.shape for column in columns]
    if len({*shapes}) != 1 or len(shapes[0]) != 1:
        raise InputError("edges", f"shapes {shapes}", "src, dst and score of one length")
    edge = _first_bad(n_nodes, *columns)
    if edge >= 0:
        found = ", ".join(str(column[edge]) for column in columns)
        raise InputError(
            f"edge {edge}",
            f"(src, dst, score) = ({found})",
            f"nodes 0..{n_nodes - 1}, edges ascending by (src, dst), a number as score",
        )
    return columns


def topological_order(n_nodes: int, src: Int64, dst: Int64) -> Int64:
    """Return the nodes [N], every source of an edge before its destination.

    Kahn's order, generation by generation (networkx ``topological_generations``), the nodes of a
    generation by ascending index. Raises ``InputError`` if the edges have a cycle.
    """
    order, n_parents = _kahn(n_nodes, src, dst)
    if order.size < n_nodes:
        node, seen = int(np.flatnonzero(n_parents)[0]), set[int]()
        while node not in seen:
            seen.add(node)
            node = int(src[np.flatnonzero((dst == node) & (n_parents[src] > 0))[0]])
        raise InputError(
            "edges", f"a cycle through node {node}", "an acyclic graph", "raise the score cut"
        )
    return order


def first_edges(n_nodes: int, src: Int64) -> Int64:
    """Return ``first`` [N + 1]: the edges of node n are ``first[n]:first[n + 1]``; src ascends."""
    first = np.zeros(n_nodes + 1, dtype=np.int64)
    np.cumsum(np.bincount(src, minlength=n_nodes), out=first[1:])
    return first


@numba.njit(cache=True)
def _first_bad(n_nodes, src, dst, score):  # type: ignore[no-untyped-def]
    for edge in range(src.size):
        if not (0 <= src[edge] < n_nodes and 0 <= dst[edge] < n_nodes):
            return edge
        if score[edge] != score[edge]:
            return edge
        if edge > 0 and (
            src[edge] < src[edge - 1] or (src[edge] == src[edge - 1] and dst[edge] <= dst[edge - 1])
        ):
            return edge
    return -1


def _kahn(n_nodes: int, src: Int64, dst: Int64) -> tuple[Int64, Int64]:
    """Return the nodes that can be ordered, and each node's parents that could not be [N]."""
    n_parents = np.bincount(dst, minlength=n_nodes)
    generation, n_ordered = _generations(first_edges(n_nodes, src), dst, n_parents)
    return np.argsort(generation, kind="stable")[n_nodes - n_ordered :], n_parents


@numba.njit(cache=True)
def _generations(first, dst, n_parents):  # type: ignore[no-untyped-def]
    """Return the generation [N] of each node, -1 behind a cycle, and how many have one."""
    n_nodes = n_parents.size
    generation = np.full(n_nodes, -1)
    queue = np.empty(n_nodes, dtype=np.int64)
    tail = 0
    for node in range(n_nodes):
        if n_parents[node] == 0:
            generation[node] = 0
            queue[tail] = node
            tail += 1
    head = 0
    while head < tail:
        node = queue[head]
        head += 1
        for edge in range(first[node], first[node + 1]):
            child = dst[edge]
            n_parents[child] -= 1
            if n_parents[child] == 0:
                generation[child] = generation[node] + 1
                queue[tail] = child
                tail += 1
    return generation, tail
