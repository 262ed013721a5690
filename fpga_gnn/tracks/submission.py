"""Tracks of many events as one CSV file: a submission to the TrackML challenge."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from fpga_gnn.events.event import Event
from fpga_gnn.files import temporary_beside
from fpga_gnn.tracks.candidates import Tracks

_SCHEMA = pa.schema([(name, pa.int64()) for name in ("event_id", "hit_id", "track_id")])


@contextmanager
def submission(file: Path) -> Iterator[Callable[[Event, Tracks], None]]:
    """Write ``file``, whole or not at all; the function given takes an event and its tracks.

    Columns ``event_id``, ``hit_id``, ``track_id``; a row per hit in the event's order. Tracks are
    numbered from 1 in each event, 0 is a hit on no track. No hit may be on two tracks.
    """
    temporary = temporary_beside(file)
    try:
        options = pa_csv.WriteOptions(quoting_header="none")
        with pa_csv.CSVWriter(temporary, _SCHEMA, write_options=options) as writer:

            def add(event: Event, tracks: Tracks) -> None:
                track_id = np.zeros(len(event.hits), dtype=np.int64)
                track_id[tracks.hits] = tracks.track + 1
                event_id = np.full(track_id.size, event.event_id)
                columns = (event_id, event.hits.hit_id, track_id)
                writer.write_table(pa.table(columns, _SCHEMA))

            yield add
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
