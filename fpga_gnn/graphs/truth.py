"""Truth tracks as ordered hit sequences, and the labels of candidate edges."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.events.event import NO_PARTICLE, Event
from fpga_gnn.events.targets import TargetSelection, hit_particles, target_mask


@dataclass(frozen=True, eq=False)
class TruthSegments:
    """Consecutive hit pairs of every particle; rows of ``event.hits``.

    ``inner`` [S], ``outer`` [S] hits of a segment, ``target`` [S] whether its particle is a
    target. A particle's hits are ordered by distance from its production vertex, ties by row.
    """

    inner: Int64
    outer: Int64
    target: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class EdgeLabels:
    """Labels of a graph's edges [E].

    ``true``: consecutive hits of one particle. ``target``: true and of a target particle.
    ``ignored``: true but of no target, or hits of one particle that are not consecutive; such
    edges count neither as signal nor as background (the field's masked purity).
    ``n_target_segments`` counts the target segments of the event, in the graph or not.
    """

    true: NDArray[np.bool_]
    target: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    n_target_segments: int


def truth_segments(event: Event, selection: TargetSelection) -> TruthSegments:
    """Return the consecutive hit pairs of all particles of ``event``."""
    hits, particles = event.hits, event.particles
    particle = hit_particles(event)
    linked = np.flatnonzero(particle >= 0)
    particle = particle[linked]
    distance = np.sqrt(
        (hits.x[linked].astype(np.float64) - particles.vx[particle]) ** 2
        + (hits.y[linked].astype(np.float64) - particles.vy[particle]) ** 2
        + (hits.z[linked].astype(np.float64) - particles.vz[particle]) ** 2
    )
    order = np.lexsort((linked, distance, particle))
    rows, owner = linked[order].astype(np.int64), particle[order]
    same = owner[1:] == owner[:-1]
    target = target_mask(event, selection)[owner[1:]]
    return TruthSegments(rows[:-1][same], rows[1:][same], target[same])


def label_edges(
    event: Event, selection: TargetSelection, rows: Int64, src: Int64, dst: Int64
) -> EdgeLabels:
    """Label edges ``src -> dst`` [E] (nodes; ``rows`` [N] maps nodes to rows of ``event.hits``)."""
    segments = truth_segments(event, selection)
    width = np.int64(len(event.hits))
    keys = segments.inner * width + segments.outer
    order = np.argsort(keys)
    edge_keys = rows[src] * width + rows[dst]
    true = np.zeros(src.size, dtype=np.bool_)
    target = np.zeros(src.size, dtype=np.bool_)
    if keys.size:
        slot = np.minimum(np.searchsorted(keys[order], edge_keys), keys.size - 1)
        true = keys[order][slot] == edge_keys
        target = true & segments.target[order][slot]
    owner = event.hits.particle_id[rows]
    same = (owner[src] == owner[dst]) & (owner[src] != NO_PARTICLE)
    return EdgeLabels(true, target, same & ~target, int(segments.target.sum()))
