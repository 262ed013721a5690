"""Hit lists: from tracks to columns, from columns to labels."""

from __future__ import annotations

from fpga_gnn.reference.hit_lists import HitLists


def test_columns_of_tracks():
    tracks = HitLists.of([[4, 1], [0, 2, 3]])
    assert len(tracks) == 2
    assert tracks.start.tolist() == [0, 2, 5]
    assert tracks.nodes.tolist() == [4, 1, 0, 2, 3]


def test_labels_number_tracks_by_their_smallest_node():
    tracks = HitLists.of([[6, 1], [7, 2, 5], [4, 0]])
    assert tracks.labels(8).tolist() == [0, 1, 2, -1, 0, 2, 1, 2]


def test_no_tracks():
    tracks = HitLists.of([])
    assert (len(tracks), tracks.start.tolist(), tracks.nodes.size) == (0, [0], 0)
    assert tracks.labels(2).tolist() == [-1, -1]
