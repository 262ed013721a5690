from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fpga_gnn.errors import InputError
from fpga_gnn.tracks.candidates import Tracks
from fpga_gnn.tracks.store import load_tracks, save_tracks, tracks_file, tracks_metadata


@pytest.fixture
def event(make_event):
    return make_event([1] * 6 + [2] * 6)


@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(labels=st.lists(st.integers(-1, 3), min_size=12, max_size=12))
def test_tracks_round_trip(event, tmp_path, labels):
    numbers = {label: i for i, label in enumerate(sorted({*labels} - {-1}))}
    tracks = Tracks.from_labels(np.array([numbers.get(label, -1) for label in labels]))
    file = tracks_file(tmp_path, 7)
    save_tracks(file, event, tracks, {"made": "here"})
    again = load_tracks(file, event)
    assert again.start.tolist() == tracks.start.tolist()
    assert again.hits.tolist() == tracks.hits.tolist()
    assert tracks_metadata(file) == {"made": "here"}


def test_a_row_per_hit_in_the_order_of_the_track(event, tmp_path):
    tracks = Tracks(np.array([0, 3, 5]), np.array([4, 0, 2, 11, 1]))
    save_tracks(tmp_path / "file", event, tracks, {})
    table = pq.read_table(tmp_path / "file").to_pydict()
    assert table == {
        "event_id": [0] * 5,
        "hit_id": [4, 0, 2, 11, 1],
        "track_id": [0, 0, 0, 1, 1],
    }


def write(file, **columns):
    pq.write_table(pa.table({k: np.array(v, dtype=np.int64) for k, v in columns.items()}), file)


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ({"event_id": [0], "hit_id": [99], "track_id": [0]}, "other hits or tracks"),
        ({"event_id": [1], "hit_id": [0], "track_id": [0]}, "other hits or tracks"),
        ({"event_id": [0, 0], "hit_id": [0, 1], "track_id": [0, 2]}, "other hits or tracks"),
        ({"event_id": [0, 0], "hit_id": [0, 1], "track_id": [1, 0]}, "other hits or tracks"),
        ({"event_id": [0], "hit_id": [0]}, "only the columns event_id, hit_id"),
    ],
)
def test_other_files_are_refused(event, tmp_path, columns, found):
    write(tmp_path / "file", **columns)
    with pytest.raises(InputError, match=found):
        load_tracks(tmp_path / "file", event)


def test_damaged_files_are_refused(event, tmp_path):
    (tmp_path / "file").write_bytes(b"PAR1")
    with pytest.raises(InputError, match="a Parquet file"):
        load_tracks(tmp_path / "file", event)
