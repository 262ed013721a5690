"""Target particles: the ones a tracking algorithm is asked to find."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from fpga_gnn.contract.bounded import Few
from fpga_gnn.events.event import NO_PARTICLE, Event

_ELECTRON = 11


class TargetSelection(BaseModel):
    """Cuts on truth particles; defaults are the ATLAS GNN4ITk ones (CHEP 2024)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_pt: float = Field(default=1.0, ge=0, description="GeV")
    max_abs_eta: float = Field(default=4.0, gt=0)
    max_production_radius: float = Field(default=260.0, gt=0, description="mm")
    min_hits: Few = 3


def hit_particles(event: Event) -> NDArray[np.int64]:
    """Return the row of ``event.particles`` that made each hit [H] int64, -1 for noise."""
    ids = event.particles.particle_id
    order = np.argsort(ids, kind="stable")
    linked = event.hits.particle_id != NO_PARTICLE
    rows = np.full(len(event.hits), -1, dtype=np.int64)
    rows[linked] = order[np.searchsorted(ids[order], event.hits.particle_id[linked])]
    return rows


def hits_per_particle(event: Event) -> NDArray[np.int64]:
    """Return the number of hits of each particle, int64, in the order of ``event.particles``."""
    rows = hit_particles(event)
    counts: NDArray[np.int64] = np.bincount(rows[rows >= 0], minlength=len(event.particles))
    return counts.astype(np.int64)


def target_mask(event: Event, selection: TargetSelection) -> NDArray[np.bool_]:
    """Return a mask over ``event.particles``: primary, no electron, inside ``selection``."""
    particles = event.particles
    radius = np.hypot(particles.vx.astype(np.float64), particles.vy.astype(np.float64))
    mask: NDArray[np.bool_] = (
        (particles.primary == 1)
        & (particles.charge != 0)
        & (np.abs(particles.pdg_id) != _ELECTRON)
        & (particles.pt > selection.min_pt)
        & (np.abs(particles.eta) < selection.max_abs_eta)
        & (radius < selection.max_production_radius)
        & (hits_per_particle(event) >= selection.min_hits)
    )
    return mask
