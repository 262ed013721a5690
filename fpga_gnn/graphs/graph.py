"""The candidate graph of an event: integer node and edge features in canonical edge order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fpga_gnn.contract import (
    CandidateRecords,
    Contract,
    FixedPoint,
    HitRecords,
    divide_half_even,
    shift_right_half_even,
)
from fpga_gnn.contract.config import DIRECTION_FRAC
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.events.event import Event
from fpga_gnn.graphs.hits import QuantizedHits, quantize_hits, wrap_phi
from fpga_gnn.graphs.module_map import ModuleMap, tagged_edges


@dataclass(frozen=True, eq=False)
class Graph:
    """Edges ordered by (src, dst); features are integers of the contract's feature format.

    ``node_features`` [N, Fn], ``edge_features`` [E, Fe], ``src``, ``dst`` [E] nodes,
    ``position`` [N, 2] integer azimuth and pseudorapidity of the nodes (for partitioning).
    ``n_saturated`` counts the features that the format clipped.
    """

    node_features: Int64
    edge_features: Int64
    src: Int64
    dst: Int64
    position: Int64
    n_saturated: int

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return int(self.node_features.shape[0])

    @property
    def n_edges(self) -> int:
        """Number of edges."""
        return int(self.src.size)


@dataclass(frozen=True, eq=False)
class EventGraph:
    """A graph with the hits and the candidates it was built from."""

    graph: Graph
    hits: QuantizedHits
    candidates: CandidateRecords


def build_event_graph(event: Event, module_map: ModuleMap, contract: Contract) -> EventGraph:
    """Build the graph of ``event``: its edges are the triplet-confirmed doublets of the map."""
    hits = quantize_hits(event, module_map.modules, contract)
    candidates = module_map.candidates(hits.records, contract)
    return EventGraph(graph_from_candidates(hits.records, candidates, contract), hits, candidates)


def graph_from_candidates(
    hits: HitRecords, candidates: CandidateRecords, contract: Contract
) -> Graph:
    """Keep the tagged ``candidates`` and compute the classifier's integer features."""
    return graph_of_edges(hits, *tagged_edges(candidates), contract)


def graph_of_edges(hits: HitRecords, src: Int64, dst: Int64, contract: Contract) -> Graph:
    """Compute the classifier's integer features of edges ``src``, ``dst`` [E] between nodes."""
    nodes = {"r": hits.r, "phi": hits.phi, "z": hits.z, "eta": hits.eta}
    dr, dz = hits.r[dst] - hits.r[src], hits.z[dst] - hits.z[src]
    dphi = wrap_phi(hits.phi[dst] - hits.phi[src], contract.hit.phi)
    differences = {"dr": dr, "dphi": dphi, "dz": dz, "deta": hits.eta[src] - hits.eta[dst]}
    ratios = {
        "phi_slope": (dphi, dr, contract.windows.phi_slope.frac),
        "r_phi_slope": ((hits.r[src] + hits.r[dst]) * dphi, 2 * dr, 0),
        "z0": (hits.z[src] * dr - hits.r[src] * dz, dr, 0),
        "direction": (dz, abs(dr) + abs(dz), DIRECTION_FRAC),
    }

    def edge_feature(name: str, shift: int) -> Int64:
        if name in differences:
            return shift_right_half_even(differences[name], shift)
        numerator, denominator, frac = ratios[name]
        left = max(frac - shift, 0)
        return divide_half_even(numerator << left, denominator << (left - (frac - shift)))

    formats = contract.features
    node_features, n_nodes_clipped = _to_format(
        [shift_right_half_even(nodes[name], shift) for name, shift in formats.node.items()],
        formats.format,
    )
    edge_features, n_edges_clipped = _to_format(
        [edge_feature(name, shift) for name, shift in formats.edge.items()], formats.format
    )
    return Graph(
        node_features,
        edge_features,
        src,
        dst,
        node_positions(hits),
        n_nodes_clipped + n_edges_clipped,
    )


def node_positions(hits: HitRecords) -> Int64:
    """Return the azimuth and pseudorapidity [N, 2] of each node, for partitioning."""
    return np.stack([hits.phi, hits.eta], axis=1)


def _to_format(columns: list[Int64], fixed: FixedPoint) -> tuple[Int64, int]:
    rounded = np.stack(columns, axis=1)
    clipped = fixed.saturate(rounded)
    return clipped, int((clipped != rounded).sum())
