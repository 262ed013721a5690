"""Events on disk: a folder of Parquet files and a manifest that vouches for every byte of them."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, FailFast, Field, JsonValue

from fpga_gnn.contract.bounded import Count
from fpga_gnn.contract.documents import read_json
from fpga_gnn.errors import InputError
from fpga_gnn.events.event import MOST_ROWS, Event, Hits, Particles
from fpga_gnn.events.parquet import read_parquet
from fpga_gnn.events.table import to_columns
from fpga_gnn.files import MIB, read_limited, write_whole

MANIFEST = "manifest.json"
_REPEAT = "repeat the command that made the store"
_REMAKE = f"delete it and {_REPEAT}"
_MOST_FILE_BYTES = 128 * MIB
"""``MOST_ROWS`` hits, hardly packed."""

_MOST_MANIFEST_BYTES = 32 * MIB
"""100 000 events."""

_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Table = TypeVar("_Table", Hits, Particles)


class EventRecord(BaseModel):
    """What the manifest says of one event.

    ``lost_particles`` and ``lost_hits`` count what the simulation could not propagate or
    digitize, so that no loss stays hidden.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    event_id: Count
    n_hits: Count
    n_particles: Count
    hits_sha256: _Sha256
    particles_sha256: _Sha256
    lost_particles: Count = 0
    lost_hits: Count = 0


class Manifest(BaseModel):
    """Format version, where the events come from, and one record per event in id order."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    format: Literal[1] = 1
    origin: dict[str, JsonValue]
    events: Annotated[tuple[EventRecord, ...], FailFast()] = ()


class EventStore:
    """A folder with ``manifest.json`` and two Parquet files per event.

    File names follow from the event id and are never read from the manifest. Each file is
    written beside its place and renamed, data before manifest: a job that is interrupted
    leaves a valid store, and ``create`` with the same origin takes it up again.
    """

    def __init__(self, path: Path, manifest: Manifest) -> None:
        self._path = path
        self._origin = manifest.origin
        self._records = {record.event_id: record for record in manifest.events}

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open an existing store; ``InputError`` when there is none or its manifest is wrong."""
        path = Path(path)
        file = path / MANIFEST
        if not os.path.exists(file):
            raise InputError(
                path,
                f"no {MANIFEST}",
                "an event store",
                "make one with `fpga-gnn simulate` or `fpga-gnn import trackml`",
            )
        remake = f"delete {path} and {_REPEAT}"
        manifest = read_json(file, Manifest, "a manifest", remake, _MOST_MANIFEST_BYTES)
        store = cls(path, manifest)
        if len(store) != len(manifest.events):
            raise InputError(file, "an event listed twice", "each event once", remake)
        return store

    @classmethod
    def create(cls, path: str | Path, origin: Mapping[str, JsonValue]) -> Self:
        """Start a store, or take up one of the same ``origin``.

        Events whose files are gone are forgotten, so that they are made again. ``InputError``
        when the folder holds something else or a store of another origin.
        """
        path = Path(path)
        wanted = json.loads(json.dumps(dict(origin)))
        if (path / MANIFEST).exists():
            store = cls.open(path)
            if store.origin != wanted:
                raise InputError(
                    path,
                    f"a store of other events ({_difference(store.origin, wanted)})",
                    "an empty folder or a store made with the same settings",
                    "choose another --out",
                )
            for event_id in store.event_ids:
                if not all(file.is_file() for file in _files(path, event_id)):
                    del store._records[event_id]
            return store
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise InputError(path, "other files", "an empty or new folder", "choose another --out")
        path.mkdir(parents=True, exist_ok=True)
        store = cls(path, Manifest(origin=wanted))
        store._write_manifest()
        return store

    @property
    def path(self) -> Path:
        """The folder."""
        return self._path

    @property
    def origin(self) -> dict[str, JsonValue]:
        """How the events were made: generator, versions, seed, options."""
        return dict(self._origin)

    @property
    def event_ids(self) -> tuple[int, ...]:
        """Ids of the stored events, rising."""
        return tuple(sorted(self._records))

    @property
    def records(self) -> tuple[EventRecord, ...]:
        """Manifest records in id order."""
        return tuple(self._records[event_id] for event_id in self.event_ids)

    def __len__(self) -> int:
        return len(self._records)

    def __contains__(self, event_id: object) -> bool:
        return event_id in self._records

    def __iter__(self) -> Iterator[Event]:
        return (self.read(event_id) for event_id in self.event_ids)

    def read(self, event_id: int) -> Event:
        """Return one event; ``InputError`` names the file that is missing, altered or malformed."""
        if event_id not in self._records:
            have = f"{len(self)} events" + (
                f" from {self.event_ids[0]} to {self.event_ids[-1]}" if self._records else ""
            )
            raise InputError(self._path, f"no event {event_id}", f"one of its {have}")
        return read_event_files(self._path, self._records[event_id])

    def write(self, event: Event) -> EventRecord:
        """Store one event, replacing an earlier one of the same id."""
        record = write_event_files(self._path, event)
        self.add(record)
        return record

    def add(self, record: EventRecord) -> None:
        """List an event whose files ``write_event_files`` has put into the folder."""
        self._records[record.event_id] = record
        self._write_manifest()

    def _write_manifest(self) -> None:
        manifest = Manifest(origin=self._origin, events=self.records)
        text = json.dumps(manifest.model_dump(mode="json"), indent=1, sort_keys=True)
        write_whole(self._path / MANIFEST, f"{text}\n".encode())


