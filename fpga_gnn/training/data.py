"""Labelled graphs: what training and validation iterate over."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fpga_gnn.contract import Contract
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.events.event import Event
from fpga_gnn.events.targets import TargetSelection
from fpga_gnn.graphs.features import ODD_IN_PHI, ODD_IN_Z
from fpga_gnn.graphs.graph import EventGraph, Graph, build_event_graph
from fpga_gnn.graphs.module_map import ModuleMap
from fpga_gnn.graphs.truth import EdgeLabels, label_edges


@dataclass(frozen=True, eq=False)
class LabelledGraph:
    """An event, its graph and the labels of its edges."""

    event: Event
    event_graph: EventGraph
    labels: EdgeLabels

    @classmethod
    def of(cls, event: Event, event_graph: EventGraph, selection: TargetSelection) -> LabelledGraph:
        """Label the edges of ``event_graph`` with the truth of its ``event``."""
        graph, rows = event_graph.graph, event_graph.hits.rows
        return cls(event, event_graph, label_edges(event, selection, rows, graph.src, graph.dst))

    @property
    def graph(self) -> Graph:
        """The graph."""
        return self.event_graph.graph


def labelled_graphs(
    events: Iterable[Event], module_map: ModuleMap, contract: Contract, selection: TargetSelection
) -> Iterable[LabelledGraph]:
    """Build and label the graph of each event, one at a time."""
    for event in events:
        yield LabelledGraph.of(event, build_event_graph(event, module_map, contract), selection)


def network_inputs(
    node_features: Int64, edge_features: Int64, src: Int64, dst: Int64, contract: Contract
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the arguments of a network's forward: float32 features on the grid, edge_index."""
    to_float = contract.features.format.to_float
    return (
        torch.from_numpy(to_float(node_features).astype(np.float32)),
        torch.from_numpy(to_float(edge_features).astype(np.float32)),
        torch.from_numpy(np.stack([src, dst])),
    )


def graph_inputs(graph: Graph, contract: Contract) -> tuple[Tensor, Tensor, Tensor]:
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
