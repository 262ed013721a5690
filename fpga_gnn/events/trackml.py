"""Events in the CSV format of the TrackML challenge: ``event000001000-hits.csv`` and so on.

Read are the tables hits, truth and particles, plain or as ``.csv.gz``; cells and detectors may
be there but hold nothing an ``Event`` keeps. TrackML names neither particle types nor
secondaries: ``pdg_id`` is 0 and ``primary`` 1 unless the particles table has the columns
``pdg_id`` (or ``particle_type``) and ``primary``. Units are mm, GeV and e, as in ``Event``.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
from numpy.typing import NDArray
from pydantic import JsonValue

from fpga_gnn.errors import InputError, printable
from fpga_gnn.events.event import MOST_ROWS, NO_PARTICLE, Event, Hits, Particles
from fpga_gnn.events.store import EventStore
from fpga_gnn.events.table import to_array, to_columns
from fpga_gnn.events.targets import hits_per_particle
from fpga_gnn.events.view import select_volumes
from fpga_gnn.files import MIB, read_limited, write_whole

_MOST_BYTES = 512 * MIB
"""Of a table, also unpacked: ``MOST_ROWS`` rows of the truth."""
_MOST_HEADER_BYTES = MIB // 16
_HITS_FILE = re.compile(r"event(\d{9})-hits\.csv(\.gz)?")
_TRUTH = {"hit_id": np.int64, "particle_id": np.int64}
_HITS = {name: dtype for name, dtype in Hits.DTYPES.items() if name != "particle_id"}
_PARTICLES = {"q": np.float32, "particle_type": np.int32, **Particles.DTYPES}


def list_events(directory: str | Path) -> tuple[int, ...]:
    """Return the ids of the events in ``directory``, rising; ``InputError`` when there are none."""
    directory = Path(directory)
    if not directory.is_dir():
        raise InputError(directory, "no folder", "a folder of TrackML events")
    try:
        names = [_HITS_FILE.fullmatch(file.name) for file in directory.iterdir()]
    except OSError as error:
        raise InputError(directory, error.strerror, "a folder of TrackML events") from None
    ids = sorted({int(name[1]) for name in names if name})
    if not ids:
        raise InputError(directory, "no file event*-hits.csv", "a folder of TrackML events")
    return tuple(ids)


def read_event(directory: str | Path, event_id: int, *, with_truth: bool = True) -> Event:
    """Read one event; ``InputError`` names the file and what is wrong with it.

    Hits keep the order of the hits table, whatever the order of the truth table. Without truth only
    the hits are read: there are no particles, and no hit is of one.
    """
    hits_file, hits = _read(Path(directory), event_id, "hits", _HITS)
    if not with_truth:
        owner = np.full(hits.num_rows, NO_PARTICLE, np.int64)
        hits = hits.append_column("particle_id", pa.array(owner))
        none = Particles(*(np.empty(0, dtype) for dtype in Particles.DTYPES.values()))
        return Event(event_id, to_columns(Hits, hits, hits_file), none)
    truth_file, truth = _read(Path(directory), event_id, "truth", _TRUTH)
    particles_file, particles = _read(Path(directory), event_id, "particles", _PARTICLES)

    hit_id = _unique(hits, "hit_id", hits_file)
    truth_id = _unique(truth, "hit_id", truth_file)
    unmatched = np.setxor1d(hit_id, truth_id)
    if unmatched.size:
        found = f"hit {unmatched[0]} in only one of the two"
        raise InputError(truth_file, found, f"the hits of {hits_file.name}")
    order = np.argsort(truth_id)
    owner = to_array(truth, "particle_id", np.int64, truth_file)
    owner = owner[order][np.searchsorted(truth_id, hit_id, sorter=order)]
    hits = hits.append_column("particle_id", pa.array(owner))

    known = _unique(particles, "particle_id", particles_file)
    unknown = np.setdiff1d(owner, np.append(known, NO_PARTICLE))
    if unknown.size:
        found = f"particle {unknown[0]}"
        raise InputError(truth_file, found, f"the particles of {particles_file.name}")
    if "particle_type" in particles.column_names and "pdg_id" not in particles.column_names:
        particles = _rename(particles, "particle_type", "pdg_id")
    for name, value in (("pdg_id", 0), ("primary", 1)):
        if name not in particles.column_names:
            dtype = Particles.DTYPES[name]
            particles = particles.append_column(
                name, pa.array(np.full(particles.num_rows, value, dtype))
            )
    return Event(
        event_id,
        to_columns(Hits, hits, hits_file),
        to_columns(Particles, particles, particles_file, names={"charge": "q"}),
    )


def write_event(directory: str | Path, event: Event) -> None:
    """Write ``event`` so that ``read_event`` returns it unchanged.

    The truth table has the columns that an ``Event`` knows: hit_id and particle_id.
    """
    hits, particles = event.hits, event.particles
    columns = {name: getattr(particles, name) for name in Particles.DTYPES}
    charge, pdg_id, primary = (columns.pop(name) for name in ("charge", "pdg_id", "primary"))
    tables = {
        "hits": {name: getattr(hits, name) for name in _HITS},
        "truth": {name: getattr(hits, name) for name in _TRUTH},
        "particles": {
            **columns,
            "q": charge,
            "nhits": hits_per_particle(event),
            "pdg_id": pdg_id,
            "primary": primary,
        },
    }
    Path(directory).mkdir(parents=True, exist_ok=True)
    for kind, table in tables.items():
        buffer = io.BytesIO()
        pa_csv.write_csv(pa.table(table), buffer, pa_csv.WriteOptions(quoting_header="none"))
        write_whole(_file(Path(directory), event.event_id, kind), buffer.getvalue())


def import_directory(
    directory: str | Path,
    out: str | Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
    *,
    volumes: Collection[int] = (),
    with_truth: bool = True,
) -> EventStore:
    """Copy every event of ``directory`` into the event store ``out``.

    Kept are the hits of ``volumes`` (none given: of all); ``with_truth`` is that of ``read_event``.
    ``progress(done, total)`` is called at the start and after every event. ``InputError`` stops
    at the first event that is wrong; those before it are stored.
    """
    event_ids = list_events(directory)
    origin: dict[str, JsonValue] = {
        "generator": "TrackML CSV files",
        "folder": printable(Path(directory).resolve().name),
    }
    if volumes:
        origin["volumes"] = [*sorted(set(volumes))]
    if not with_truth:
        origin["truth"] = False
    events = (read_event(directory, event_id, with_truth=with_truth) for event_id in event_ids)
    first = next(events)  # before there is a store: a wrong option leaves none
    store = EventStore.create(out, origin)
    progress(0, len(event_ids))
    for done, event in enumerate(chain([first], events), start=1):
        store.write(select_volumes(event, volumes) if volumes else event)
        progress(done, len(event_ids))
    return store


def _file(directory: Path, event_id: int, kind: str) -> Path:
    return directory / f"event{event_id:09d}-{kind}.csv"


def _read(
    directory: Path, event_id: int, kind: str, dtypes: Mapping[str, type]
) -> tuple[Path, pa.Table]:
    """Return the file that holds a table and the table, numbers of the ``dtypes`` given."""
    plain = _file(directory, event_id, kind)
    packed = plain.with_name(f"{plain.name}.gz")
    file = packed if packed.exists() and not plain.exists() else plain
    hint = "--no-truth imports hits alone" if kind == "truth" else ""
    data = read_limited(file, _MOST_BYTES, f"the {kind} of event {event_id}", hint)
    try:
        if file is packed:
            with gzip.open(io.BytesIO(data)) as stream:
                data = stream.read(_MOST_BYTES + 1)
        names = _column_names(data, file)
        table = pa_csv.read_csv(
            pa.BufferReader(data),
            pa_csv.ReadOptions(use_threads=False),
            convert_options=pa_csv.ConvertOptions(
                column_types={name: pa.from_numpy_dtype(dtype) for name, dtype in dtypes.items()},
                include_columns=[name for name in names if name in dtypes],
            ),
        )
    except (pa.ArrowException, csv.Error, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(file, str(error).split("\n")[0], "a TrackML table") from None
    return file, table


def _column_names(data: bytes, file: Path) -> list[str]:
    """Return the names in the first line; ``InputError`` for a table of another form or size."""
    if len(data) > _MOST_BYTES:
        raise InputError(file, f"more than {_MOST_BYTES} bytes unpacked", "a TrackML table")
    if not data.endswith(b"\n"):
        raise InputError(file, "a last line without its end", "a whole file")
    n_rows = max(data.count(b"\n"), data.count(b"\r")) - 1
    if n_rows > MOST_ROWS:
        raise InputError(file, f"{n_rows} rows", f"{MOST_ROWS} at the most")
    first, end, _ = data[:_MOST_HEADER_BYTES].partition(b"\n")
    if not end:
        raise InputError(file, "a first line of too many bytes", "the names of columns")
    names = next(csv.reader([first.decode("utf-8-sig", errors="replace")]), [])
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise InputError(file, f"two columns {twice[0]}", "different names")
    return names


def _unique(table: pa.Table, name: str, file: Path) -> NDArray[np.int64]:
    ids = to_array(table, name, np.int64, file)
    values, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        raise InputError(f"{file}: {name}", f"{values[counts > 1][0]} twice", "each id once")
    return ids


def _rename(table: pa.Table, old: str, new: str) -> pa.Table:
    return table.rename_columns([new if name == old else name for name in table.column_names])
