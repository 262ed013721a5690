from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fpga_gnn.tracks.candidates import Tracks
from fpga_gnn.tracks.submission import submission


@pytest.fixture
def event(make_event):
    made = make_event([1] * 4 + [2] * 3)
    return replace(made, event_id=1000, hits=replace(made.hits, hit_id=made.hits.hit_id + 10))


def test_every_hit_has_a_row_and_tracks_count_from_one(event, tmp_path):
    file = tmp_path / "tracks.csv"
    with submission(file) as add:
        add(event, Tracks(np.array([0, 3, 5]), np.array([4, 0, 2, 5, 1])))
        add(replace(event, event_id=7), Tracks(np.array([0]), np.array([], dtype=np.int64)))
        assert not file.exists()
    rows = ["event_id,hit_id,track_id"]
    rows += [f"1000,{hit},{track}" for hit, track in enumerate((1, 2, 1, 0, 1, 2, 0), start=10)]
    rows += [f"7,{hit},0" for hit in range(10, 17)]
    assert file.read_text().splitlines() == rows
    assert list(tmp_path.iterdir()) == [file]


def test_an_interrupted_file_leaves_the_earlier_one(event, tmp_path):
    file = tmp_path / "tracks.csv"
    file.write_text("earlier")
    beyond = Tracks(np.array([0, 1]), np.array([99]))
    with pytest.raises(IndexError), submission(file) as add:
        add(event, beyond)
    assert file.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [file]
