"""Helix fit of track candidates: perigee parameters with respect to the beam axis.

Perigee as in ATLAS and ACTS: the point of closest approach to the z axis lies at
``(-d0 sin(phi), d0 cos(phi), z0)``, so d0 > 0 where the axis is on the right of the track;
``phi`` and ``theta`` are those of the momentum at that point. The field is homogeneous along +z,
in which positive particles turn clockwise (phi falls along the track).

A circle in (x, y) with curvature ``rho`` > 0 for counter-clockwise tracks obeys

    0.5 rho r^2 - (1 + rho d0) u + d0 (1 + 0.5 rho d0) = 0,    u = y cos(phi) - x sin(phi)

(V. Karimäki, Nucl. Instrum. Meth. A 305 (1991) 187, with ``rho`` and ``d0`` of these signs):
divided by ``1 + rho d0`` it reads ``u = kappa r^2 + delta``, so least squares have a closed form
that holds for straight tracks too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fpga_gnn.events.acts_detector import FIELD_TESLA
from fpga_gnn.events.event import Particles
from fpga_gnn.tracks.candidates import Tracks

Float = NDArray[np.float64]

_NO_SPREAD = 1e-12
"""Relative variance below which points coincide, or lie on a circle around the beam axis."""

GEV_PER_TESLA_MM = 2.99792458e-4
"""pT [GeV] of a unit charge on a circle of radius 1 mm in a field of 1 T."""


@dataclass(frozen=True, eq=False)
class Perigee:
    """Perigee parameters [T] float64: ``d0``, ``z0`` in mm, ``phi`` in (-pi, pi], ``theta`` in rad,
    ``q_over_pt`` in 1/GeV. All NaN where hits define no helix."""

    d0: Float
    z0: Float
    phi: Float
    theta: Float
    q_over_pt: Float

    def __len__(self) -> int:
        return int(self.d0.size)

    @property
    def pt(self) -> Float:
        """Transverse momentum in GeV, infinite for a straight track."""
        with np.errstate(divide="ignore"):
            return 1 / np.abs(self.q_over_pt)

    @property
    def eta(self) -> Float:
        """Pseudorapidity."""
        return np.arcsinh(1 / np.tan(self.theta))

    def take(self, index: ArrayLike) -> Perigee:
        """Return the rows that ``index`` (integers or a mask) selects, in its order."""
        rows = np.asarray(index)
        return Perigee(*(column[rows] for column in vars(self).values()))


def residuals(found: Perigee, true: Perigee) -> dict[str, Float]:
    """Return ``found - true`` [T] of each parameter by its name, that of phi in [-pi, pi)."""
    return {
        name: np.remainder(difference + np.pi, 2 * np.pi) - np.pi if name == "phi" else difference
        for name, difference in (
            (name, column - getattr(true, name)) for name, column in vars(found).items()
        )
    }


def fit_tracks(
    x: ArrayLike, y: ArrayLike, z: ArrayLike, tracks: Tracks, field_tesla: float = FIELD_TESLA
) -> Perigee:
    """Fit a helix to each of ``tracks``, whose hits are rows of ``x``, ``y``, ``z`` [H] in mm.

    All hits weigh the same: circle fit in (x, y), then a straight line in (arc length, z).
    Particles move outwards over less than half a turn; the order of a track's hits is of no
    matter. A track of fewer than three distinct (x, y), or whose hits lie on a circle around the
    beam axis, is NaN.
    """
    track, n_hits = tracks.track, tracks.n_hits
    x, y, z = (np.asarray(v, dtype=np.float64)[tracks.hits] for v in (x, y, z))

    def mean(v: Float) -> Float:
        return np.bincount(track, v, n_hits.size) / n_hits

    with np.errstate(all="ignore"):
        r2 = x**2 + y**2
        mx, my, mr, mz = mean(x), mean(y), mean(r2), mean(z)
        dx, dy, dr, dz = x - mx[track], y - my[track], r2 - mr[track], z - mz[track]
        xx, yy, rr, xr, yr = (mean(v) for v in (dx * dx, dy * dy, dr * dr, dx * dr, dy * dr))
        # scatter that a term linear in r^2 leaves; the track is its long axis
        sxx, syy, sxy = xx - xr * xr / rr, yy - yr * yr / rr, mean(dx * dy) - xr * yr / rr
        axis = 0.5 * np.arctan2(2 * sxy, sxx - syy)
        c, s = np.cos(axis), np.sin(axis)
        outwards = np.where(c * mx + s * my < 0, -1.0, 1.0)
        c, s = outwards * c, outwards * s
        kappa = (c * yr - s * xr) / rr
        delta = c * my - s * mx - kappa * mr
        root = np.sqrt(1 - 4 * kappa * delta)
        rho, d0 = 2 * kappa / root, 2 * delta / (1 + root)
        arc = arc_length(*local(x, y, c[track], s[track], d0[track]), rho[track])
        middle = mean(arc)
        ds = arc - middle[track]
        cot_theta = mean(ds * dz) / mean(ds * ds)
        fitted = (
            (sxx + syy > _NO_SPREAD * (xx + yy))
            & (rr > (_NO_SPREAD * mr) ** 2)
            & np.isfinite(rho + d0 + cot_theta)
        )
        perigee = (
            d0,
            mz - cot_theta * middle,
            np.arctan2(s, c),
            np.arctan2(1.0, cot_theta),
            -rho / (GEV_PER_TESLA_MM * field_tesla),
        )
        return Perigee(*(np.where(fitted, column, np.nan) for column in perigee))


def true_perigee(particles: Particles, field_tesla: float = FIELD_TESLA) -> Perigee:
    """Return the perigee of each of ``particles`` [P]: its helix at the vertex, followed to the
    point of closest approach without material; NaN along the beam."""
    px, py, pz, vx, vy, vz, charge = (
        getattr(particles, name).astype(np.float64)
        for name in ("px", "py", "pz", "vx", "vy", "vz", "charge")
    )
    with np.errstate(all="ignore"):
        pt = np.hypot(px, py)
        c, s = px / pt, py / pt
        q_over_pt = charge / pt
        rho = -q_over_pt * GEV_PER_TESLA_MM * field_tesla
        along, left = local(vx, vy, c, s, 0.0)
        turned = np.arctan2(rho * along, 1 + rho * left)
        d0 = rho * (along**2 + left**2) + 2 * left
        d0 /= 1 + np.hypot(rho * along, 1 + rho * left)
        phi = np.arctan2(py, px) - turned
        perigee = (
            d0,
            vz - pz / pt * arc_length(along, -left, rho),
            np.arctan2(np.sin(phi), np.cos(phi)),
            np.arctan2(pt, pz),
            q_over_pt,
        )
        return Perigee(*(np.where(pt > 0, column, np.nan) for column in perigee))


def local(x: Float, y: Float, c: Float, s: Float, d0: Float | float) -> tuple[Float, Float]:
    """Return points as distances along a direction (cosine ``c``, sine ``s``) and to its left,
    from the point that ``d0`` puts beside the origin."""
    return x * c + y * s, y * c - x * s - d0


def arc_length(along: Float, left: Float, rho: Float) -> Float:
    """Return the path on a circle of curvature ``rho`` to where it passes ``along``, ``left``."""
    with np.errstate(all="ignore"):
        turned = np.arctan2(rho * along, 1 - rho * left)
        return np.where(rho * along == 0, along, turned / rho)
