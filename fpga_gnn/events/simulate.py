"""Simulated events: Pythia 8 collisions, ACTS Generic Detector, Fatras and smeared measurements.

The detector is the one of TrackML (same volume, layer and module numbers) in a 2 T solenoid.
Charged final-state particles are propagated; photon conversions and nuclear interactions are
not simulated. Every event depends on the seed, its id and the physics settings only, so any
number of workers, any order and any resumed job give the same bytes.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from fpga_gnn.contract.bounded import Seed
from fpga_gnn.errors import ToolFailedError
from fpga_gnn.events.acts_detector import PITCHES_MM, PIXEL_VOLUMES, acts_detector, require
from fpga_gnn.events.event import NO_PARTICLE, Event, Hits, Particles
from fpga_gnn.events.store import EventRecord, EventStore, write_event_files
from fpga_gnn.tasks import Executors, as_done, in_this_process

ENERGY_GEV = 14000.0
MIN_MOMENTUM_GEV = 0.05
BEAM_SPOT_MM = (0.0125, 0.0125, 55.5)
"""Standard deviations of the collision point."""
PRODUCTION_LIMIT_MM = 1000.0
"""Particles made farther out, in radius or in |z|, do not enter the detector."""

_PYTHIA = (
    "Print:quiet = on",
    f"Beams:eCM = {ENERGY_GEV}",
    "Random:setSeed = on",
    "Random:seed = 1",
)
_PROCESSES = {"ttbar": ("Top:gg2ttbar = on", "Top:qqbar2ttbar = on"), "none": ()}
_PILEUP = ("SoftQCD:inelastic = on",)
_PYTHIA_SEEDS = 900_000_000

_GENERATED = np.dtype(
    [("collision", "i8"), ("pdg", "i8"), ("momentum", "f8", 3), ("position", "f8", 4)]
)
"""A particle that enters the detector; momentum in GeV, position and c * time in mm."""


class SimulationConfig(BaseModel):
    """What to simulate: ``events`` events numbered from ``first_event``.

    ``pileup`` is the mean of the Poisson number of soft collisions beside the hard one.
    ``min_particle_pt`` (GeV) keeps softer particles out of the detector, for samples from which
    module maps are learned, ``max_abs_eta`` those outside the acceptance. ``noise_fraction`` is
    the mean number of noise hits per real hit, spread evenly over the sensor area. ``detector``
    says which measurements are stored.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    pileup: float = Field(ge=0, le=10_000)
    events: int = Field(ge=1, le=1_000_000)
    seed: Seed
    first_event: int = Field(default=0, ge=0, lt=1 << 62)
    hard_process: Literal["ttbar", "none"] = "ttbar"
    min_particle_pt: float = Field(default=0.0, ge=0)
    max_abs_eta: float = Field(default=4.0, gt=0, le=20)
    noise_fraction: float = Field(default=0.0, ge=0, le=100)
    detector: Literal["pixel", "full"] = "pixel"

    @model_validator(mode="after")
    def _something_collides(self) -> SimulationConfig:
        if self.hard_process == "none" and self.pileup == 0:
            raise ValueError("no hard process and no pile-up: nothing to simulate")
        return self

    @property
    def event_ids(self) -> range:
        """Ids of the wanted events."""
        return range(self.first_event, self.first_event + self.events)

    @property
    def volumes(self) -> tuple[int, ...]:
        """Detector volumes whose measurements are stored."""
        return PIXEL_VOLUMES if self.detector == "pixel" else tuple(PITCHES_MM)

    @property
    def origin(self) -> dict[str, JsonValue]:
        """What the content of an event depends on, apart from its id."""
        return {
            "generator": "Pythia 8 + ACTS Fatras, Generic Detector",
            "pythia8mc": version("pythia8mc"),
            "pyacts": version("pyacts"),
            **self.model_dump(mode="json", exclude={"events", "first_event"}),
        }


