"""Events as the teacher sees them: a hit graph, float inputs, labels, and training partitions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fpga_gnn.contract import PartitionShape
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.events.event import Event
from fpga_gnn.graphs.construction import GraphConstruction, HitGraph
from fpga_gnn.graphs.features import edge_features, node_features
from fpga_gnn.graphs.graph import Graph
from fpga_gnn.graphs.partition import Partition, partition_graph
from fpga_gnn.graphs.truth import EdgeLabels, label_edges
from fpga_gnn.training.config import TeacherConfig
from fpga_gnn.training.data import Inputs, mirror_signs

_ANGLE_SCALE = 1 << 16


@dataclass(frozen=True, eq=False)
class TeacherGraph:
    """An event's hit graph with the inputs of the teacher and the labels of its edges."""

    graph: HitGraph
    inputs: Inputs
    labels: EdgeLabels


@dataclass(frozen=True, eq=False)
class Batch:
    """One partition as a training step takes it; ``counted`` [E] edges have a loss."""

    inputs: Inputs
    target: Tensor
    counted: Tensor


def teacher_inputs(event: Event, graph: HitGraph, config: TeacherConfig) -> Inputs:
    """Return the network's arguments for a whole event."""
    rows, src, dst = graph.rows, graph.src, graph.dst
    return (
        torch.from_numpy(node_features(event, rows, config.node_features)),
        torch.from_numpy(edge_features(event, rows, src, dst, config.edge_features)),
        torch.from_numpy(np.stack([src, dst])),
    )


def teacher_graph(
    event: Event, construction: GraphConstruction, config: TeacherConfig
) -> TeacherGraph:
    """Build, label and featurise the graph of ``event``."""
    graph = construction(event)
    labels = label_edges(event, config.selection, graph.rows, graph.src, graph.dst)
    return TeacherGraph(graph, teacher_inputs(event, graph, config), labels)


class PartitionedExample:
    """A graph cut into training partitions, without those that own no edge to learn from."""

    def __init__(self, graph: TeacherGraph, event: Event, config: TeacherConfig) -> None:
        self._graph, self._config = graph, config
        shape = PartitionShape(
            max_nodes=2 * config.partition_edges + 2, max_edges=config.partition_edges
        )
        partitioned = partition_graph(_outline(event, graph.graph), shape, config.halo_hops)
        used = ~graph.labels.ignored
        self.partitions = [p for p in partitioned.partitions if (p.owned & used[p.edges]).any()]
        self.n_unplaced = partitioned.unplaced.size
        self._target = torch.from_numpy(graph.labels.target).float()
        self._used = torch.from_numpy(used)

    def batch(self, index: int, flip_z: bool, flip_phi: bool) -> Batch:
        """Return partition ``index``, mirrored as told."""
        part: Partition = self.partitions[index]
        node, edge, _ = self._graph.inputs
        edges = torch.from_numpy(part.edges)
        names = self._config.node_features, self._config.edge_features
        node_signs, edge_signs = (mirror_signs(columns, flip_z, flip_phi) for columns in names)
        inputs = (
            node[torch.from_numpy(part.nodes)] * node_signs,
            edge[edges] * edge_signs,
            torch.from_numpy(np.stack([part.src, part.dst])),
        )
        counted = torch.from_numpy(part.owned) & self._used[edges]
        return Batch(inputs, self._target[edges], counted)


def _outline(event: Event, graph: HitGraph) -> Graph:
    """Return what partitioning needs of a graph: edges, and node positions in azimuth and eta."""
    none: Int64 = np.zeros((graph.n_nodes, 0), dtype=np.int64)
    angles = node_features(event, graph.rows, ("phi", "eta")).astype(np.float64)
    position = np.rint(angles * _ANGLE_SCALE).astype(np.int64)
    return Graph(none, np.zeros((graph.n_edges, 0), np.int64), graph.src, graph.dst, position, 0)
