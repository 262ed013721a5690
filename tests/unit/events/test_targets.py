from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from fpga_gnn.events.event import NO_PARTICLE, Event, Hits, Particles
from fpga_gnn.events.sample import sample_store
from fpga_gnn.events.targets import TargetSelection, hits_per_particle, target_mask

DEFAULT = TargetSelection()
GOOD = {
    "pdg_id": 211,
    "px": 3.0,
    "py": 0.0,
    "pz": 4.0,
    "vx": 0.0,
    "vy": 0.0,
    "vz": 0.0,
    "charge": 1.0,
    "primary": 1,
}


def event(owners, ids=(5,), **particle) -> Event:
    """Hits of ``owners``; every particle of ``ids`` is a target but for ``particle``."""
    n = len(owners)
    zeros = {name: np.zeros(n) for name in Hits.DTYPES}
    hits = Hits(**zeros | {"hit_id": np.arange(n), "particle_id": np.array(owners, dtype=int)})
    columns = {name: np.full(len(ids), value) for name, value in (GOOD | particle).items()}
    return Event(0, hits, Particles(particle_id=np.array(ids, dtype=int), **columns))


def is_target(selection=DEFAULT, n_hits=3, **particle) -> bool:
    return bool(target_mask(event([5] * n_hits, **particle), selection)[0])


def test_hits_are_counted_in_the_order_of_the_particle_table():
    counts = hits_per_particle(event([9, 2, NO_PARTICLE, 9, 9, NO_PARTICLE], ids=(9, 4, 2)))
    assert counts.tolist() == [3, 0, 1]
    assert counts.dtype == np.int64


def test_events_without_hits_or_particles_count_nothing():
    assert hits_per_particle(event([], ids=(1, 2))).tolist() == [0, 0]
    assert hits_per_particle(event([NO_PARTICLE], ids=())).tolist() == []
    assert target_mask(event([], ids=()), DEFAULT).tolist() == []


def test_a_good_particle_is_a_target():
    assert is_target()


@pytest.mark.parametrize(
    "particle",
    [
        {"primary": 0},
        {"charge": 0.0},
        {"pdg_id": 11},
        {"pdg_id": -11},
        {"px": 1.0},  # cuts are exclusive
        {"px": 0.0, "py": -0.5},
        {"px": 0.0},  # along the beam
        {"pz": 3.0 * np.sinh(4.01)},
        {"pz": -3.0 * np.sinh(4.01)},
        {"vx": 260.0},
        {"vx": -190.0, "vy": 190.0},
    ],
)
def test_each_cut_alone_rejects(particle):
    assert not is_target(**particle)


@pytest.mark.parametrize(
    "particle",
    [
        {"charge": -1.0},
        {"pdg_id": 13},
        {"px": 0.8, "py": -0.8},
        {"pz": 3.0 * np.sinh(3.99)},
        {"vx": 180.0, "vy": 180.0},
        {"vz": 1000.0},
    ],
)
def test_inside_the_cuts_is_accepted(particle):
    assert is_target(**particle)


def test_a_target_needs_enough_hits():
    assert not is_target(n_hits=2)
    assert is_target(TargetSelection(min_hits=2), n_hits=2)
    assert not is_target(TargetSelection(min_hits=4))


def test_the_selection_moves_every_cut():
    assert not is_target(TargetSelection(min_pt=3.0))
    assert is_target(TargetSelection(min_pt=0.0), px=0.01, pz=0.0)
    assert not is_target(TargetSelection(max_abs_eta=1.0))
    assert is_target(TargetSelection(max_production_radius=300.0), vx=299.0)


def test_selection_refuses_unknown_and_impossible_cuts():
    for wrong in ({"min_eta": 1.0}, {"min_pt": -1.0}, {"max_abs_eta": 0.0}, {"min_hits": 0}):
        with pytest.raises(ValidationError):
            TargetSelection(**wrong)


def test_mask_agrees_with_the_definition_particle_by_particle():
    sample = sample_store().read(4)
    particles, mask = sample.particles, target_mask(sample, DEFAULT)
    for row in range(0, len(particles), 7):
        px, py, pz, vx, vy = (
            float(getattr(particles, n)[row]) for n in ("px", "py", "pz", "vx", "vy")
        )
        pt = np.hypot(px, py)
        expected = (
            particles.primary[row] == 1
            and abs(particles.pdg_id[row]) != 11
            and particles.charge[row] != 0
            and pt > 1
            and abs(np.arcsinh(pz / pt)) < 4
            and np.hypot(vx, vy) < 260
            and np.count_nonzero(sample.hits.particle_id == particles.particle_id[row]) >= 3
        )
        assert mask[row] == expected
    assert 0 < mask.sum() < mask.size
