"""The filter: exact helices back, the resolution of a toy detector with scattering."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from fpga_gnn.errors import InputError
from fpga_gnn.events.event import Hits
from fpga_gnn.tracks.candidates import Tracks
from fpga_gnn.tracks.fit import fit_tracks
from fpga_gnn.tracks.scattering_fit import MAX_FILTERED, fit_hits

LAYERS = np.array([32.0, 72.0, 116.0, 172.0, 260.0, 360.0, 500.0, 660.0, 820.0, 1020.0])
VOLUMES = np.array([8] * 4 + [13] * 4 + [17] * 2)
PARAMETERS = ("d0", "z0", "phi", "theta", "q_over_pt")
FIELD, SIGMAS = 2.0, {8: (0.05, 0.05), 13: (0.08, 1.2), 17: (0.12, 10.8)}


def event_hits(points, volumes):
    """Hits and one track per row of ``points`` [T, N, 3]."""
    n_tracks, n_hits, _ = points.shape
    x, y, z = points.reshape(-1, 3).T
    n = x.size
    volume = np.broadcast_to(volumes, (n_tracks, n_hits)).ravel()
    other = {name: np.zeros(n, dtype=int) for name in ("layer_id", "module_id", "particle_id")}
    hits = Hits(hit_id=np.arange(n), x=x, y=y, z=z, volume_id=volume, **other)
    return hits, Tracks(np.arange(n_tracks + 1) * n_hits, np.arange(n))


def toy(n_tracks, pt, thickness, cot=0.5, smear=1.0, layers=LAYERS, volumes=VOLUMES):
    """Barrel points of positive particles from (0, 0, 10) along x, scattered after each layer."""
    rng = np.random.default_rng(7)
    position = np.tile([0.0, 0.0, 10.0], (n_tracks, 1))
    phi, slope = np.zeros(n_tracks), np.full(n_tracks, cot)
    rho = -0.299792458e-3 * FIELD / pt
    sine = 1 / np.sqrt(1 + cot**2)
    length = thickness / sine
    kick = 0.0136 / (pt / sine) * np.sqrt(length) * (1 + 0.038 * np.log(length)) if length else 0.0
    points, path = [], 0.0
    for layer, volume in zip(layers, volumes, strict=True):
        step, path = layer - path, layer
        middle = phi + rho * step / 2
        chord = step * np.sinc(rho * step / 2 / np.pi)
        position = position + np.stack(
            [chord * np.cos(middle), chord * np.sin(middle), step * slope], 1
        )
        phi = phi + rho * step
        across = np.stack([-np.sin(phi), np.cos(phi)], 1)
        measured = position.copy()
        narrow, wide = (smear * pitch / 12**0.5 for pitch in SIGMAS[volume])
        measured[:, :2] += across * rng.normal(0, 1, (n_tracks, 1)) * narrow
        measured[:, 2] += rng.normal(0, 1, n_tracks) * wide
        points.append(measured)
        phi = phi + rng.normal(0, 1, n_tracks) * kick / sine
        slope = slope + rng.normal(0, 1, n_tracks) * kick / sine**2
    return event_hits(np.stack(points, 1), volumes)


def width(values):
    low, high = np.quantile(values, [0.16, 0.84])
    return (high - low) / 2


@pytest.mark.parametrize("pt", [0.8, 2.0, 50.0])
def test_exact_helices_are_recovered(pt):
    hits, tracks = toy(3, pt, thickness=0.0, smear=0.0)
    found = fit_hits(hits, tracks, FIELD)
    true = {"d0": 0, "z0": 10, "phi": 0, "theta": np.arctan2(1, 0.5), "q_over_pt": 1 / pt}
    # positions are float32
    for name, value in true.items():
        assert getattr(found, name) == pytest.approx(np.full(3, value), abs=2e-4), name


def test_scattering_does_not_spoil_the_perigee():
    hits, tracks = toy(3000, 1.0, thickness=0.02)
    plain, filtered = fit_tracks(hits.x, hits.y, hits.z, tracks), fit_hits(hits, tracks)
    assert width(filtered.d0) < 0.4 * width(plain.d0)
    assert width(filtered.z0) < 0.2 * width(plain.z0)
    for name in PARAMETERS:
        assert width(getattr(filtered, name)) < 1.03 * width(getattr(plain, name)), name
    # what the first gap alone allows: scattering in the innermost layer over 32 mm
    sine = 1 / np.sqrt(1.25)
    kick = 0.0136 * sine * np.sqrt(0.02 / sine) * (1 + 0.038 * np.log(0.02 / sine)) / sine
    assert 32 * kick < width(filtered.d0) < 1.6 * 32 * kick


def test_without_scattering_the_weights_are_those_of_the_errors():
    hits, tracks = toy(3000, 200.0, thickness=0.0)
    found = fit_hits(hits, tracks)
    design = np.stack([LAYERS**0, LAYERS, LAYERS**2 / 2], 1)
    narrow, wide = (np.array([SIGMAS[v] for v in VOLUMES]) / 12**0.5).T
    bend = np.linalg.inv(design.T / narrow**2 @ design)
    line = np.linalg.inv(design[:, :2].T / wide**2 @ design[:, :2])
    assert np.std(found.d0) == pytest.approx(bend[0, 0] ** 0.5, rel=0.1)
    assert np.std(found.q_over_pt) == pytest.approx(
        bend[2, 2] ** 0.5 / (0.299792458e-3 * FIELD), rel=0.1
    )
    assert np.std(found.z0) == pytest.approx(line[0, 0] ** 0.5, rel=0.1)
    assert np.mean(found.z0) == pytest.approx(10, abs=5 * line[0, 0] ** 0.5 / 3000**0.5)


def test_an_error_along_the_strips_of_a_disc_moves_z0_by_little():
    # discs at fixed z: the radius of the last, long-strip hit is wrong by 3 mm
    cot = 3.0
    hits, _ = toy(1, 5.0, 0.0, cot, 0.0, LAYERS[:7], np.array([8] * 7))
    points = np.stack([hits.x, hits.y, hits.z], 1).astype(np.float64)[None]
    points[0, 6, :2] *= 1 + 3 / np.hypot(*points[0, 6, :2])
    wrong = event_hits(points, np.array([9] * 6 + [18]))
    assert abs(fit_hits(*wrong).z0[0] - 10) < 0.3
    assert abs(fit_tracks(wrong[0].x, wrong[0].y, wrong[0].z, wrong[1]).z0[0] - 10) > 1


def test_no_helix_is_nan_without_a_warning():
    hits, good = toy(1, 2.0, 0.02)
    tracks = Tracks(np.array([0, 0, 2, 2 + LAYERS.size]), np.array([0, 1, *good.hits]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = fit_hits(hits, tracks)
        none = fit_hits(hits, Tracks(np.zeros(1, np.int64), np.zeros(0, np.int64)))
    assert len(none) == 0
    for name in PARAMETERS:
        assert np.isnan(getattr(found, name)).tolist() == [True, True, False]


def test_a_merged_candidate_of_many_hits_has_a_fit():
    layers = np.linspace(30, 1000, 3 * MAX_FILTERED)
    hits, tracks = toy(2, 3.0, 0.0, smear=0.0, layers=layers, volumes=np.full(layers.size, 8))
    found = fit_hits(hits, tracks)
    assert found.q_over_pt == pytest.approx(np.full(2, 1 / 3), abs=1e-5)
    assert found.z0 == pytest.approx(np.full(2, 10), abs=1e-3)


def test_a_volume_that_the_detector_does_not_have_is_refused():
    hits, tracks = toy(1, 2.0, 0.0, layers=LAYERS[:4], volumes=np.array([8] * 4))
    strange = Hits(**{n: getattr(hits, n) for n in Hits.DTYPES} | {"volume_id": [8, 8, 3, 8]})
    with pytest.raises(InputError, match=r"volume_id: found 3, expected one of 7, 8, 9"):
        fit_hits(strange, tracks)
