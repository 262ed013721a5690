"""Graph construction as the rest of the pipeline sees it: an event in, a hit graph out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from fpga_gnn.contract import Contract
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.events.event import Event
from fpga_gnn.graphs.hits import quantize_hits
from fpga_gnn.graphs.module_map import ModuleMap, tagged_edges


@dataclass(frozen=True, eq=False)
class HitGraph:
    """Candidate edges of an event.

    ``rows`` [N] is the row of ``event.hits`` behind each node; ``src``, ``dst`` [E] are nodes,
    from the inner to the outer hit, in canonical order (src, dst).
    """

    rows: Int64
    src: Int64
    dst: Int64

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return int(self.rows.size)

    @property
    def n_edges(self) -> int:
        """Number of edges."""
        return int(self.src.size)


class GraphConstruction(Protocol):
    """A way to propose the edges of an event."""

    @property
    def name(self) -> str:
        """Name in reports: ``module-map`` or ``metric-learning``."""

    def __call__(self, event: Event) -> HitGraph:
        """Return the candidate graph of ``event``."""


@dataclass(frozen=True, eq=False)
class ModuleMapConstruction:
    """Edges are the doublets of ``module_map``, with ``triplets`` those that a triplet confirms."""

    module_map: ModuleMap
    contract: Contract
    triplets: bool = True
    device: torch.device | str = "cpu"

    @property
    def name(self) -> str:
        """Name in reports."""
        return "module-map" if self.triplets else "module-map doublets"

    def __call__(self, event: Event) -> HitGraph:
        """Return the candidate graph of ``event``."""
        hits = quantize_hits(event, self.module_map.modules, self.contract)
        used = self.module_map if self.triplets else self.module_map.doublet_map
        candidates = used.candidates(hits.records, self.contract, self.device)
        if not self.triplets:
            return HitGraph(hits.rows, candidates.src, candidates.dst)
        return HitGraph(hits.rows, *tagged_edges(candidates))
