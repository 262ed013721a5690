from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fpga_gnn.errors import InputError
from fpga_gnn.tracks.candidates import Tracks
from fpga_gnn.tracks.store import save_tracks, tracks_file, tracks_metadata


@pytest.fixture
def event(make_event):
    return make_event([1] * 6 + [2] * 6)


def test_a_row_per_hit_in_the_order_of_the_track(event, tmp_path):
    tracks = Tracks(np.array([0, 3, 5]), np.array([4, 0, 2, 11, 1]))
    save_tracks(tmp_path / "file", event, tracks, {})
    table = pq.read_table(tmp_path / "file").to_pydict()
    assert table == {
        "event_id": [0] * 5,
        "hit_id": [4, 0, 2, 11, 1],
        "track_id": [0, 0, 0, 1, 1],
    }


def test_what_made_them_is_kept(event, tmp_path):
    file = tracks_file(tmp_path, 7)
    save_tracks(file, event, Tracks(np.array([0]), np.array([], dtype=np.int64)), {"made": "here"})
    assert file.name == "event000000007-tracks.parquet"
    assert tracks_metadata(file) == {"made": "here"}


def test_a_file_without_a_column_is_refused(tmp_path):
    pq.write_table(pa.table({"event_id": [0], "hit_id": [0]}), tmp_path / "file")
    with pytest.raises(InputError, match="only the columns event_id, hit_id"):
        tracks_metadata(tmp_path / "file")


def test_damaged_files_are_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"PAR1")
    with pytest.raises(InputError, match="a Parquet file"):
        tracks_metadata(tmp_path / "file")
