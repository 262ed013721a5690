"""The CKF finds the tracks of easy events, from hits alone, with their parameters."""

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from fpga_gnn.errors import InputError, ToolMissingError
from fpga_gnn.events.acts_detector import PIXEL_VOLUMES
from fpga_gnn.events.event import NO_PARTICLE
from fpga_gnn.events.sample import sample_store
from fpga_gnn.events.targets import TargetSelection, target_mask
from fpga_gnn.tracks.ckf import FULL_CKF, PIXEL_CKF, Ckf, CkfConfig


def changed(config, **changes):
    return CkfConfig(**{**config.model_dump(), **changes})


@pytest.mark.parametrize(
    "wrong",
    [
        {"detector": "strip"},
        {"cuts": ()},
        {"cuts": PIXEL_CKF.model_dump()["cuts"][::-1]},
        {"seeding": {"min_pt": 0.0}},
        {"seeding": {"minPt": 1.0}},
        {"max_candidates": 0},
        {"min_pt": float("nan")},
    ],
    ids=str,
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValidationError):
        changed(PIXEL_CKF, **wrong)


def test_missing_acts_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ToolMissingError, match=r"CKF: acts not installed; .*fpga-gnn\[sim\]"):
        Ckf(PIXEL_CKF)


class TestWithActs:
    """What needs ACTS."""

    @pytest.fixture(scope="class")
    def ckf(self):
        pytest.importorskip("acts")
        return Ckf(PIXEL_CKF)

    @pytest.fixture(scope="class")
    def event(self):
        return sample_store().read(0)

    @pytest.fixture(scope="class")
    def result(self, ckf, event):
        return ckf.find(event)

    @pytest.fixture(scope="class")
    def majority(self, event, result):
        """Per track the row of the particle that made more than half of its hits, or -1."""
        rows = []
        for first, last in zip(result.tracks.start, result.tracks.start[1:], strict=False):
            owner = event.hits.particle_id[result.tracks.hits[first:last]]
            ids, counts = np.unique(owner[owner != NO_PARTICLE], return_counts=True)
            best = ids[2 * counts > len(owner)]
            rows.append(
                int(np.flatnonzero(event.particles.particle_id == best[0])[0]) if best.size else -1
            )
        return np.array(rows)

    def test_target_particles_are_found_with_few_fakes(self, event, majority):
        target = np.flatnonzero(target_mask(event, TargetSelection()))
        assert len(target) > 20
        assert np.isin(target, majority).mean() > 0.9
        assert (majority < 0).mean() < 0.1

    def test_tracks_hold_distinct_pixel_hits_from_inside_out(self, event, result):
        tracks = result.tracks
        hits = event.hits
        assert (tracks.n_hits >= 3).all()
        assert np.isin(hits.volume_id[tracks.hits], PIXEL_VOLUMES).all()
        distance = np.hypot(np.hypot(hits.x, hits.y), hits.z)
        for first, last in zip(tracks.start, tracks.start[1:], strict=False):
            own = tracks.hits[first:last]
            assert len(set(own)) == len(own)
            assert distance[own[0]] < distance[own[-1]]

    def test_parameters_are_those_of_the_particles(self, event, result, majority):
        """Prompt particles of more than 1 GeV; medians, as scattering has long tails."""
        particles, perigee = event.particles, result.perigee
        assert len(perigee) == len(result.tracks)
        matched = np.flatnonzero(majority >= 0)
        radius = np.hypot(particles.vx, particles.vy)
        matched = matched[(radius[majority[matched]] < 0.1) & (particles.pt[majority[matched]] > 1)]
        row = majority[matched]
        assert len(row) > 20
        phi = np.arctan2(particles.py[row], particles.px[row])
        off_phi = np.remainder(perigee.phi[matched] - phi + np.pi, 2 * np.pi) - np.pi
        true_q_over_pt = particles.charge[row] / particles.pt[row]
        assert np.median(np.abs(off_phi)) < 0.01
        assert np.median(np.abs(perigee.z0[matched] - particles.vz[row])) < 1
        assert np.median(np.abs(perigee.d0[matched])) < 0.2
        assert (
            np.median(np.abs(np.sinh(particles.eta[row]) - 1 / np.tan(perigee.theta[matched])))
            < 0.02
        )
        assert np.median(np.abs(perigee.q_over_pt[matched] / true_q_over_pt - 1)) < 0.1

    def test_the_same_event_gives_the_same_tracks(self, ckf, event, result):
        for other in (ckf.find(event), Ckf(PIXEL_CKF).find(event)):
            assert np.array_equal(other.tracks.start, result.tracks.start)
            assert np.array_equal(other.tracks.hits, result.tracks.hits)
            for name, column in vars(result.perigee).items():
                assert np.array_equal(getattr(other.perigee, name), column), name

    def test_tracks_do_not_depend_on_particles(self, ckf, event, result):
        hits = replace(event.hits, particle_id=np.full(len(event.hits), NO_PARTICLE))
        other = ckf.find(replace(event, hits=hits)).tracks
        assert np.array_equal(other.hits, result.tracks.hits)

    def test_rows_count_all_hits_of_the_event(self, ckf, event, result):
        """Hits that the view leaves out shift the rows of the others."""
        hits = event.hits
        strips = replace(hits.take(np.arange(5)), volume_id=np.full(5, 13))
        columns = {
            name: np.concatenate([getattr(strips, name), getattr(hits, name)])
            for name in hits.DTYPES
        }
        columns["hit_id"] = np.arange(1, len(hits) + 6)
        other = ckf.find(replace(event, hits=type(hits)(**columns))).tracks
        assert np.array_equal(other.hits, result.tracks.hits + 5)

    @pytest.mark.parametrize("n_hits", [0, 1, 2])
    @pytest.mark.parametrize("config", [PIXEL_CKF, FULL_CKF], ids=["pixel", "full"])
    def test_too_few_hits_make_no_tracks(self, event, config, n_hits):
        pytest.importorskip("acts")
        result = Ckf(config).find(event.select_hits(np.arange(len(event.hits)) < n_hits))
        assert len(result.tracks) == len(result.perigee) == 0
        assert result.tracks.start.tolist() == [0]
        assert set(result.seconds) == {"seeding", "finding", "ambiguity"}

    def test_hits_of_another_geometry_are_refused(self, ckf, event):
        moved = replace(event.hits, z=event.hits.z + np.float32(200))
        with pytest.raises(InputError, match="off the plane of its sensor"):
            ckf.find(replace(event, hits=moved))
        unknown = replace(event.hits, module_id=event.hits.module_id + 100_000)
        with pytest.raises(InputError, match="a sensor of the detector"):
            ckf.find(replace(event, hits=unknown))
