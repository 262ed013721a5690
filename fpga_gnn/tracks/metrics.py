"""Track efficiency, fake and duplicate rates, as the field defines them.

Matching: ATLAS (one-way) - more than half of a track's hits come from one particle; two-way
(double majority) - and the track holds more than half of that particle's hits; LHC - more than
three quarters of the track's hits come from one particle (gnn_tracking, ``cluster_metrics.py``).
All bounds are strict. A track is matched to any particle; efficiency counts target particles.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from fpga_gnn.contract.bounded import Few
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.events.event import Event
from fpga_gnn.events.targets import (
    TargetSelection,
    hit_particles,
    hits_per_particle,
    target_mask,
)
from fpga_gnn.tracks.binomial import Rate, ratio
from fpga_gnn.tracks.candidates import Tracks
from fpga_gnn.tracks.fit import Perigee

PT_EDGES = (1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0)
ETA_EDGES = tuple(i / 2 for i in range(-8, 9))
"""Bins of the efficiency plots; particles above 20 GeV enter the last bin (overflow)."""

Mask = NDArray[np.bool_]


class TrackSelection(BaseModel):
    """Cuts on tracks; those left out (None) do not cut. A track without a fit fails any cut on
    its parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_hits: Few = 3
    max_abs_d0: float | None = Field(default=None, gt=0, description="mm")
    max_abs_z0: float | None = Field(default=None, gt=0, description="mm")
    min_pt: float | None = Field(default=None, ge=0, description="GeV")


CHEP_2024 = TrackSelection(min_hits=8, max_abs_d0=20.0, max_abs_z0=250.0, min_pt=1.0)
"""Tracks of the ATLAS GNN4ITk efficiency plots (CHEP 2024)."""


def select_tracks(tracks: Tracks, perigee: Perigee | None, selection: TrackSelection) -> Mask:
    """Return which of ``tracks`` [T] pass ``selection``; ``perigee`` [T] is their fit.

    ``ValueError`` if the selection cuts on a perigee that is not given.
    """
    kept = tracks.n_hits >= selection.min_hits
    limits = {"d0": selection.max_abs_d0, "z0": selection.max_abs_z0}
    if perigee is None:
        if any(limit is not None for limit in (*limits.values(), selection.min_pt)):
            raise ValueError("the selection cuts on the perigee, but there is none")
        return kept
    for name, limit in limits.items():
        if limit is not None:
            kept = kept & (np.abs(getattr(perigee, name)) < limit)
    return kept if selection.min_pt is None else kept & (perigee.pt > selection.min_pt)


@dataclass(frozen=True, eq=False)
class TrackMatch:
    """One event's matching.

    Per particle [P]: ``target``, ``found``, ``found_two_way``, ``found_lhc``, ``pt`` in GeV,
    ``eta``. Per track [T]: ``matched`` row of the particle table or -1, ``n_hits``, and ``purity``,
    the largest share of its hits that one particle made (noise is of no particle).
    """

    target: Mask
    found: Mask
    found_two_way: Mask
    found_lhc: Mask
    pt: NDArray[np.float64]
    eta: NDArray[np.float64]
    matched: Int64
    n_hits: Int64
    purity: NDArray[np.float64]


@dataclass(frozen=True)
class TrackSummary:
    """Counts over events, and the rates made of them; a rate without a denominator is NaN."""

    n_events: int
    n_targets: int
    n_found: int
    n_found_two_way: int
    n_found_lhc: int
    n_tracks: int
    n_matched: int
    n_distinct: int

    @property
    def rates(self) -> dict[str, Rate]:
        """The rates that have a binomial error, by the names of the properties below."""
        return {
            "efficiency": Rate(self.n_found, self.n_targets),
            "efficiency_two_way": Rate(self.n_found_two_way, self.n_targets),
            "efficiency_lhc": Rate(self.n_found_lhc, self.n_targets),
            "fake_rate": Rate(self.n_tracks - self.n_matched, self.n_tracks),
            "strict_fake_rate": Rate(self.n_tracks - self.n_distinct, self.n_tracks),
        }

    @property
    def efficiency(self) -> float:
        """Found targets / targets (one-way matching)."""
        return self.rates["efficiency"].value

    @property
    def efficiency_two_way(self) -> float:
        """Found targets / targets (double majority)."""
        return self.rates["efficiency_two_way"].value

    @property
    def efficiency_lhc(self) -> float:
        """Found targets / targets (LHC matching); gnn_tracking divides by tracks instead."""
        return self.rates["efficiency_lhc"].value

    @property
    def fake_rate(self) -> float:
        """Tracks matched to no particle / tracks."""
        return self.rates["fake_rate"].value

    @property
    def strict_fake_rate(self) -> float:
        """1 - distinct matched particles / tracks: duplicates count as fakes."""
        return self.rates["strict_fake_rate"].value

    @property
    def duplicate_rate(self) -> float:
        """(Matched tracks - distinct particles) / distinct particles."""
        return ratio(self.n_matched - self.n_distinct, self.n_distinct)


def match_tracks(event: Event, tracks: Tracks, selection: TargetSelection) -> TrackMatch:
    """Match ``tracks``, which may share hits, to the particles of ``event``."""
    n_particles, n_hits, track = len(event.particles), tracks.n_hits, tracks.track
    owner = hit_particles(event)[tracks.hits]
    linked = owner >= 0
    width = max(n_particles, 1)
    pair, shared = np.unique(track[linked] * width + owner[linked], return_counts=True)
    pair_track, pair_particle = pair // width, pair % width
    of_track = n_hits[pair_track]
    majority = 2 * shared > of_track
    two_way = majority & (2 * shared > hits_per_particle(event)[pair_particle])
    lhc = 4 * shared > 3 * of_track
    matched = np.full(len(tracks), -1, dtype=np.int64)
    matched[pair_track[majority]] = pair_particle[majority]
    largest = np.zeros(len(tracks), dtype=np.int64)
    np.maximum.at(largest, pair_track, shared)
    return TrackMatch(
        target=target_mask(event, selection),
        found=_marked(n_particles, pair_particle[majority]),
        found_two_way=_marked(n_particles, pair_particle[two_way]),
        found_lhc=_marked(n_particles, pair_particle[lhc]),
        pt=event.particles.pt,
        eta=event.particles.eta,
        matched=matched,
        n_hits=n_hits,
        purity=largest / np.maximum(n_hits, 1),
    )


def summarize(matches: Iterable[TrackMatch]) -> TrackSummary:
    """Add up the matches of several events."""
    rows = [
        (
            1,
            int(m.target.sum()),
            int((m.target & m.found).sum()),
            int((m.target & m.found_two_way).sum()),
            int((m.target & m.found_lhc).sum()),
            m.matched.size,
            int((m.matched >= 0).sum()),
            int(np.unique(m.matched[m.matched >= 0]).size),
        )
        for m in matches
    ]
    return TrackSummary(*(sum(row[i] for row in rows) for i in range(len(fields(TrackSummary)))))


def _marked(size: int, rows: Int64) -> Mask:
    mask = np.zeros(size, dtype=np.bool_)
    mask[rows] = True
    return mask
