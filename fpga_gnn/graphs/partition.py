"""Fixed-size partitions of a graph: owned edges score exactly as in the whole graph.

A partition owns the edges whose source hits lie in one region of azimuth and pseudorapidity. It
also holds the halo: every node and edge within as many hops of its owned edges as the network has
iterations. A region that does not fit its slots is split; an edge whose own halo does not fit is
reported, never dropped silently.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fpga_gnn.contract import PartitionShape
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.graphs.graph import Graph
from fpga_gnn.graphs.ranges import expand_ranges


@dataclass(frozen=True, eq=False)
class Partition:
    """Part of a graph: ascending ``nodes`` [n] and ``edges`` [e] of the whole graph.

    ``owned`` [e] marks the edges this partition decides on; ``src``, ``dst`` [e] are positions
    in ``nodes``, so that edges keep the canonical order.
    """

    nodes: Int64
    edges: Int64
    owned: NDArray[np.bool_]
    src: Int64
    dst: Int64


@dataclass(frozen=True, eq=False)
class PartitionedGraph:
    """Partitions that own every edge once, but for ``unplaced`` edges, which none could hold."""

    graph: Graph
    shape: PartitionShape
    partitions: tuple[Partition, ...]
    unplaced: Int64
    n_splits: int

    @property
    def n_owned(self) -> int:
        """Number of edges that some partition owns."""
        return sum(int(part.owned.sum()) for part in self.partitions)

    def gather_scores(self, scores: Sequence[Int64]) -> Int64:
        """Merge per-partition integer ``scores`` [e] into whole-graph scores [E].

        Unplaced edges get the lowest int64: they fail every cut.
        """
        merged = np.full(self.graph.n_edges, np.iinfo(np.int64).min, dtype=np.int64)
        for part, values in zip(self.partitions, scores, strict=True):
            merged[part.edges[part.owned]] = values[part.owned]
        return merged


@dataclass(frozen=True, eq=False)
class PackedPartition:
    """A partition in the slots of the firmware; unused slots are zero.

    ``node_features`` [max_nodes, Fn], ``edge_features`` [max_edges, Fe], ``edge_index``
    [max_edges, 2] (src, dst); unused edge slots point at the sacrificial last node.
    """

    node_features: Int64
    edge_features: Int64
    edge_index: Int64
    n_nodes: int
    n_edges: int


def partition_graph(graph: Graph, shape: PartitionShape, hops: int) -> PartitionedGraph:
    """Partition ``graph`` for a network of ``hops`` iterations into slots of ``shape``.

    The owned edges are bisected at the median of their source hits' azimuth or pseudorapidity,
    whichever spans more, until each part fits with its halo. Deterministic.
    """
    incidence = _Incidence.of(graph)
    pending = [np.arange(graph.n_edges)] if graph.n_edges else []
    partitions: list[Partition] = []
    unplaced: list[Int64] = []
    n_splits = 0
    while pending:
        owned = pending.pop()
        if owned.size <= shape.max_edges:
            part = _close(graph, incidence, owned, hops)
            if part.nodes.size <= shape.usable_nodes and part.edges.size <= shape.max_edges:
                partitions.append(part)
                continue
        if owned.size == 1:
            unplaced.append(owned)
            continue
        n_splits += 1
        pending.extend(reversed(_bisect(graph, owned)))
    return PartitionedGraph(
        graph,
        shape,
        tuple(partitions),
        np.sort(np.concatenate([np.zeros(0, dtype=np.int64), *unplaced])),
        n_splits,
    )


def pack(part: Partition, graph: Graph, shape: PartitionShape) -> PackedPartition:
    """Place ``part`` into the slots of ``shape``."""
    node_features = np.zeros((shape.max_nodes, graph.node_features.shape[1]), dtype=np.int64)
    edge_features = np.zeros((shape.max_edges, graph.edge_features.shape[1]), dtype=np.int64)
    edge_index = np.full((shape.max_edges, 2), shape.usable_nodes, dtype=np.int64)
    n_nodes, n_edges = part.nodes.size, part.edges.size
    node_features[:n_nodes] = graph.node_features[part.nodes]
    edge_features[:n_edges] = graph.edge_features[part.edges]
    edge_index[:n_edges, 0], edge_index[:n_edges, 1] = part.src, part.dst
    return PackedPartition(node_features, edge_features, edge_index, n_nodes, n_edges)


@dataclass(frozen=True, eq=False)
class _Incidence:
    """Edges at each node: those of node ``n`` are ``edges[start[n]:start[n + 1]]``."""

    start: Int64
    edges: Int64

    @classmethod
    def of(cls, graph: Graph) -> _Incidence:
        ends = np.concatenate([graph.src, graph.dst])
        order = np.argsort(ends, kind="stable")
        start = np.searchsorted(ends[order], np.arange(graph.n_nodes + 1))
        return cls(start.astype(np.int64), order.astype(np.int64) % max(graph.n_edges, 1))

    def around(self, nodes: Int64) -> Int64:
        """Return the edges at ``nodes``, unique."""
        _, row = expand_ranges(self.start[nodes], self.start[nodes + 1] - self.start[nodes])
        return np.unique(self.edges[row])


def _close(graph: Graph, incidence: _Incidence, owned: Int64, hops: int) -> Partition:
    edges = np.sort(owned)
    nodes = np.unique(np.concatenate([graph.src[edges], graph.dst[edges]]))
    frontier = nodes
    for _ in range(hops):
        edges = np.union1d(edges, incidence.around(frontier))
        reached = np.union1d(graph.src[edges], graph.dst[edges])
        frontier = np.setdiff1d(reached, nodes, assume_unique=True)
        nodes = reached
    return Partition(
        nodes,
        edges,
        np.isin(edges, owned, assume_unique=True),
        np.searchsorted(nodes, graph.src[edges]).astype(np.int64),
        np.searchsorted(nodes, graph.dst[edges]).astype(np.int64),
    )


def _bisect(graph: Graph, owned: Int64) -> list[Int64]:
    position = graph.position[graph.src[owned]]
    axis = int(np.argmax(np.ptp(position, axis=0)))
    order = np.lexsort((owned, position[:, axis]))
    middle = owned.size // 2
    return [owned[order[:middle]], owned[order[middle:]]]
