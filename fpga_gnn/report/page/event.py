"""An event as the page's display takes it: columns, packed into typed arrays."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_gnn.contract import FixedPoint
from fpga_gnn.contract.fixed_point import Int64

FAKE, TARGET, OTHER = 0, 1, 2
"""Truth of an edge: hits of two particles, consecutive ones of a target, others of one particle."""


@dataclass(frozen=True, eq=False)
class DisplayHits:
    """Hits [H]: ``x y z`` in mm, the sensor, and ``particle``, a row of the particles or -1."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    z: NDArray[np.float64]
    hit_id: Int64
    volume: Int64
    layer: Int64
    module: Int64
    particle: Int64


@dataclass(frozen=True, eq=False)
class DisplayEdges:
    """Edges [E] between rows of the hits: integer ``score`` of ``format``, kept above ``cut``;
    ``truth`` is ``FAKE``, ``TARGET`` or ``OTHER``."""

    src: Int64
    dst: Int64
    score: Int64
    truth: Int64
    format: FixedPoint
    cut: int


@dataclass(frozen=True, eq=False)
class DisplayTracks:
    """Tracks [T] of ``builder``: track t has ``hits[start[t]:start[t + 1]]`` from the inside out,
    and more than half of them from the particle ``matched[t]`` (-1: from none, a fake)."""

    builder: str
    start: Int64
    hits: Int64
    matched: Int64


@dataclass(frozen=True, eq=False)
class DisplayParticles:
    """Particles [P] with hits; ``pt`` in GeV. Those to be found are ``target``, those that have a
    track ``found``. ``inner``, ``outer`` [S] are the consecutive hits of the targets."""

    particle_id: Int64
    pdg_id: Int64
    pt: NDArray[np.float64]
    eta: NDArray[np.float64]
    target: NDArray[np.bool_]
    found: NDArray[np.bool_]
    inner: Int64
    outer: Int64


@dataclass(frozen=True, eq=False)
class EventDisplay:
    """One event, its graph, its tracks and its truth; ``n_candidates`` are the pairs of hits in
    the doublet windows of the module map."""

    event_id: int
    sample: str
    detector: str
    n_candidates: int
    hits: DisplayHits
    edges: DisplayEdges
    tracks: DisplayTracks
    particles: DisplayParticles

    @property
    def n_kept(self) -> int:
        """Number of edges above the cut."""
        return int((self.edges.score > self.edges.cut).sum())

    def packed(self) -> dict[str, Any]:
        """Return the event as JSON: columns are base64 of little-endian typed arrays.

        Positions are rounded to 1/65534 of the event's size along their axis.
        """
        hits, edges, tracks, particles = self.hits, self.edges, self.tracks, self.particles
        step = {axis: float(np.abs(getattr(hits, axis)).max(initial=1.0)) / 32767 for axis in "xyz"}
        columns: dict[str, NDArray[Any]] = {
            **{axis: np.rint(getattr(hits, axis) / step[axis]).astype("<i2") for axis in "xyz"},
            "hitId": hits.hit_id.astype("<i8"),
            "volume": hits.volume.astype("<u2"),
            "layer": hits.layer.astype("<u2"),
            "module": hits.module.astype("<u4"),
            "particle": hits.particle.astype("<i4"),
            "src": edges.src.astype("<i4"),
            "dst": edges.dst.astype("<i4"),
            "score": edges.score.astype("<i4"),
            "truth": edges.truth.astype("<u1"),
            "trackStart": tracks.start.astype("<i4"),
            "trackHits": tracks.hits.astype("<i4"),
            "trackMatched": tracks.matched.astype("<i4"),
            "particleId": particles.particle_id.astype("<i8"),
            "pdgId": particles.pdg_id.astype("<i4"),
            "pt": particles.pt.astype("<f4"),
            "eta": particles.eta.astype("<f4"),
            "target": particles.target.astype("<u1"),
            "found": particles.found.astype("<u1"),
            "inner": particles.inner.astype("<i4"),
            "outer": particles.outer.astype("<i4"),
        }
        return {
            "step": step,
            "score": {
                "min": edges.format.min_int,
                "max": edges.format.max_int,
                "frac": edges.format.frac,
                "cut": edges.cut,
            },
            "columns": {
                name: {
                    "type": column.dtype.str[1:],
                    "data": base64.b64encode(column.tobytes()).decode(),
                }
                for name, column in columns.items()
            },
        }
