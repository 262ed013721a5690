"""Labelled graphs: what training and validation iterate over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fpga_gnn.contract import Contract
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.events.event import Event
from fpga_gnn.events.targets import TargetSelection
from fpga_gnn.graphs.construction import HitGraph
from fpga_gnn.graphs.features import ODD_IN_PHI, ODD_IN_Z
from fpga_gnn.graphs.graph import Graph, build_event_graph
from fpga_gnn.graphs.module_map import ModuleMap
from fpga_gnn.graphs.truth import EdgeLabels, label_edges

Inputs = tuple[Tensor, Tensor, Tensor]
"""Node features [N, Fn], edge features [E, Fe], edge_index [2, E]: arguments of a network."""

_POSITION_BITS = 16
"""Azimuth is counted in 2**-16 turns where graphs are cut into sectors."""


@dataclass(frozen=True, eq=False)
class LabelledGraph:
    """An event's hits, its integer graph and the labels of its edges."""

    hit_graph: HitGraph
    graph: Graph
    labels: EdgeLabels


def labelled_graph(
    event: Event, module_map: ModuleMap, contract: Contract, selection: TargetSelection
) -> LabelledGraph:
    """Build the graph of ``event`` and label its edges with the truth."""
    built = build_event_graph(event, module_map, contract)
    graph, rows = built.graph, built.hits.rows
    labels = label_edges(event, selection, rows, graph.src, graph.dst)
    return LabelledGraph(HitGraph(rows, graph.src, graph.dst), graph, labels)


@dataclass(frozen=True, eq=False)
class TeacherTargets:
    """What a teacher says of each edge [E]: ``logits`` (float32), and ``states`` [E, K] behind
    them (float16)."""

    logits: Tensor
    states: Tensor

    def of(self, edges: Tensor) -> TeacherTargets:
        """Return those of ``edges``."""
        return TeacherTargets(self.logits[edges], self.states[edges])


@dataclass(frozen=True, eq=False)
class Batch:
    """What a training step takes; ``target``, ``counted`` [E], ``teacher`` of the same edges."""

    inputs: Inputs
    target: Tensor
    counted: Tensor
    teacher: TeacherTargets | None


class Example:
    """A labelled graph as tensors, of which a training step takes a sector of azimuth."""

    def __init__(
        self,
        labelled: LabelledGraph,
        contract: Contract,
        batch_edges: int,
        teacher: TeacherTargets | None = None,
    ) -> None:
        graph, labels = labelled.graph, labelled.labels
        self.labels = labels
        self.inputs = graph_inputs(graph, contract)
        self.teacher = teacher
        self.n_sectors = -(-graph.n_edges // batch_edges)
        self._target = torch.from_numpy(labels.target).float()
        self._used = torch.from_numpy(~labels.ignored)
        self._names = tuple(contract.features.node), tuple(contract.features.edge)
        phi = (graph.position[graph.src, 0] << _POSITION_BITS) >> contract.hit.phi.bits
        self._azimuth = torch.from_numpy(phi.astype(np.int32))

    def batch(self, sector: int, turn: float, flip_z: bool, flip_phi: bool) -> Batch:
        """Return the edges from hits in ``sector`` of ``n_sectors``, the first of which starts at
        azimuth ``turn`` (in turns), mirrored as told."""
        node, edge, edge_index = self.inputs
        if self.n_sectors == 1:
            edges = torch.arange(edge_index.shape[1])
            nodes, pairs = torch.arange(len(node)), edge_index
        else:
            full = 1 << _POSITION_BITS
            from_start = (self._azimuth - int(turn * full)) % full
            edges = (from_start * self.n_sectors // full == sector).nonzero().squeeze(1)
            nodes, pairs = torch.unique(edge_index[:, edges], return_inverse=True)
        node_signs, edge_signs = (mirror_signs(names, flip_z, flip_phi) for names in self._names)
        teacher = self.teacher.of(edges) if self.teacher else None
        inputs = node[nodes] * node_signs, edge[edges] * edge_signs, pairs
        return Batch(inputs, self._target[edges], self._used[edges], teacher)


def clipped_shares(examples: Sequence[Example], contract: Contract) -> dict[str, float]:
    """Return, by feature, the share of the values at an end of the format, where it clips; 0 of
    none."""
    formats = contract.features
    ends = formats.format.to_float([formats.format.min_int, formats.format.max_int])
    low, high = ends.tolist()
    shares = {}
    for position, names in enumerate((formats.node, formats.edge)):
        columns = torch.cat([example.inputs[position] for example in examples])
        clipped = ((columns == low) | (columns == high)).double().mean(0).nan_to_num()
        shares |= dict(zip(names, clipped.tolist(), strict=True))
    return shares


def network_inputs(
    node_features: Int64, edge_features: Int64, src: Int64, dst: Int64, contract: Contract
) -> Inputs:
    """Return the arguments of a network's forward: float32 features on the grid, edge_index."""
    to_float = contract.features.format.to_float
    return (
        torch.from_numpy(to_float(node_features).astype(np.float32)),
        torch.from_numpy(to_float(edge_features).astype(np.float32)),
        torch.from_numpy(np.stack([src, dst])),
    )


def graph_inputs(graph: Graph, contract: Contract) -> Inputs:
    """Return the arguments of a network's forward for a whole graph."""
    return network_inputs(graph.node_features, graph.edge_features, graph.src, graph.dst, contract)


def mirror_signs(names: Iterable[str], flip_z: bool, flip_phi: bool) -> Tensor:
    """Return the sign of each feature column under reflections of the detector.

    The detector and the field's track family are symmetric under z -> -z and phi -> -phi.
    """
    return torch.tensor(
        [
            -1.0 if (name in ODD_IN_Z and flip_z) or (name in ODD_IN_PHI and flip_phi) else 1.0
            for name in names
        ]
    )
