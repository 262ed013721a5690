"""The closed-form helix fit: exact helices back, signs by hand, no helix is NaN."""

from __future__ import annotations

import warnings
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpga_gnn.events.event import Particles
from fpga_gnn.tracks.candidates import Tracks
from fpga_gnn.tracks.fit import Perigee, fit_tracks, residuals, true_perigee

NAMES = [field.name for field in fields(Perigee)]
FIELD = 2.0
RADIUS_OF_1_GEV = 1000 / (0.299792458 * FIELD)


def particles(pt, phi, eta, vertex, charge):
    """Particles of equal number of columns, as the event holds them (float32)."""
    columns = np.broadcast_arrays(pt, phi, eta, charge, *vertex)
    pt, phi, eta, charge, vx, vy, vz = (np.atleast_1d(column) for column in columns)
    n = pt.size
    return Particles(
        particle_id=np.arange(1, n + 1),
        pdg_id=np.full(n, 13),
        px=pt * np.cos(phi),
        py=pt * np.sin(phi),
        pz=pt * np.sinh(eta),
        vx=vx,
        vy=vy,
        vz=vz,
        charge=charge,
        primary=np.ones(n, dtype=np.int8),
    )


def helix(truth, paths):
    """Points [P, N, 3] that ``truth`` particles reach after transverse ``paths`` [N] mm."""
    px, py, pz, vx, vy, vz, charge = (
        getattr(truth, name).astype(np.float64)[:, None]
        for name in ("px", "py", "pz", "vx", "vy", "vz", "charge")
    )
    pt, phi = np.hypot(px, py), np.arctan2(py, px)
    turned = -charge * 0.299792458e-3 * FIELD / pt * paths
    chord = paths * np.sinc(turned / 2 / np.pi)
    x = vx + chord * np.cos(phi + turned / 2)
    y = vy + chord * np.sin(phi + turned / 2)
    return np.stack([x, y, vz + paths * pz / pt], axis=2)


def every(points):
    """One track per row of ``points`` [T, N, 3]."""
    n_tracks, n_hits, _ = points.shape
    start = np.arange(n_tracks + 1) * n_hits
    return *points.reshape(-1, 3).T, Tracks(start, np.arange(n_tracks * n_hits))


def one(points):
    """Parameters of the track through ``points``."""
    x, y, z = np.array(points, dtype=np.float64).reshape(-1, 3).T
    return fit_tracks(x, y, z, Tracks(np.array([0, x.size]), np.arange(x.size)))


def assert_close(found, expected, mm, rad, per_gev):
    for name, difference in residuals(found, expected).items():
        limit = {"d0": mm, "z0": mm, "q_over_pt": per_gev}.get(name, rad)
        assert np.abs(difference).max(initial=0) < limit, name


tracks_of_particles = st.tuples(
    st.floats(0.7, 200),
    st.floats(-3.1, 3.1),
    st.floats(-3.5, 3.5),
    st.tuples(st.floats(-60, 60), st.floats(-60, 60), st.floats(-200, 200)),
    st.sampled_from([-1.0, 1.0]),
)


@settings(deadline=None)
@given(st.lists(tracks_of_particles, min_size=1, max_size=5), st.integers(3, 12))
def test_exact_helices_are_recovered(drawn, n_hits):
    truth = particles(
        *(np.array(column) for column in list(zip(*drawn, strict=True))[:3]),
        np.array([row[3] for row in drawn]).T,
        np.array([row[4] for row in drawn]),
    )
    found = fit_tracks(*every(helix(truth, np.linspace(150, 900, n_hits))), FIELD)
    assert_close(found, true_perigee(truth, FIELD), mm=1e-6, rad=1e-9, per_gev=1e-9)


