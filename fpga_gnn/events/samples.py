"""The named data sets of ``sim/samples.yaml``, and the hashes that ``sim/samples.lock.json`` locks.

A sample is an event store ``FOLDER/NAME``; ``FOLDER/samples.json`` says what each one holds.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from fpga_gnn.contract import read_json, read_yaml, validation_error
from fpga_gnn.errors import InputError
from fpga_gnn.events.acts_detector import PIXEL_VOLUMES
from fpga_gnn.events.simulate import SimulationConfig, simulate
from fpga_gnn.events.store import EventRecord, EventStore
from fpga_gnn.files import write_whole
from fpga_gnn.resources import resource_dir
from fpga_gnn.tasks import Executors, in_this_process

SAMPLES = "samples.yaml"
LOCK = "samples.lock.json"
MANIFEST = "samples.json"

Progress = Callable[[int, int], None]
_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Mean = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Sample(BaseModel):
    """A data set: its name, what it is for, and how it is simulated."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=100)
    purpose: str = Field(pattern=r"^[^\n]+$")
    simulation: SimulationConfig


class LockedSample(BaseModel):
    """What a sample must hold: the number of events and ``sample_sha256`` of their records."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    events: int = Field(ge=1)
    sha256: _Sha256


class Lock(BaseModel):
    """Locked samples by name, and the versions of the packages that made them."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal[1] = 1
    made_with: dict[str, str]
    samples: dict[str, LockedSample]


class SampleRecord(BaseModel):
    """What a sample holds: settings with seed and versions, numbers per event, hash of all events.

    ``lost_particles`` and ``lost_hits`` are the sums of what the simulation lost.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    settings: dict[str, JsonValue]
    first_event: int = Field(ge=0)
    events: int = Field(ge=1)
    hits_per_event: _Mean
    pixel_hits_per_event: _Mean
    particles_per_event: _Mean
    lost_particles: int = Field(ge=0)
    lost_hits: int = Field(ge=0)
    sha256: _Sha256


class SamplesManifest(BaseModel):
    """``samples.json``: the samples of a folder by name."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal[1] = 1
    samples: dict[str, SampleRecord] = {}


def load_samples(file: Path | None = None) -> dict[str, Sample]:
    """Return the samples of ``file`` (default: the shipped list) by name, in its order.

    ``InputError`` for bad YAML, unknown keys, wrong settings, and for a name or a seed given
    twice: samples of the same seed would share collisions.
    """
    file = file or resource_dir("sim") / SAMPLES
    entries = read_yaml(file)
    if not isinstance(entries, list) or not entries:
        raise InputError(file, f"a {type(entries).__name__}", "a list of samples")
    samples = []
    for number, entry in enumerate(entries, start=1):
        try:
            samples.append(Sample.model_validate(entry))
        except ValidationError as error:
            raise validation_error(error, f"{file}: sample {number}", Sample) from None
    for what, values in (
        ("name", [sample.name for sample in samples]),
        ("seed", [sample.simulation.seed for sample in samples]),
    ):
        value, count = Counter[Any](values).most_common(1)[0]
        if count > 1:
            raise InputError(file, f"{what} {value} {count} times", f"a {what} for each sample")
    return {sample.name: sample for sample in samples}


def load_lock(file: Path | None = None) -> Lock:
    """Return the locked hashes of ``file`` (default: the shipped ones)."""
    file = file or resource_dir("sim") / LOCK
    return read_json(file, Lock, "locked samples")


def load_manifest(folder: Path) -> SamplesManifest:
    """Return what ``samples.json`` of ``folder`` lists, nothing if there is none."""
    file = folder / MANIFEST
    return read_json(file, SamplesManifest, "samples") if file.exists() else SamplesManifest()


def build_sample(
    sample: Sample,
    folder: Path,
    *,
    executor: Executors = in_this_process,
    progress: Progress = lambda done, total: None,
) -> SampleRecord:
    """Simulate what the store ``folder/NAME`` does not hold yet and list it in ``samples.json``.

    Other samples in ``samples.json`` stay as they are. Errors as ``simulate``.
    """
    simulate(sample.simulation, folder / sample.name, executor=executor, progress=progress)
    record = read_sample(sample, folder)
    listed = {**load_manifest(folder).samples, sample.name: record}
    write_json(folder / MANIFEST, SamplesManifest(samples=listed))
    return record


def read_sample(
    sample: Sample, folder: Path, progress: Progress = lambda done, total: None
) -> SampleRecord:
    """Read every event of the store ``folder/NAME`` and return what the sample holds.

    Events of the store beyond those of the sample are left out. ``InputError`` for a store of
    other settings, a missing event, and a file that is not what the store's manifest says.
    """
    store = EventStore.open(folder / sample.name)
    config = sample.simulation
    for key, value in config.model_dump(mode="json", exclude={"events", "first_event"}).items():
        if store.origin.get(key) != value:
            found = f"events of {key} {store.origin.get(key)!r}"
            raise InputError(store.path, found, f"{value!r} as {SAMPLES} says of {sample.name}")
    missing = next((i for i in config.event_ids if i not in store), None)
    if missing is not None:
        raise InputError(
            store.path,
            f"no event {missing}",
            f"the {config.events} events of {sample.name}",
            f"run `fpga-gnn samples build --only {sample.name} --out {folder}`",
        )
    n_pixel = 0
    for done, event_id in enumerate(config.event_ids, start=1):
        volumes = store.read(event_id).hits.volume_id
        n_pixel += int(np.isin(volumes, PIXEL_VOLUMES).sum())
        progress(done, config.events)
    records = [record for record in store.records if record.event_id in config.event_ids]
    return SampleRecord(
        settings=store.origin,
        first_event=config.first_event,
        events=len(records),
        hits_per_event=_mean(sum(record.n_hits for record in records), records),
        pixel_hits_per_event=_mean(n_pixel, records),
        particles_per_event=_mean(sum(record.n_particles for record in records), records),
        lost_particles=sum(record.lost_particles for record in records),
        lost_hits=sum(record.lost_hits for record in records),
        sha256=sample_sha256(records),
    )


def sample_sha256(records: Iterable[EventRecord]) -> str:
    """Return one hash of many events: sha256 of a line per event, in the order of their ids.

    A line is the id, the sha256 of the hits file and that of the particles file, with one space
    between them and a line feed at its end.
    """
    lines = [
        f"{record.event_id} {record.hits_sha256} {record.particles_sha256}\n"
        for record in sorted(records, key=lambda record: record.event_id)
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def difference_from_lock(name: str, record: SampleRecord, lock: Lock) -> str:
    """Return how the sample differs from the locked one, in one line; empty if it is locked so
    or not locked at all."""
    locked = lock.samples.get(name)
    if locked is None or (locked.events, locked.sha256) == (record.events, record.sha256):
        return ""
    return (
        f"{name}: found {record.events} events with sha256 {record.sha256}, "
        f"expected {locked.events} with {locked.sha256}"
    )


def write_json(file: Path, model: BaseModel) -> None:
    """Write ``model`` as JSON with sorted keys; the file appears whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(model.model_dump(mode="json"), indent=1, sort_keys=True)
    write_whole(file, f"{text}\n".encode())


def _mean(total: int, records: list[EventRecord]) -> float:
    return round(total / len(records), 1)
