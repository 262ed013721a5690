"""Track candidates of an event as Parquet: a row per hit, as in TrackML submissions."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fpga_gnn.events.event import MOST_ROWS, Event
from fpga_gnn.events.parquet import read_parquet
from fpga_gnn.events.table import to_array
from fpga_gnn.files import MIB, read_limited, write_whole
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
    data = read_limited(file, _MOST_FILE_BYTES, "a Parquet file", _AGAIN)
    table = read_parquet(data, _COLUMNS, MOST_ROWS, file, _AGAIN)
    for name in _COLUMNS:
        to_array(table, name, np.int64, file, _AGAIN)
    metadata = table.schema.metadata or {}
    return {
        key.decode(errors="replace"): value.decode(errors="replace")
        for key, value in metadata.items()
    }


_COLUMNS = dict.fromkeys(("event_id", "hit_id", "track_id"), np.int64)
_MOST_FILE_BYTES = 64 * MIB
"""``MOST_ROWS`` rows, hardly packed."""
_AGAIN = "remove it and run fpga-gnn reconstruct again"
