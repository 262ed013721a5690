"""Make the events shipped in ``fpga_gnn/data``; the result is the same on every run.

    python sim/make_sample.py [WORKERS]

Needs ``pip install 'fpga-gnn[sim]'``. Rounding makes the files small: hit positions to
1/256 mm (the error is 1.1 um rms, a pixel measures to 14 um), vertices to 1/1024 mm, momenta to
12 significant bits.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fpga_gnn.events.event import Event
from fpga_gnn.events.simulate import SimulationConfig, simulate
from fpga_gnn.events.store import EventStore, write_event_files
from fpga_gnn.resources import data_dir

HIT_STEPS_PER_MM = 256
VERTEX_STEPS_PER_MM = 1024
MOMENTUM_BITS = 12

SETS = {
    "events": SimulationConfig(pileup=20, events=10, seed=1),
    "map_events": SimulationConfig(pileup=200, events=10, seed=2, min_particle_pt=0.9),
}

PROVENANCE = """# Where these events come from

Made by `python sim/make_sample.py`, which gives the same bytes on every run with the versions
below. {events} events, {hits} hits, {particles} particles, {lost} particles lost in propagation.

| setting | value |
|---|---|
{settings}
"""


def main(workers: int) -> None:
    """Simulate, round and put into place every set."""
    data_dir().mkdir(exist_ok=True)
    for name, config in SETS.items():
        with tempfile.TemporaryDirectory(dir=data_dir()) as folder:
            simulated = simulate(config, Path(folder) / "simulated", workers=workers)
            store = _rounded(simulated, Path(folder) / name)
            (store.path / "PROVENANCE.md").write_text(_provenance(store))
            shutil.rmtree(data_dir() / name, ignore_errors=True)
            store.path.rename(data_dir() / name)
        size = sum(file.stat().st_size for file in (data_dir() / name).iterdir())
        print(f"{name}: {len(store)} events, {size} bytes")


def _rounded(simulated: EventStore, path: Path) -> EventStore:
    rounding = (
        f"hits to 1/{HIT_STEPS_PER_MM} mm, vertices to 1/{VERTEX_STEPS_PER_MM} mm, "
        f"momenta to {MOMENTUM_BITS} bits"
    )
    store = EventStore.create(path, {**simulated.origin, "rounding": rounding})
    for event, record in zip(simulated, simulated.records, strict=True):
        store.add(write_event_files(path, _round(event), record.lost_particles, record.lost_hits))
    return store


def _round(event: Event) -> Event:
    hits, particles = event.hits, event.particles
    return Event(
        event.event_id,
        replace(hits, **{c: _to_grid(getattr(hits, c), HIT_STEPS_PER_MM) for c in "xyz"}),
        replace(
            particles,
            **{c: _to_grid(getattr(particles, c), VERTEX_STEPS_PER_MM) for c in ("vx", "vy", "vz")},
            **{c: _to_bits(getattr(particles, c), MOMENTUM_BITS) for c in ("px", "py", "pz")},
        ),
    )


def _to_grid(values: NDArray[np.float32], steps: int) -> NDArray[np.float64]:
    return np.rint(values * np.float64(steps)) / steps


def _to_bits(values: NDArray[np.float32], bits: int) -> NDArray[np.float64]:
    mantissa, exponent = np.frexp(values.astype(np.float64))
    return np.ldexp(np.rint(np.ldexp(mantissa, bits)), exponent - bits)


def _provenance(store: EventStore) -> str:
    return PROVENANCE.format(
        events=len(store),
        hits=sum(record.n_hits for record in store.records),
        particles=sum(record.n_particles for record in store.records),
        lost=sum(record.lost_particles for record in store.records),
        settings="\n".join(f"| {key} | {value} |" for key, value in store.origin.items()),
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
