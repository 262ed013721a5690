"""From edge scores to track candidates."""

from __future__ import annotations

import numpy as np

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.graphs.graph import EventGraph
from fpga_gnn.tracks.connected_components import label, tracks_from_labels


def build_tracks(event_graph: EventGraph, scores: Int64, cut: int, min_hits: int) -> Int64:
    """Return the track number of each row of the event's hits, -1 for none.

    Tracks are the connected components, of at least ``min_hits`` hits, of the edges with
    ``score > cut`` (integer scores [E]).
    """
    graph = event_graph.graph
    labels = label(graph.n_nodes, graph.src, graph.dst, scores > cut)
    track = np.empty(graph.n_nodes, dtype=np.int64)
    track[event_graph.hits.rows] = tracks_from_labels(labels, min_hits)
    return track
