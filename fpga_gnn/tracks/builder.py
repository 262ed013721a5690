"""From edge scores to track candidates: the track builders by name, with their settings.

Every builder gives each node to at most one track. Cuts are in the units of the scores, which are
probabilities or integers of the firmware's grid; their defaults are for probabilities.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fpga_gnn.contract import validation_error
from fpga_gnn.contract.bounded import Few
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import InputError
from fpga_gnn.graphs.graph import EventGraph
from fpga_gnn.tracks.candidates import Tracks
from fpga_gnn.tracks.connected_components import label, tracks_from_labels
from fpga_gnn.tracks.dwalk import Metric, dwalk_labels
from fpga_gnn.tracks.edges import Scores, check_edges
from fpga_gnn.tracks.fast_walkthrough import fast_walkthrough_labels
from fpga_gnn.tracks.junction_removal import acorn_labels, without_junctions
from fpga_gnn.tracks.walkthrough import walkthrough_labels

_Integer = Annotated[int, Field(gt=-(1 << 62), lt=1 << 62)]
Cut = _Integer | Annotated[float, Field(allow_inf_nan=False)]


class TrackBuilder(BaseModel):
    """Settings of a track builder; ``min_hits`` is the least number of hits of a track."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_hits: Few = 3

    def labels(self, n_nodes: int, src: ArrayLike, dst: ArrayLike, score: ArrayLike) -> Int64:
        """Return the track of each node [N], -1 for none; tracks are numbered by smallest node.

        ``src``, ``dst`` [E] edges from inner to outer hits, strictly ascending by (src, dst),
        ``score`` [E] float or integer: it is only compared (``Dwalk`` also adds it up). Raises
        ``InputError`` for other edges and, where the builder walks, for a cycle.
        """
        edges = check_edges(n_nodes, src, dst, score)
        return tracks_from_labels(self._candidates(n_nodes, *edges), self.min_hits)

    @abstractmethod
    def _candidates(self, n_nodes: int, src: Int64, dst: Int64, score: Scores) -> Int64:
        """Return the label [N] of each node: the smallest node of its candidate, of any size."""


class ConnectedComponents(TrackBuilder):
    """Weakly connected components of the edges with ``score > cut``."""

    name: Literal["cc"] = "cc"
    cut: Cut = 0.5

    def _candidates(self, n_nodes: int, src: Int64, dst: Int64, score: Scores) -> Int64:
        return label(n_nodes, src, dst, score > self.cut)


class JunctionRemoval(TrackBuilder):
    """ACTS: of the edges with ``score > cut`` the best into and out of each node, then CC."""

    name: Literal["cc-jr"] = "cc-jr"
    cut: Cut = 0.5

    def _candidates(self, n_nodes: int, src: Int64, dst: Int64, score: Scores) -> Int64:
        kept = np.flatnonzero(score > self.cut)
        src, dst = src[kept], dst[kept]
        return label(n_nodes, src, dst, without_junctions(n_nodes, src, dst, score[kept]))


class AcornJunctionRemoval(TrackBuilder):
    """acorn: chains above ``chain_cut``, then CC of a thinned rest above ``junction_cut``."""

    name: Literal["cc-jr-acorn"] = "cc-jr-acorn"
    chain_cut: Cut = 0.9
    min_chain_hits: Few = 5
    junction_cut: Cut = 0.2

    def _candidates(self, n_nodes: int, src: Int64, dst: Int64, score: Scores) -> Int64:
        cuts = self.chain_cut, self.min_chain_hits, self.junction_cut
        return acorn_labels(n_nodes, src, dst, score, *cuts)


class _Walk(TrackBuilder):
    component_cut: Cut = 0.01
    min_cut: Cut = 0.1
    add_cut: Cut = 0.6

    @model_validator(mode="after")
    def _cuts_ascend(self) -> Self:
        if self.min_cut > self.add_cut:
            raise ValueError(f"min_cut <= add_cut = {self.add_cut}")
        return self


class Walkthrough(_Walk):
    """CTD 2023: the longest road from each unused hit, through its best and all good edges."""

    name: Literal["walkthrough"] = "walkthrough"

    def _candidates(self, n_nodes: int, src: Int64, dst: Int64, score: Scores) -> Int64:
        cuts = self.component_cut, self.min_cut, self.add_cut
        return walkthrough_labels(n_nodes, src, dst, score, *cuts)


class FastWalkthrough(_Walk):
    """The longest path from each unused hit of a graph thinned to best and good edges."""

    name: Literal["fast-walkthrough"] = "fast-walkthrough"

    def _candidates(self, n_nodes: int, src: Int64, dst: Int64, score: Scores) -> Int64:
        cuts = self.component_cut, self.min_cut, self.add_cut
        return fast_walkthrough_labels(n_nodes, src, dst, score, *cuts)


class Dwalk(_Walk):
    """2026: the heaviest paths, one after the other, by the sum of scores or by length."""

    name: Literal["dwalk"] = "dwalk"
    metric: Metric = "score"

    def _candidates(self, n_nodes: int, src: Int64, dst: Int64, score: Scores) -> Int64:
        cuts = self.component_cut, self.min_cut, self.add_cut
        return dwalk_labels(n_nodes, src, dst, score, *cuts, self.metric)


BUILDERS: dict[str, type[TrackBuilder]] = {
    "cc": ConnectedComponents,
    "cc-jr": JunctionRemoval,
    "cc-jr-acorn": AcornJunctionRemoval,
    "walkthrough": Walkthrough,
    "fast-walkthrough": FastWalkthrough,
    "dwalk": Dwalk,
}
"""The track builders by name."""


def builder(name: str, /, **settings: Any) -> TrackBuilder:
    """Return the builder ``name`` with ``settings``; raises ``InputError`` for a bad one."""
    if name not in BUILDERS:
        raise InputError("track builder", repr(name), f"one of {', '.join(BUILDERS)}")
    try:
        return BUILDERS[name](**settings)
    except ValidationError as error:
        raise validation_error(error, f"track builder {name}", BUILDERS[name]) from error


def tracks_of(labels: Int64, rows: Int64) -> Tracks:
    """Return the tracks of node ``labels`` [N]; node n is row ``rows[n]`` of ``event.hits``."""
    by_node = Tracks.from_labels(labels)
    return Tracks(by_node.start, rows[by_node.hits])


def build_tracks(event_graph: EventGraph, scores: Int64, cut: int, min_hits: int) -> Int64:
    """Return the track number of each row of the event's hits, -1 for none.

    Tracks are the connected components, of at least ``min_hits`` hits, of the edges with
    ``score > cut`` (integer scores [E]).
    """
    graph = event_graph.graph
    components = ConnectedComponents(cut=cut, min_hits=min_hits)
    track = np.empty(graph.n_nodes, dtype=np.int64)
    track[event_graph.hits.rows] = components.labels(graph.n_nodes, graph.src, graph.dst, scores)
    return track
