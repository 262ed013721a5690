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
    """Return the metadata that the tracks of ``file`` were saved with.

    ``InputError`` for a file of something else.
    """
    try:
        table = pq.read_table(pa.BufferReader(file.read_bytes()), use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise InputError(file, str(error).splitlines()[0], "a Parquet file", _AGAIN) from None
    for name in _COLUMNS:
        to_array(table, name, np.int64, file, _AGAIN)
    metadata = table.schema.metadata or {}
    return {key.decode(): value.decode(errors="replace") for key, value in metadata.items()}


_COLUMNS = ("event_id", "hit_id", "track_id")
_AGAIN = "remove it and run fpga-gnn reconstruct again"