def simulate(
    config: SimulationConfig,
    out: str | Path,
    *,
    executor: Executors = in_this_process,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> EventStore:
    """Simulate the events that the store ``out`` does not hold yet, each as a task.

    ``progress(done, total)`` is called at the start and after every event. ``ToolFailedError``
    at the end names the events that failed; all others are stored.
    """
    require("simulation", "acts", "awkward", "pythia8mc")
    store = EventStore.create(out, config.origin)
    missing = [event_id for event_id in config.event_ids if event_id not in store]
    done = config.events - len(missing)
    progress(done, config.events)
    failed: dict[int, BaseException] = {}
    simulate_event = partial(_simulate_event, config, store.path.resolve())
    with executor(store.path, len(missing)) as pool:
        for event_id, simulated in as_done(pool, simulate_event, missing):
            error = simulated.exception()
            if error is None:
                store.add(simulated.result())
            else:
                failed[event_id] = error
            done += 1
            progress(done, config.events)
    if failed:
        first = min(failed)
        raise ToolFailedError(
            f"{store.path}: {len(failed)} of {config.events} events failed, the others are "
            f"stored; event {first}: {type(failed[first]).__name__}: {failed[first]}"
        )
    return store


def _simulate_event(config: SimulationConfig, folder: Path, event_id: int) -> EventRecord:
    return write_event_files(folder, *_simulator(config).simulate(event_id))


@cache
def _simulator(config: SimulationConfig) -> _Simulator:
    return _Simulator(config)


class _Simulator:
    """The generators and the detector of one process."""

    def __init__(self, config: SimulationConfig) -> None:
        self._config = config
        process = _PROCESSES[config.hard_process]
        self._hard = _Generator(process) if process else None
        self._pileup = _Generator(_PILEUP) if config.pileup > 0 else None
        self._detector = _Detector(config.seed)
        self._stored = np.isin(self._detector.sensors.volume_id, config.volumes)

    def simulate(self, event_id: int) -> tuple[Event, int, int]:
        """Return the event, and how many generated particles and measurements ACTS lost.

        Hits are ordered by volume, layer, module, x, y, z and particle. Particles without a
        stored hit are left out; the others are numbered from 1 in the order of collisions.
        """
        rng = np.random.default_rng([self._config.seed, event_id])
        response = self._detector.respond(event_id, self._collide(rng))
        stored = self._stored[response.hit_sensor]
        kept, owner = np.unique(response.hit_particle[stored], return_inverse=True)
        n_noise = int(rng.poisson(self._config.noise_fraction * len(owner)))
        noise_sensor, noise_local = self._detector.sensors.random_points(
            rng, n_noise, np.flatnonzero(self._stored)
        )
        hits = self._hits(
            np.concatenate([response.hit_sensor[stored], noise_sensor]),
            np.concatenate([response.hit_local[stored], noise_local]),
            np.concatenate([owner + 1, np.full(n_noise, NO_PARTICLE)]),
        )
        lost_hits = int(np.count_nonzero(self._stored[response.lost_sensor]))
        truth = _truth([response.particles[row] for row in kept])
        return Event(event_id, hits, truth), response.lost_particles, lost_hits

    def _collide(self, rng: np.random.Generator) -> NDArray[np.void]:
        """Return the particles of the hard and the pile-up collisions that enter the detector."""
        parts = [np.empty(0, _GENERATED)]
        if self._hard is not None:
            parts.append(self._hard.collide(1, rng))
        if self._pileup is not None:
            pileup = self._pileup.collide(int(rng.poisson(self._config.pileup)), rng)
            pileup["collision"] += len(parts) - 1
            parts.append(pileup)
        particles = np.concatenate(parts)
        pt = np.hypot(particles["momentum"][:, 0], particles["momentum"][:, 1])
        radius = np.hypot(particles["position"][:, 0], particles["position"][:, 1])
        enters: NDArray[np.bool_] = (
            (pt >= self._config.min_particle_pt)
            & (np.abs(particles["momentum"][:, 2]) <= np.sinh(self._config.max_abs_eta) * pt)
            & (np.hypot(pt, particles["momentum"][:, 2]) >= MIN_MOMENTUM_GEV)
            & (radius < PRODUCTION_LIMIT_MM)
            & (np.abs(particles["position"][:, 2]) < PRODUCTION_LIMIT_MM)
        )
        return particles.compress(enters)

    def _hits(
        self, sensor: NDArray[np.int64], local: NDArray[np.float64], particle: NDArray[np.int64]
    ) -> Hits:
        sensors = self._detector.sensors
        x, y, z = sensors.to_global(sensor, local).astype(np.float32).T
        order = np.lexsort((particle, z, y, x, sensor))
        return Hits(
            hit_id=np.arange(1, len(sensor) + 1),
            x=x[order],
            y=y[order],
            z=z[order],
            volume_id=sensors.volume_id[sensor[order]],
            layer_id=sensors.layer_id[sensor[order]],
            module_id=sensors.module_id[sensor[order]],
            particle_id=particle[order],
        )


class _Generator:
    """One Pythia process, started afresh from a given seed for every event."""

    def __init__(self, process: tuple[str, ...]) -> None:
        import pythia8mc

        self._pythia = pythia8mc.Pythia("", False)
        for setting in (*_PYTHIA, *process):
            if not self._pythia.readString(setting):
                raise ToolFailedError(f"Pythia refuses the setting {setting!r}")
        if not self._pythia.init():
            raise ToolFailedError(f"Pythia does not start with {', '.join(process)}")

    def collide(self, n: int, rng: np.random.Generator) -> NDArray[np.void]:
        """Return the charged final-state particles of ``n`` collisions at random points."""
        import awkward as ak

        self._pythia.rndm.init(int(rng.integers(1, _PYTHIA_SEEDS + 1)))
        points = rng.normal(0.0, BEAM_SPOT_MM, (n, 3))
        collisions: list[NDArray[np.void]] = [np.empty(0, _GENERATED)]
        made = 0
        while made < n:
            batch = self._pythia.nextBatch(n - made).prt
            if len(batch) == 0:
                raise ToolFailedError("Pythia fails to generate collisions")
            final = batch[batch.status > 0]
            flat = ak.flatten(final)
            particles = np.empty(len(flat), _GENERATED)
            particles["collision"] = np.repeat(
                np.arange(made, made + len(batch)), ak.to_numpy(ak.num(final.id))
            )
            particles["pdg"] = ak.to_numpy(flat.id)
            for axis, name in enumerate(("px", "py", "pz")):
                particles["momentum"][:, axis] = ak.to_numpy(flat.p[name])
            for axis, name in enumerate(("px", "py", "pz", "e")):
                particles["position"][:, axis] = ak.to_numpy(ak.fill_none(flat.vProd[name], 0.0))
            collisions.append(particles)
            made += len(batch)
        particles = np.concatenate(collisions)
        particles["position"][:, :3] += points[particles["collision"]]
        kinds, kind = np.unique(particles["pdg"], return_inverse=True)
        charges = [self._pythia.particleData.charge(int(pdg)) for pdg in kinds]
        return particles.compress(np.array(charges, np.float64)[kind] != 0)


@dataclass(frozen=True)
class _Response:
    """What the detector made of one event: ACTS particles, and hits that point to them."""

    particles: list[Any]
    hit_sensor: NDArray[np.int64]
    hit_local: NDArray[np.float64]
    hit_particle: NDArray[np.int64]
    lost_sensor: NDArray[np.int64]
    lost_particles: int


class _Detector:
    """Generic Detector, Fatras and digitization; the randomness of an event follows its id."""

    def __init__(self, seed: int) -> None:
        import acts
        from acts import examples

        level = acts.logging.FATAL
        detector = acts_detector()
        self.sensors = detector.sensors
        self._sensor_of = {i.value: row for row, i in enumerate(detector.identifiers)}
        base_seed = int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0])
        randomness = examples.RandomNumbers(seed=base_seed)
        self._fatras = examples.FatrasSimulation(
            level=level,
            inputParticles="generated",
            outputParticles="particles",
            outputSimHits="simhits",
            randomNumbers=randomness,
            trackingGeometry=detector.geometry,
            magneticField=detector.field,
            generateHitsOnSensitive=True,
            pMin=MIN_MOMENTUM_GEV * acts.UnitConstants.GeV,
        )
        self._digitization = examples.DigitizationAlgorithm(
            level=level,
            digitizationConfigs=_digitization_config(),
            surfaceByIdentifier=detector.surfaces,
            randomNumbers=randomness,
            inputSimHits="simhits",
            outputMeasurements="measurements",
            outputMeasurementSimHitsMap="measurement_simhits",
            outputMeasurementParticlesMap="measurement_particles",
            outputParticleMeasurementsMap="particle_measurements",
            outputSimHitMeasurementsMap="simhit_measurements",
        )
        self._generated = examples.WriteDataHandle(
            self._fatras, examples.SimParticleContainer, "Generated"
        )
        self._generated.initialize("generated")
        self._outputs = {
            key: examples.ReadDataHandle(self._digitization, kind, key)
            for key, kind in (
                ("particles", examples.SimParticleContainer),
                ("simhits", examples.SimHitContainer),
                ("measurements", examples.MeasurementContainer),
                ("measurement_simhits", examples.MeasurementSimHitsMap),
            )
        }
        for key, handle in self._outputs.items():
            handle.initialize(key)

    def respond(self, event_id: int, generated: NDArray[np.void]) -> _Response:
        """Propagate ``generated`` particles and digitize their hits.

        A measurement that several simulated hits share belongs to the particle that left most
        energy in one of them, the earlier particle in a tie.
        """
        board = self._run(event_id, generated)
        outputs = {key: handle(board) for key, handle in self._outputs.items()}
        particles = list(outputs["particles"])
        row_of = {_barcode(particle): row for row, particle in enumerate(particles)}
        simhits = list(outputs["simhits"])
        owner = np.array([row_of[_barcode(hit)] for hit in simhits], np.int64)
        energy = np.array([hit.depositedEnergy for hit in simhits], np.float64)
        measurements = list(outputs["measurements"])
        parameters = [measurement.fullParameters for measurement in measurements]

        pairs = np.array(list(outputs["measurement_simhits"]), np.int64).reshape(-1, 2)
        order = np.lexsort((owner[pairs[:, 1]], -energy[pairs[:, 1]], pairs[:, 0]))
        measurement, simhit = pairs[order].T
        _, first = np.unique(measurement, return_index=True)
        lost = np.ones(len(simhits), np.bool_)
        lost[simhit] = False
        return _Response(
            particles=particles,
            hit_sensor=self._rows(measurements),
            hit_local=np.array([(p[0], p[1]) for p in parameters]).reshape(-1, 2),
            hit_particle=owner[simhit[first]],
            lost_sensor=self._rows([simhits[row] for row in np.flatnonzero(lost)]),
            lost_particles=len(generated) - sum(map(_is_primary, particles)),
        )

    def _rows(self, hits: list[Any]) -> NDArray[np.int64]:
        return np.array([self._sensor_of[hit.geometryId.value] for hit in hits], np.int64)

    def _run(self, event_id: int, generated: NDArray[np.void]) -> Any:
        import acts
        from acts import examples

        board = examples.WhiteBoard(acts.logging.FATAL)
        particles = examples.SimParticleContainer()
        for number, row in enumerate(generated, start=1):
            barcode = examples.SimBarcode()
            barcode.vertexPrimary = int(row["collision"]) + 1
            barcode.particle = number
            particle = examples.SimParticle(barcode, acts.PdgParticle(int(row["pdg"])))
            particle.fourPosition = acts.Vector4(*(row["position"] * acts.UnitConstants.mm))
            particle.direction = acts.Vector3(*row["momentum"])
            particle.absoluteMomentum = float(
                np.linalg.norm(row["momentum"]) * acts.UnitConstants.GeV
            )
            particles.insert(particle)
        contexts = [examples.AlgorithmContext(number, event_id, board, 0) for number in range(2)]
        self._generated(contexts[0], particles)
        for context, algorithm in zip(contexts, (self._fatras, self._digitization), strict=True):
            if algorithm.execute(context) != examples.ProcessCode.SUCCESS:
                raise ToolFailedError(f"event {event_id}: {algorithm.name()} failed")
        return board


