"""Track candidates as connected components of the edges that pass the score cut."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from fpga_gnn.contract.fixed_point import Int64


def label(n_nodes: int, src: ArrayLike, dst: ArrayLike, keep: ArrayLike) -> Int64:
    """Return the component label [N] of each node: the smallest node index of its component.

    ``src``, ``dst`` [E] edges, ``keep`` [E] which of them count. SciPy implementation.
    """
    kept = np.asarray(keep, dtype=bool)
    ends = (np.asarray(src)[kept], np.asarray(dst)[kept])
    matrix = coo_array((np.ones(ends[0].size, dtype=np.int8), ends), shape=(n_nodes, n_nodes))
    n_components, component = connected_components(matrix, directed=False)
    smallest = np.full(n_components, n_nodes, dtype=np.int64)
    np.minimum.at(smallest, component, np.arange(n_nodes))
    labels: Int64 = smallest[component]
    return labels


def tracks_from_labels(labels: ArrayLike, min_hits: int) -> Int64:
    """Number the components of at least ``min_hits`` nodes; return the track [N], -1 for none.

    Tracks are numbered by ascending label.
    """
    _, inverse, count = np.unique(labels, return_inverse=True, return_counts=True)
    is_track = count >= min_hits
    number = np.where(is_track, np.cumsum(is_track) - 1, -1)
    return number[inverse].astype(np.int64)
