"""Event refuses what breaks its invariants and keeps what does not."""

from dataclasses import replace

import numpy as np
import pytest

from fpga_gnn.errors import InputError
from fpga_gnn.events.event import NO_PARTICLE, Event
from fpga_gnn.events.sample import map_store, sample_store


@pytest.fixture(scope="module")
def event() -> Event:
    return sample_store().read(4)


@pytest.mark.parametrize("store", [sample_store, map_store])
def test_shipped_events_are_ordered_and_linked(store):
    for event in store():
        hits, particles = event.hits, event.particles
        assert hits.hit_id.tolist() == list(range(1, len(hits) + 1))
        assert (np.diff(hits.module_key) >= 0).all()
        assert set(np.unique(hits.volume_id)) == {7, 8, 9}
        assert (np.unique(hits.particle_id) == particles.particle_id).all()
        assert set(np.unique(particles.charge)) == {-1, 1}


def test_map_events_hold_energetic_particles_only():
    for event in map_store():
        primaries = event.particles.primary == 1
        assert event.particles.pt[primaries].min() > 0.899


def test_module_key_keeps_the_sensor_numbers(event):
    key = event.hits.module_key
    assert (key >> 40 == event.hits.volume_id).all()
    assert (key >> 24 & 0xFFFF == event.hits.layer_id).all()
    assert (key & 0xFFFFFF == event.hits.module_id).all()


def test_columns_cannot_be_changed(event):
    with pytest.raises(ValueError, match="read-only"):
        event.hits.x[0] = 0


def _with(table, column, row, value):
    values = np.array(getattr(table, column))
    values[row] = value
    return replace(table, **{column: values})


@pytest.mark.parametrize(
    ("table", "column", "value", "message"),
    [
        ("hits", "hit_id", 2, "duplicate 2"),
        ("hits", "x", np.nan, "finite"),
        ("hits", "layer_id", -1, "found -1"),
        ("hits", "module_id", 1 << 24, "16777215"),
        ("hits", "particle_id", 10**9, "particle_id 1000000000"),
        ("particles", "particle_id", 2, "duplicate 2"),
        ("particles", "particle_id", NO_PARTICLE, "noise id"),
        ("particles", "px", np.inf, "finite"),
    ],
)
def test_broken_invariants_are_named(event, table, column, value, message):
    with pytest.raises(InputError, match=message):
        replace(event, **{table: _with(getattr(event, table), column, 0, value)})


def test_columns_of_different_length_are_refused(event):
    with pytest.raises(InputError, match="as in the other columns"):
        replace(event.hits, z=event.hits.z[:-1])


def test_select_hits_keeps_the_links(event):
    pixel = event.hits.volume_id == 8
    barrel = event.select_hits(pixel)
    assert len(barrel.hits) == pixel.sum()
    assert barrel.particles == event.particles