@settings(deadline=None)
@given(tracks_of_particles)
def test_the_true_perigee_is_the_point_of_the_helix_next_to_the_axis(row):
    truth = particles(*row)
    found = true_perigee(truth, FIELD)
    path = np.linspace(-120, 120, 240_001)
    x, y, z = helix(truth, path)[0].T
    nearest = int(np.argmin(np.hypot(x, y)))
    phi = found.phi[0]
    assert abs(abs(found.d0[0]) - np.hypot(x, y)[nearest]) < 1e-3
    assert np.hypot(*(found.d0 * [-np.sin(phi), np.cos(phi)] - [x[nearest], y[nearest]])) < 2e-3
    assert abs(found.z0[0] - z[nearest]) < 0.02
    assert np.allclose(found.theta, np.arctan2(1, np.sinh(row[2])), rtol=1e-5)
    assert np.allclose(found.q_over_pt, row[4] / row[0], rtol=1e-6)


def test_a_positive_particle_turns_clockwise():
    down, up = (np.array([0.0, sign * RADIUS_OF_1_GEV]) for sign in (-1, 1))
    angle = np.array([0.1, 0.2, 0.3])
    right = [down[1] * (1 - np.cos(angle)), RADIUS_OF_1_GEV * np.sin(angle)]
    clockwise = one(np.stack([right[1], right[0], 0 * angle], 1))
    other = one(np.stack([right[1], up[1] * (1 - np.cos(angle)), 0 * angle], 1))
    assert clockwise.q_over_pt == pytest.approx(1)
    assert other.q_over_pt == pytest.approx(-1)
    assert clockwise.pt == pytest.approx(1)
    assert clockwise.phi == pytest.approx(0, abs=1e-12)
    assert clockwise.eta == pytest.approx(0, abs=1e-12)


def test_the_axis_on_the_right_is_positive_d0():
    # straight up at x = -3: the axis is on the right; at x = 3 it is on the left
    for x, d0 in ((-3.0, 3.0), (3.0, -3.0)):
        found = one([(x, 10, 5), (x, 20, 15), (x, 40, 35)])
        assert found.d0 == pytest.approx(d0)
        assert found.phi == pytest.approx(np.pi / 2)
        assert found.z0 == pytest.approx(-5)
        assert found.theta == pytest.approx(np.pi / 4)
        assert true_perigee(particles(1.0, np.pi / 2, 0.0, (x, 100, 0), 0.0)).d0 == pytest.approx(
            d0, abs=1e-5
        )


@pytest.mark.parametrize("slope", [0.0, 0.3, -2.0])
def test_a_straight_line_has_no_curvature(slope):
    x = np.array([30.0, 70.0, 110.0, 500.0])
    found = one(np.stack([x, 0.5 * x, slope * x], 1))
    assert found.q_over_pt == pytest.approx(0, abs=1e-12)
    assert found.pt[0] > 1e12
    assert found.d0 == pytest.approx(0, abs=1e-9)


def test_a_neutral_particle_is_followed_on_a_straight_line():
    found = true_perigee(particles(2.0, 0.0, 1.0, (10.0, 4.0, 7.0), 0.0))
    assert (found.q_over_pt, found.pt, found.d0, found.phi) == (0, np.inf, 4, 0)
    assert found.z0 == pytest.approx(7 - 10 * np.sinh(1.0))


P = (10.0, 1.0, 2.0)
Q = (20.0, 3.0, 5.0)
CIRCLE = [(100 * np.cos(a), 100 * np.sin(a), 10 * a) for a in (0.1, 0.7, 1.5, 2.0)]


@pytest.mark.parametrize(
    "points",
    [
        [],
        [P],
        [P, Q],
        [P, P, P],
        [P, Q, Q, P, P],
        [(0.0, 0.0, z) for z in (1.0, 2.0, 3.0)],
        [(5.0, 6.0, z) for z in (1.0, 2.0, 3.0)],
        CIRCLE,
    ],
    ids=["none", "one", "two", "the same", "two distinct", "axis", "along z", "around the axis"],
)
def test_no_helix_is_nan_without_a_warning(points):
    good = [(1.0, 1.0, 0.0), (2.0, 2.1, 1.0), (4.0, 4.3, 3.0)]
    x, y, z = np.array([*points, *good]).T
    tracks = Tracks(np.array([0, len(points), len(points) + 3]), np.arange(x.size))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = fit_tracks(x, y, z, tracks)
        columns = [*(getattr(found, name) for name in NAMES), found.pt, found.eta]
    assert all(np.isnan(column).tolist() == [True, False] for column in columns)


