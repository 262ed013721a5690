"""Graphs from an embedding: its points, the radius that finds enough segments, the quality."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import FpgaGnnError, InputError
from fpga_gnn.events.event import Event
from fpga_gnn.events.targets import TargetSelection
from fpga_gnn.graphs.metric_learning import embedding_distance, is_outward, neighbour_edges
from fpga_gnn.graphs.truth import label_edges, truth_segments
from fpga_gnn.models.embedding import Embedding, hit_features
from fpga_gnn.tracks.binomial import Rate
from fpga_gnn.tracks.edge_metrics import GraphSummary

_RADIUS_STEP = 1e-4


def embed(network: Embedding, event: Event) -> NDArray[np.float32]:
    """Return the points [N, D] of all hits; ``InputError`` for a hit on the beam axis."""
    return embed_features(network, event_features(event))


def embed_features(network: Embedding, features: Tensor) -> NDArray[np.float32]:
    """Return the points [N, D] of ``features``; an error if a network that diverged made them."""
    with torch.no_grad():
        points: NDArray[np.float32] = network(features).numpy()
    if not np.isfinite(points).all():
        raise FpgaGnnError("embedding: a point is not finite; train with a lower learning rate")
    return points


def event_features(event: Event) -> Tensor:
    """Return the inputs of an embedding; ``InputError`` for a hit on the beam axis."""
    hits = event.hits
    on_beam = np.flatnonzero((hits.x == 0) & (hits.y == 0))
    if on_beam.size:
        where = f"event {event.event_id}: hit {hits.hit_id[on_beam[0]]}"
        raise InputError(where, "x = y = 0", "a hit away from the beam axis")
    return hit_features(hits.x, hits.y, hits.z)


def choose_radius(
    network: Embedding, events: Iterable[Event], selection: TargetSelection, efficiency: float
) -> float:
    """Return the least radius, in steps of 1e-4, that finds ``efficiency`` of the target segments.

    Segments that lead inwards or stay on one module are found at no radius. ``InputError`` if they
    are too many, or without any target segment.
    """
    distances = np.sort(
        np.concatenate([np.zeros(0), *(_distances(network, e, selection) for e in events)])
    )
    if not distances.size:
        raise InputError("validation events", "no target segment", "events with target particles")
    radius = float(distances[max(math.ceil(efficiency * distances.size) - 1, 0)])
    if not math.isfinite(radius):
        found = f"{np.isfinite(distances).mean():.4f} of the target segments lead outwards"
        raise InputError("target efficiency", efficiency, f"less: {found}")
    return round((math.floor(radius / _RADIUS_STEP) + 1) * _RADIUS_STEP, 4)


def graph_quality(
    network: Embedding, events: Iterable[Event], selection: TargetSelection, radii: Sequence[float]
) -> list[GraphSummary]:
    """Return the quality of the graphs of ``events`` at each of ``radii``.

    Finds and labels the edges of an event once, at the largest radius.
    """
    n_events = n_segments = 0
    counts = np.zeros((len(radii), 3), dtype=np.int64)
    for event in events:
        edges = neighbour_edges(embed(network, event), event.hits, max(radii))
        rows = np.arange(len(event.hits))
        labels = label_edges(event, selection, rows, edges.src, edges.dst)
        n_events, n_segments = n_events + 1, n_segments + labels.n_target_segments
        for i, radius in enumerate(radii):
            near = edges.distance <= radius
            used = near & ~labels.ignored
            counts[i] += (near.sum(), (near & labels.target).sum(), used.sum())
    return [
        GraphSummary(n_events, n_edges, Rate(n_target, n_segments), Rate(n_target, n_used))
        for n_edges, n_target, n_used in counts.tolist()
    ]


def quality_row(radius: float, summary: GraphSummary) -> dict[str, int | float]:
    """Return the figures of graphs at ``radius``; a rate out of nothing is 0."""
    efficiency, purity = summary.efficiency, summary.purity
    return {
        "radius": radius,
        "efficiency": efficiency.value if efficiency.total else 0.0,
        "purity": purity.value if purity.total else 0.0,
        "edges_per_event": summary.edges_per_event,
        "events": summary.n_events,
    }


def target_segments(event: Event, selection: TargetSelection) -> tuple[Int64, Int64]:
    """Return inner and outer hits of the target segments; rows of ``event.hits``."""
    segments = truth_segments(event, selection)
    return segments.inner[segments.target], segments.outer[segments.target]


def reachable_segments(event: Event, inner: Int64, outer: Int64) -> NDArray[np.bool_]:
    """Return which segments an edge can be: outwards and between two modules."""
    module = event.hits.module_key
    apart: NDArray[np.bool_] = module[inner] != module[outer]
    return is_outward(event.hits, inner, outer) & apart


def _distances(network: Embedding, event: Event, selection: TargetSelection) -> NDArray[np.float64]:
    """Return the distance of every target segment, infinite where no edge can be it."""
    inner, outer = target_segments(event, selection)
    distance = embedding_distance(embed(network, event), inner, outer)
    return np.where(reachable_segments(event, inner, outer), distance, np.inf)
