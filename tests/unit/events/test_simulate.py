"""Simulated events depend on the seed, their id and the settings, and on nothing else."""

import importlib.util
from concurrent.futures import BrokenExecutor

import numpy as np
import pytest
from pydantic import ValidationError

from fpga_gnn.errors import InputError, ToolFailedError, ToolMissingError
from fpga_gnn.events import simulate as module
from fpga_gnn.events.acts_detector import PITCHES_MM, PIXEL_VOLUMES
from fpga_gnn.events.event import NO_PARTICLE
from fpga_gnn.events.sample import sample_store
from fpga_gnn.events.simulate import SimulationConfig, simulate
from fpga_gnn.events.store import EventStore, write_event_files
from fpga_gnn.flows.cluster import Workers

CONFIG = SimulationConfig(pileup=2, events=3, seed=11, noise_fraction=0.1, detector="full")


@pytest.mark.parametrize(
    "wrong", [{"pileup": -1}, {"pileup": float("nan")}, {"events": 0}, {"seed": -1}, {"mu": 3}]
)
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValidationError):
        SimulationConfig(**{"pileup": 2, "events": 1, "seed": 0, **wrong})


def test_nothing_to_simulate_is_refused():
    with pytest.raises(ValidationError, match="nothing to simulate"):
        SimulationConfig(pileup=0, events=1, seed=0, hard_process="none")


def test_missing_packages_are_named(monkeypatch, tmp_path):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ToolMissingError, match=r"pip install 'fpga-gnn\[sim\]'"):
        simulate(CONFIG, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def job(monkeypatch, tmp_path):
    """Run jobs whose events come from the sample, except one that raises ``error``."""
    monkeypatch.setattr(module, "require", lambda *names: None)
    monkeypatch.setattr(module, "version", lambda name: "0")

    def run(error, progress=lambda done, total: None):
        def simulate_event(config, folder, event_id):
            if event_id == 1 and error is not None:
                raise error
            return write_event_files(folder, sample_store().read(event_id), lost_particles=event_id)

        monkeypatch.setattr(module, "_simulate_event", simulate_event)
        return simulate(CONFIG, tmp_path / "out", progress=progress)

    return run


def test_failed_events_are_reported_and_made_next_time(job, tmp_path):
    with pytest.raises(ToolFailedError, match=r"1 of 3 events .*event 1: ValueError: no luck"):
        job(ValueError("no luck"))
    assert EventStore.open(tmp_path / "out").event_ids == (0, 2)
    assert [record.lost_particles for record in job(None).records] == [0, 1, 2]


def test_a_dead_pool_is_reported(job, tmp_path):
    with pytest.raises(ToolFailedError, match=r"a process died; .* repeat the command to go on"):
        job(BrokenExecutor("a process died"))
    assert len(job(None)) == 3


def test_interrupt_leaves_a_store_to_go_on_with(job, tmp_path):
    def interrupt_after_two(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        job(None, interrupt_after_two)
    assert len(EventStore.open(tmp_path / "out")) == 2
    assert len(job(None)) == 3


def test_store_of_other_settings_is_refused(job, tmp_path):
    EventStore.create(tmp_path / "out", {**CONFIG.origin, "pileup": 3.0})
    with pytest.raises(InputError, match=r"pileup 3\.0 instead of 2\.0"):
        job(None)


class TestWithActs:
    """What needs ACTS and Pythia."""

    @pytest.fixture(scope="class")
    def store(self, tmp_path_factory):
        """Three events made by this process."""
        for name in ("acts", "awkward", "pythia8mc"):
            pytest.importorskip(name)
        return simulate(CONFIG, tmp_path_factory.mktemp("alone") / "out")

    def test_a_resumed_job_and_a_killed_worker_change_nothing(
        self, store, tmp_path, worker_killed_at
    ):
        pytest.importorskip("distributed")
        killed = worker_killed_at("fpga_gnn.events.simulate", "write_event_files")
        other = EventStore.create(tmp_path / "out", CONFIG.origin)
        other.write(store.read(1))
        simulate(CONFIG, other.path, executor=Workers(2).executor)
        assert killed.exists()
        names = sorted(file.name for file in store.path.iterdir())
        assert names == sorted(file.name for file in other.path.iterdir())
        for name in names:
            assert (store.path / name).read_bytes() == (other.path / name).read_bytes(), name

    def test_hits_are_canonical_and_of_every_subdetector(self, store):
        for event in store:
            hits = event.hits
            assert hits.hit_id.tolist() == list(range(1, len(hits) + 1))
            order = np.lexsort((hits.particle_id, hits.z, hits.y, hits.x, hits.module_key))
            assert (order == np.arange(len(hits))).all()
            assert set(np.unique(hits.volume_id)) == set(PITCHES_MM)
            real = hits.particle_id != NO_PARTICLE
            assert (np.unique(hits.particle_id[real]) == event.particles.particle_id).all()
            assert abs((~real).sum() / real.sum() - CONFIG.noise_fraction) < 0.05

    def test_hits_follow_the_helix_of_hard_particles(self, store):
        """To first order in the bending by 2 T, and to 1 mm in the plane of beam and track."""
        checked = 0
        for event in store:
            hits, particles = event.hits, event.particles
            pixel = np.isin(hits.volume_id, PIXEL_VOLUMES)
            radius = np.hypot(particles.vx, particles.vy)
            for row in np.flatnonzero((particles.pt > 3) & (radius < 1) & (particles.primary == 1)):
                own = pixel & (hits.particle_id == particles.particle_id[row])
                dx, dy = hits.x[own] - particles.vx[row], hits.y[own] - particles.vy[row]
                dz = hits.z[own] - particles.vz[row]
                bending = np.arctan2(dy, dx) - np.arctan2(particles.py[row], particles.px[row])
                bending = (bending + np.pi) % (2 * np.pi) - np.pi
                curvature = -0.3 * 2 * particles.charge[row] / (2000 * particles.pt[row])
                assert np.abs(bending - curvature * np.hypot(dx, dy)).max(initial=0) < 0.005
                slope = particles.pz[row] / particles.pt[row]
                off_line = (dz - slope * np.hypot(dx, dy)) / np.hypot(slope, 1)
                assert np.abs(off_line).max(initial=0) < 1
                checked += own.sum()
        assert checked > 100

    def test_particles_that_cannot_be_propagated_are_counted(self):
        pytest.importorskip("acts")
        generated = np.zeros(2, module._GENERATED)
        generated["pdg"] = 13
        generated["momentum"] = (10.0, 0.0, 1.0)
        generated["position"][1] = (0.0, 0.0, 50_000.0, 0.0)
        response = module._Detector(seed=0).respond(0, generated)
        assert response.lost_particles == 1
        assert len(response.particles) == 1
        assert len(response.hit_sensor) > 5
        assert set(response.hit_particle) == {0}