def _digitization_config() -> Any:
    from acts.examples import json as acts_json

    entries = [
        {
            "volume": volume,
            "value": {
                "smearing": [
                    {"index": axis, "mean": 0.0, "stddev": pitch / 12**0.5, "type": "Gauss"}
                    for axis, pitch in enumerate(pitches)
                ]
            },
        }
        for volume, pitches in PITCHES_MM.items()
    ]
    header = {"format-version": 0, "value-identifier": "digitization-configuration"}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "digitization.json"
        file.write_text(json.dumps({"acts-geometry-hierarchy-map": header, "entries": entries}))
        return acts_json.readDigiConfigFromJson(str(file))


def _truth(particles: list[Any]) -> Particles:
    """Return ACTS particles (GeV, mm, e) as they were produced, numbered from 1."""
    px, py, pz = np.array([_xyz(p.momentum) for p in particles]).reshape(-1, 3).T
    vx, vy, vz = np.array([_xyz(p.position) for p in particles]).reshape(-1, 3).T
    return Particles(
        particle_id=np.arange(1, len(particles) + 1),
        pdg_id=np.array([int(p.pdg) for p in particles], np.int32),
        px=px,
        py=py,
        pz=pz,
        vx=vx,
        vy=vy,
        vz=vz,
        charge=np.array([p.charge for p in particles], np.float32),
        primary=np.array([_is_primary(p) for p in particles], np.int8),
    )


def _xyz(vector: Any) -> tuple[float, float, float]:
    return vector[0], vector[1], vector[2]


def _is_primary(particle: Any) -> bool:
    return bool(particle.particleId.generation == 0)


def _barcode(item: Any) -> tuple[int, ...]:
    barcode = item.particleId
    return (
        barcode.vertexPrimary,
        barcode.vertexSecondary,
        barcode.particle,
        barcode.generation,
        barcode.subParticle,
    )