def read_event_files(folder: Path, record: EventRecord) -> Event:
    """Return the event that the store ``folder`` lists as ``record``; ``InputError`` as ``read``.

    Separate from the manifest, so that worker processes need not read it for every event.
    """
    hits, particles = _files(folder, record.event_id)
    return Event(
        record.event_id,
        _read(Hits, hits, record.hits_sha256, record.n_hits),
        _read(Particles, particles, record.particles_sha256, record.n_particles),
    )


def write_event_files(
    folder: Path, event: Event, lost_particles: int = 0, lost_hits: int = 0
) -> EventRecord:
    """Write the two files of ``event`` and return the record that ``EventStore.add`` lists.

    Separate from the manifest, so that worker processes write files and one process lists them.
    """
    hits, particles = _encode(event.hits), _encode(event.particles)
    for file, data in zip(_files(folder, event.event_id), (hits, particles), strict=True):
        write_whole(file, data)
    return EventRecord(
        event_id=event.event_id,
        n_hits=len(event.hits),
        n_particles=len(event.particles),
        hits_sha256=hashlib.sha256(hits).hexdigest(),
        particles_sha256=hashlib.sha256(particles).hexdigest(),
        lost_particles=lost_particles,
        lost_hits=lost_hits,
    )


def _files(folder: Path, event_id: int) -> tuple[Path, Path]:
    stem = f"event{event_id:09d}"
    return folder / f"{stem}-hits.parquet", folder / f"{stem}-particles.parquet"


def _encode(table: Hits | Particles) -> bytes:
    """Return the Parquet bytes: the same for the same columns, compact for rounded floats."""
    encodings = {
        name: "BYTE_STREAM_SPLIT" if dtype is np.float32 else "DELTA_BINARY_PACKED"
        for name, dtype in table.DTYPES.items()
    }
    buffer = io.BytesIO()
    pq.write_table(
        pa.table({name: getattr(table, name) for name in table.DTYPES}),
        buffer,
        compression="zstd",
        compression_level=19,
        use_dictionary=False,
        column_encoding=encodings,
        write_statistics=False,
        store_schema=False,
    )
    return buffer.getvalue()


def _read(kind: type[_Table], file: Path, sha256: str, rows: int) -> _Table:
    data = read_limited(file, _MOST_FILE_BYTES, "the file its manifest lists", _REPEAT)
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise InputError(
            file, f"{len(data)} bytes with sha256 {found[:12]}...", f"{sha256[:12]}...", _REMAKE
        )
    table = read_parquet(data, kind.DTYPES, MOST_ROWS, file, _REMAKE)
    if table.num_rows != rows:
        raise InputError(file, f"{table.num_rows} rows", f"{rows} as in the manifest", _REMAKE)
    return to_columns(kind, table, file, _REMAKE)


def _difference(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    keys = [k for k in sorted({*found, *wanted}) if found.get(k) != wanted.get(k)]
    return ", ".join(f"{k} {found.get(k)!r} instead of {wanted.get(k)!r}" for k in keys)
