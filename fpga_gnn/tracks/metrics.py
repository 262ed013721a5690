"""Track efficiency, fake and duplicate rates, as the field defines them.

Matching: ATLAS (one-way) - more than half of a track's hits come from one particle; two-way
(double majority) - and the track holds more than half of that particle's hits. A track is
matched to any particle; efficiency counts target particles.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.events.event import NO_PARTICLE, Event
from fpga_gnn.events.targets import TargetSelection, hits_per_particle, target_mask


@dataclass(frozen=True, eq=False)
class TrackMatch:
    """One event's matching. Per particle: ``target`` and ``found``, ``found_two_way``, ``pt``,
    ``eta``; per track: ``matched`` row of the particle table or -1."""

    target: NDArray[np.bool_]
    found: NDArray[np.bool_]
    found_two_way: NDArray[np.bool_]
    pt: NDArray[np.float64]
    eta: NDArray[np.float64]
    matched: Int64


@dataclass(frozen=True)
class TrackSummary:
    """Counts over events, and the rates made of them; a rate without a denominator is NaN."""

    n_events: int
    n_targets: int
    n_found: int
    n_found_two_way: int
    n_tracks: int
    n_matched: int
    n_distinct: int

    @property
    def efficiency(self) -> float:
        """Found targets / targets (one-way matching)."""
        return ratio(self.n_found, self.n_targets)

    @property
    def efficiency_two_way(self) -> float:
        """Found targets / targets (double majority)."""
        return ratio(self.n_found_two_way, self.n_targets)

    @property
    def fake_rate(self) -> float:
        """Tracks matched to no particle / tracks."""
        return ratio(self.n_tracks - self.n_matched, self.n_tracks)

    @property
    def strict_fake_rate(self) -> float:
        """1 - distinct matched particles / tracks: duplicates count as fakes."""
        return ratio(self.n_tracks - self.n_distinct, self.n_tracks)

    @property
    def duplicate_rate(self) -> float:
        """(Matched tracks - distinct particles) / distinct particles."""
        return ratio(self.n_matched - self.n_distinct, self.n_distinct)


def match_tracks(event: Event, track: Int64, selection: TargetSelection) -> TrackMatch:
    """Match the tracks of ``event``; ``track`` is the track number per row of ``event.hits``.

    -1 marks hits of no track; a hit belongs to at most one track.
    """
    particles = event.particles
    n_tracks = int(track.max(initial=-1)) + 1
    hits_in_track = np.bincount(track[track >= 0], minlength=n_tracks)
    by_id = np.argsort(particles.particle_id, kind="stable")
    linked = (track >= 0) & (event.hits.particle_id != NO_PARTICLE)
    owner = by_id[np.searchsorted(particles.particle_id[by_id], event.hits.particle_id[linked])]
    width = max(len(particles), 1)
    pair, shared = np.unique(track[linked] * width + owner, return_counts=True)
    pair_track, pair_particle = pair // width, pair % width
    majority = 2 * shared > hits_in_track[pair_track]
    matched = np.full(n_tracks, -1, dtype=np.int64)
    matched[pair_track[majority]] = pair_particle[majority]
    two_way = majority & (2 * shared > hits_per_particle(event)[pair_particle])
    return TrackMatch(
        target=target_mask(event, selection),
        found=_marked(len(particles), pair_particle[majority]),
        found_two_way=_marked(len(particles), pair_particle[two_way]),
        pt=particles.pt,
        eta=particles.eta,
        matched=matched,
    )


def summarize(matches: Iterable[TrackMatch]) -> TrackSummary:
    """Add up the matches of several events."""
    rows = [
        (
            1,
            int(m.target.sum()),
            int((m.target & m.found).sum()),
            int((m.target & m.found_two_way).sum()),
            m.matched.size,
            int((m.matched >= 0).sum()),
            int(np.unique(m.matched[m.matched >= 0]).size),
        )
        for m in matches
    ]
    return TrackSummary(*(sum(row[i] for row in rows) for i in range(len(fields(TrackSummary)))))


def _marked(size: int, rows: Int64) -> NDArray[np.bool_]:
    mask = np.zeros(size, dtype=np.bool_)
    mask[rows] = True
    return mask


def ratio(part: float, whole: float) -> float:
    """Return ``part / whole``; NaN without a denominator."""
    return float(part) / float(whole) if whole else float("nan")
