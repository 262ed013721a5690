"""Graph construction by metric learning: edges between hits that an embedding puts close together.

The second graph construction of the field (Exa.TrkX, arXiv:2103.06995): a network maps every hit
to a point of a metric space where consecutive hits of one particle are neighbours, and a
fixed-radius search in that space proposes the edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import CapacityError, InputError
from fpga_gnn.events.event import Hits

Float64 = NDArray[np.float64]

_MAX_PAIRS = 100_000_000
_EVERY = 64
"""Every how manieth hit the number of pairs is estimated from."""


@dataclass(frozen=True, eq=False)
class NeighbourEdges:
    """Edges in canonical order, rising (src, dst); rows of the hits they were found for.

    ``src`` [E] inner and ``dst`` [E] outer hits, ``distance`` [E] their distance in the embedding.
    ``n_lost`` edges within the radius were left out by the cap on neighbours.
    """

    src: Int64
    dst: Int64
    distance: Float64
    n_lost: int


def neighbour_edges(
    embedding: NDArray[Any], hits: Hits, radius: float, *, max_neighbours: int | None = None
) -> NeighbourEdges:
    """Connect all hits whose points of ``embedding`` [N, D] are at most ``radius`` apart.

    An edge leads outwards (``is_outward``); two hits of one module are never connected. With
    ``max_neighbours`` each hit keeps that many outgoing edges, the nearest ones, ties to the lowest
    row.

    ``InputError`` for points that are not finite or a radius that is not above 0,
    ``CapacityError`` for a radius that joins so many hits that the pairs would not fit in memory.
    """
    points = np.asarray(embedding, dtype=np.float64)
    if points.ndim != 2 or len(points) != len(hits):
        raise InputError("embedding", f"shape {points.shape}", f"({len(hits)}, D)")
    if not np.isfinite(points).all():
        raise InputError("embedding", "a point that is not finite", "finite numbers")
    if not radius > 0 or not np.isfinite(radius):
        raise InputError("radius", radius, "a finite number above 0")
    pairs = _pairs(points, radius)
    module = hits.module_key
    pairs = pairs[module[pairs[:, 0]] != module[pairs[:, 1]]]
    outward = is_outward(hits, pairs[:, 0], pairs[:, 1])
    src = np.where(outward, pairs[:, 0], pairs[:, 1])
    dst = np.where(outward, pairs[:, 1], pairs[:, 0])
    distance = embedding_distance(points, src, dst)
    n_found = src.size
    if max_neighbours is not None:
        nearest = _nearest(src, dst, distance, max_neighbours)
        src, dst, distance = src[nearest], dst[nearest], distance[nearest]
    order = np.argsort(src * np.int64(len(hits)) + dst)
    return NeighbourEdges(src[order], dst[order], distance[order], n_found - src.size)


def is_outward(hits: Hits, first: Int64, second: Int64) -> NDArray[np.bool_]:
    """Return, per pair of rows, whether ``first`` is nearer to the origin; ties go by row."""
    x, y, z = (column.astype(np.float64) for column in (hits.x, hits.y, hits.z))
    distance = x * x + y * y + z * z
    one, two = distance[first], distance[second]
    outward: NDArray[np.bool_] = (one < two) | ((one == two) & (first < second))
    return outward


def embedding_distance(points: NDArray[Any], first: Int64, second: Int64) -> Float64:
    """Return the Euclidean distance [P] of pairs of rows of ``points`` [N, D]."""
    squares = np.zeros(first.size)
    for column in np.asarray(points, dtype=np.float64).T:
        squares += (column[first] - column[second]) ** 2
    return np.sqrt(squares)


def _pairs(points: Float64, radius: float) -> Int64:
    """Return all pairs [P, 2] of different rows within ``radius``, the lower row first."""
    if not len(points):
        return np.zeros((0, 2), dtype=np.int64)
    tree = cKDTree(points, balanced_tree=False)
    sample = points[::_EVERY]
    near = tree.query_ball_point(sample, radius, return_length=True)
    expected = int((near.sum() - len(sample)) / len(sample) * len(points) / 2)
    if expected > _MAX_PAIRS:
        raise CapacityError(
            f"radius {radius:g}: about {expected} pairs of {len(points)} hits, at most "
            f"{_MAX_PAIRS}; choose a smaller radius or train the embedding longer"
        )
    pairs: Int64 = tree.query_pairs(radius, output_type="ndarray").astype(np.int64, copy=False)
    return pairs


def _nearest(src: Int64, dst: Int64, distance: Float64, n: int) -> Int64:
    """Return the indices of the ``n`` nearest edges of every source."""
    order = np.lexsort((dst, distance, src))
    sorted_src = src[order]
    rank = np.arange(src.size) - np.searchsorted(sorted_src, sorted_src)
    nearest: Int64 = order[rank < n]
    return nearest