def test_a_particle_along_the_beam_has_no_perigee():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = true_perigee(particles(0.0, 0.0, 0.0, (1.0, 2.0, 3.0), 1.0))
    assert all(np.isnan(getattr(found, name)).all() for name in NAMES)


def test_no_tracks():
    none = Tracks(np.zeros(1, dtype=np.int64), np.zeros(0, dtype=np.int64))
    assert len(fit_tracks([], [], [], none)) == 0


def test_tracks_are_independent_share_hits_and_have_no_order():
    truth = particles(np.array([1.0, 3.0]), np.array([0.2, 0.3]), 0.5, (0.1, 0.2, 3.0), 1.0)
    x, y, z, tracks = every(helix(truth, np.array([50.0, 120.0, 300.0, 700.0])))
    alone = fit_tracks(x, y, z, tracks)
    mixed = Tracks(np.array([0, 4, 8, 12]), np.array([7, 5, 6, 4, 0, 1, 2, 3, 3, 1, 2, 0]))
    assert_close(fit_tracks(x, y, z, mixed), alone.take([1, 0, 0]), 1e-9, 1e-12, 1e-12)


@settings(deadline=None)
@given(tracks_of_particles, st.floats(-3, 3))
def test_a_rotated_track_differs_in_phi_only(row, angle):
    points = helix(particles(*row), np.linspace(150, 900, 6))
    points[0, :, 1] += [0.1, -0.2, 0.0, 0.3, -0.1, 0.2]
    c, s = np.cos(angle), np.sin(angle)
    turned = points @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1.0]])
    expected = fit_tracks(*every(points))
    shifted = Perigee(
        *(expected.phi + angle if n == "phi" else getattr(expected, n) for n in NAMES)
    )
    assert_close(fit_tracks(*every(turned)), shifted, mm=1e-5, rad=1e-8, per_gev=1e-8)


def test_smeared_hits_have_the_resolution_of_least_squares():
    rng, n_tracks, sigma = np.random.default_rng(1), 4000, 0.05
    phi, sign = rng.uniform(-np.pi, np.pi, n_tracks), rng.choice([-1.0, 1.0], n_tracks)
    truth = particles(10.0, phi, 0.3, (0.0, 0.0, 0.0), sign)
    paths = np.array([32.0, 72.0, 116.0, 172.0, 260.0, 360.0, 500.0, 660.0])
    points = helix(truth, paths)
    across = np.stack([-np.sin(phi), np.cos(phi), 0 * phi], 1)[:, None, :]
    points += across * rng.normal(0, sigma, (n_tracks, paths.size, 1))
    points[:, :, 2] += rng.normal(0, sigma, (n_tracks, paths.size))
    found, true = fit_tracks(*every(points), FIELD), true_perigee(truth, FIELD)
    bend = np.linalg.inv(np.stack([paths**0, paths, paths**2 / 2]) @ np.stack(
        [paths**0, paths, paths**2 / 2], 1
    ))  # fmt: skip
    line = np.linalg.inv(np.stack([paths**0, paths]) @ np.stack([paths**0, paths], 1))
    sine2 = 1 / (1 + np.sinh(0.3) ** 2)
    expected = {
        "d0": bend[0, 0] ** 0.5,
        "phi": bend[1, 1] ** 0.5,
        "q_over_pt": bend[2, 2] ** 0.5 / (0.299792458e-3 * FIELD),
        "z0": line[0, 0] ** 0.5,
        "theta": line[1, 1] ** 0.5 * sine2,
    }
    for name, per_sigma in expected.items():
        residual = residuals(found, true)[name]
        assert np.std(residual) == pytest.approx(sigma * per_sigma, rel=0.06), name
        assert abs(np.mean(residual)) < 5 * sigma * per_sigma / n_tracks**0.5, name


def test_residuals_of_phi_are_the_short_way_round():
    one, two = (Perigee(*[np.array([value])] * 5) for value in (3.1, -3.1))
    found = residuals(one, two)
    assert list(found) == NAMES
    assert found["phi"] == pytest.approx(6.2 - 2 * np.pi)
    assert found["d0"] == pytest.approx(6.2)
