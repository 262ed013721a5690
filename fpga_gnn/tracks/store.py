"""Track candidates of an event as Parquet: a row per hit, as in TrackML submissions."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fpga_gnn.errors import InputError
from fpga_gnn.events.event import Event
from fpga_gnn.events.table import to_array
from fpga_gnn.files import write_whole
from fpga_gnn.tracks.candidates import Tracks


def tracks_file(folder: Path, event_id: int) -> Path:
    """Return the file of the tracks of event ``event_id`` in ``folder``."""
    return folder / f"event{event_id:09d}-tracks.parquet"


def save_tracks(file: Path, event: Event, tracks: Tracks, metadata: Mapping[str, str]) -> None:
    """Write columns ``event_id``, ``hit_id``, ``track_id`` [K], rows by track; whole or not at all.

    Tracks are numbered from 0; a hit on no track has no row. ``metadata`` says what made them.
    """
    columns = {
        "event_id": np.full(tracks.hits.size, event.event_id, dtype=np.int64),
        "hit_id": event.hits.hit_id[tracks.hits],
        "track_id": tracks.track,
    }
    buffer = io.BytesIO()
    table = pa.table(columns).replace_schema_metadata(dict(metadata))
    pq.write_table(table, buffer, compression="zstd")
    write_whole(file, buffer.getvalue())


def tracks_metadata(file: Path) -> dict[str, str]:
    """Return the metadata that the tracks of ``file`` were saved with."""
    metadata = _table(file).schema.metadata or {}
    return {key.decode(): value.decode(errors="replace") for key, value in metadata.items()}


def load_tracks(file: Path, event: Event) -> Tracks:
    """Return the tracks of ``event``; ``InputError`` for a file that does not hold them."""
    table, hits = _table(file), event.hits.hit_id
    order = np.argsort(hits)
    hit_id, track = (table.column(name).to_numpy() for name in ("hit_id", "track_id"))
    place = np.minimum(np.searchsorted(hits, hit_id, sorter=order), max(hits.size - 1, 0))
    rows = order[place]
    steps = np.diff(track, prepend=0)
    same_event = (table.column("event_id").to_numpy() == event.event_id).all()
    if not (same_event and np.array_equal(hits[rows], hit_id) and np.isin(steps, (0, 1)).all()):
        raise InputError(file, "other hits or tracks", f"tracks of event {event.event_id}", _AGAIN)
    start = np.concatenate([[0], np.cumsum(np.bincount(track))]).astype(np.int64)
    return Tracks(start, rows.astype(np.int64))


_COLUMNS = ("event_id", "hit_id", "track_id")
_AGAIN = "remove it and run fpga-gnn reconstruct again"


def _table(file: Path) -> pa.Table:
    try:
        table = pq.read_table(pa.BufferReader(file.read_bytes()), use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise InputError(file, str(error).splitlines()[0], "a Parquet file", _AGAIN) from None
    for name in _COLUMNS:
        to_array(table, name, np.int64, file, _AGAIN)
    return table
