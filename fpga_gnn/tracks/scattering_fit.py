"""Helix fit that knows measurement errors and multiple scattering: a Kalman filter inwards.

It starts from the closed-form helix of ``tracks.fit`` and filters the hits' deviations from it,
outermost hit first, so that the inner hits, which scattering has moved least, decide on the
perigee (R. Frühwirth, Nucl. Instrum. Meth. A 262 (1987) 444). The errors are those of the ACTS
Generic Detector (TrackML geometry), scattering is Highland's formula (PDG, "Passage of particles
through matter") with the same material in every layer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_gnn.errors import InputError
from fpga_gnn.events.acts_detector import FIELD_TESLA, PITCHES_MM
from fpga_gnn.events.event import Hits
from fpga_gnn.tracks.candidates import Tracks
from fpga_gnn.tracks.fit import GEV_PER_TESLA_MM, Float, Perigee, arc_length, fit_tracks, local

BARREL_VOLUMES = (8, 13, 17)
LAYER_RADIATION_LENGTHS = 0.02
"""Material of one layer at normal incidence, about that of the Generic Detector."""
MAX_FILTERED = 40
"""Hits of a track beyond this many, counted from inside, are not filtered: no particle of the
detector has more, only merged candidates do."""

_PRIOR_BEND = (100.0, 0.01, 1e-6)
_PRIOR_LINE = (1e4, 1.0)
"""Variances before the first hit (mm^2, 1, 1/mm^2; mm^2, 1): wide against any helix of a track."""


def fit_hits(hits: Hits, tracks: Tracks, field_tesla: float = FIELD_TESLA) -> Perigee:
    """Fit all ``tracks``, rows of ``hits``; NaN where ``fit_tracks`` gives NaN.

    ``InputError`` for a hit of a volume that the detector does not have.
    """
    seed = fit_tracks(hits.x, hits.y, hits.z, tracks, field_tesla)
    rho = -seed.q_over_pt * GEV_PER_TESLA_MM * field_tesla
    with np.errstate(all="ignore"):
        steps = _Steps(hits, tracks, seed, rho)
        bend, line = _filter(steps, rho, seed)
        cot = 1 / np.tan(seed.theta) + line[:, 1]
        phi = seed.phi + bend[:, 1]
        return Perigee(
            seed.d0 + bend[:, 0],
            seed.z0 + line[:, 0],
            np.arctan2(np.sin(phi), np.cos(phi)),
            np.arctan2(1.0, cot),
            seed.q_over_pt - bend[:, 2] / (GEV_PER_TESLA_MM * field_tesla),
        )


class _Steps:
    """The hits of all tracks [K], each track's from outside to inside, relative to its helix.

    ``arc`` transverse path from the perigee, ``bend`` and ``line`` deviations to the left in
    (x, y) and along z, with variances ``bend_variance``, ``line_variance``; ``thickness`` of the
    layer along the track in radiation lengths; ``first``, ``count`` [T] rows of each track.
    """

    def __init__(self, hits: Hits, tracks: Tracks, seed: Perigee, rho: Float) -> None:
        track, rows = tracks.track, tracks.hits
        x, y, z = (v[rows].astype(np.float64) for v in (hits.x, hits.y, hits.z))
        direction, h = seed.phi[track], rho[track]
        along, left = local(x, y, np.cos(direction), np.sin(direction), seed.d0[track])
        arc = arc_length(along, left, h)
        order = np.lexsort((-arc, track))
        cot = 1 / np.tan(seed.theta)[track]
        bend = (2 * left - h * (along**2 + left**2)) / (1 + np.hypot(h * along, 1 - h * left))
        line = z - seed.z0[track] - cot * arc
        narrow, wide, barrel = _errors(hits.volume_id[rows])
        # angle between the radius and the track: an error in r moves a disc's hit across the track
        phi = direction + h * arc
        sine = (x * np.sin(phi) - y * np.cos(phi)) / np.hypot(x, y)
        bend_variance = narrow**2 * (1 - sine**2) + np.where(barrel, 0, (wide * sine) ** 2)
        line_variance = np.where(barrel, wide, wide * cot) ** 2
        per_sine = np.sqrt(1 + cot**2)
        path = np.where(barrel, per_sine, per_sine / np.abs(cot))
        self.arc, self.bend, self.line = arc[order], bend[order], line[order]
        self.bend_variance, self.line_variance = bend_variance[order], line_variance[order]
        self.thickness = LAYER_RADIATION_LENGTHS * path[order]
        self.first = tracks.start[:-1] + np.maximum(tracks.n_hits - MAX_FILTERED, 0)
        self.count = np.minimum(tracks.n_hits, MAX_FILTERED)


def _errors(volume: NDArray[np.int32]) -> tuple[Float, Float, NDArray[np.bool_]]:
    """Return the errors in mm across and along the strips and whether the sensors are barrel."""
    unknown = np.setdiff1d(volume, list(PITCHES_MM))
    if unknown.size:
        known = ", ".join(map(str, sorted(PITCHES_MM)))
        raise InputError("hits: volume_id", int(unknown[0]), f"one of {known}")
    table = np.zeros((max(PITCHES_MM) + 1, 2))
    table[list(PITCHES_MM)] = list(PITCHES_MM.values())
    narrow, wide = table[volume].T / np.sqrt(12)
    return narrow, wide, np.isin(volume, BARREL_VOLUMES)


def _filter(steps: _Steps, rho: Float, seed: Perigee) -> tuple[Float, Float]:
    """Return the corrections (d0, phi, rho) [T, 3] and (z0, cot theta) [T, 2] to the ``seed``."""
    n = rho.size
    bend, line = np.zeros((n, 3)), np.zeros((n, 2))
    bend_covariance = np.tile(np.diag(_PRIOR_BEND), (n, 1, 1))
    line_covariance = np.tile(np.diag(_PRIOR_LINE), (n, 1, 1))
    here = np.zeros(n)
    here[steps.count > 0] = steps.arc[steps.first[steps.count > 0]]
    per_sine = 1 / np.sin(seed.theta)
    momentum = seed.pt * per_sine
    for rank in range(int(steps.count.max(initial=0))):
        t = np.flatnonzero(steps.count > rank)
        hit = steps.first[t] + rank
        step = steps.arc[hit] - here[t]
        here[t] = steps.arc[hit]
        b, bc = _move(bend[t], bend_covariance[t], _bend_transport(rho[t], step))
        z, zc = _move(line[t], line_covariance[t], _line_transport(step))
        b, bc = _update(b, bc, steps.bend[hit], steps.bend_variance[hit])
        z, zc = _update(z, zc, steps.line[hit], steps.line_variance[hit])
        scattering = _highland(steps.thickness[hit], momentum[t]) ** 2
        bc[:, 1, 1] += scattering * per_sine[t] ** 2
        zc[:, 1, 1] += scattering * per_sine[t] ** 4
        bend[t], bend_covariance[t], line[t], line_covariance[t] = b, bc, z, zc
    bend, _ = _move(bend, bend_covariance, _bend_transport(rho, -here))
    line, _ = _move(line, line_covariance, _line_transport(-here))
    return bend, line


def _bend_transport(rho: Float, step: Float) -> NDArray[np.float64]:
    """Return d(offset, direction, curvature) / d(the same) along ``step`` of a circle [n, 3, 3]."""
    turn = rho * step
    matrix = np.tile(np.eye(3), (rho.size, 1, 1))
    matrix[:, 0, 0] = matrix[:, 1, 1] = np.cos(turn)
    matrix[:, 0, 1] = matrix[:, 1, 2] = step * np.sinc(turn / np.pi)
    matrix[:, 1, 0] = -rho * np.sin(turn)
    matrix[:, 0, 2] = 0.5 * (step * np.sinc(turn / (2 * np.pi))) ** 2
    return matrix


def _line_transport(step: Float) -> NDArray[np.float64]:
    matrix = np.tile(np.eye(2), (step.size, 1, 1))
    matrix[:, 0, 1] = step
    return matrix


def _move(state: Any, covariance: Any, transport: Any) -> tuple[Any, Any]:
    moved = transport @ covariance @ np.swapaxes(transport, 1, 2)
    return (transport @ state[:, :, None])[:, :, 0], moved


def _update(state: Any, covariance: Any, measured: Float, variance: Float) -> tuple[Any, Any]:
    """Kalman update with a measurement of the first component."""
    column = covariance[:, :, 0]
    gain = column / (column[:, :1] + variance[:, None])
    state = state + gain * (measured - state[:, 0])[:, None]
    return state, covariance - gain[:, :, None] * column[:, None, :]


def _highland(thickness: Float, momentum: Float) -> Float:
    """Return the projected scattering angle [rad] of ``thickness`` radiation lengths, p in GeV."""
    return 0.0136 / momentum * np.sqrt(thickness) * (1 + 0.038 * np.log(thickness))
