from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fpga_gnn.errors import InputError
from fpga_gnn.events.sample import sample_store
from fpga_gnn.events.store import EventStore
from fpga_gnn.events.view import (
    EventView,
    default_detector,
    detector_of,
    recorded_hashes,
    restrict,
    select_volumes,
)

VOLUMES = [7, 8, 9, 13, 16]


@pytest.fixture(scope="module")
def event():
    """A hit on each of ``VOLUMES`` in turn."""
    found = sample_store().read(4)
    volume = np.resize(VOLUMES, len(found.hits))
    return replace(found, hits=replace(found.hits, volume_id=volume))


@pytest.fixture
def store(event, tmp_path):
    made = EventStore.create(tmp_path / "events", {"made": "for a test"})
    for event_id in (3, 5, 9):
        made.write(replace(event, event_id=event_id))
    return made


def test_the_pixel_detector_is_volumes_7_8_and_9(event):
    pixel = restrict(event, "pixel")
    wanted = np.isin(event.hits.volume_id, [7, 8, 9])
    assert np.array_equal(pixel.hits.hit_id, event.hits.hit_id[wanted])
    assert set(pixel.hits.volume_id.tolist()) == {7, 8, 9}
    assert pixel.event_id == event.event_id


def test_the_full_detector_is_all_hits(event):
    assert restrict(event, "full") is event


def test_a_view_reads_its_events_in_order(store, event):
    view = EventView.of(store, "pixel")
    assert len(view) == 3
    assert [read.event_id for read in view] == [3, 5, 9]
    n_pixel = len(restrict(event, "pixel").hits)
    assert [len(read.hits) for read in view] == [n_pixel] * 3
    assert len(EventView.of(store, "full").read(5).hits) == len(event.hits)
    assert [read.event_id for read in view] == [3, 5, 9]


def test_a_view_may_stop_early(store):
    view = EventView.of(store, "full", 2)
    assert view.ids == (3, 5)
    assert EventView.of(store, "full", 3).ids == (3, 5, 9)


def test_more_events_than_there_are_is_an_error(store):
    with pytest.raises(InputError, match=r"events: found 3 events, expected at least 4"):
        EventView.of(store, "full", 4)


def test_hashes_are_those_of_its_events(store):
    known = {record.event_id: record.hits_sha256 for record in store.records}
    view = EventView(store, (9, 3), "full")
    assert view.hashes == [known[9], known[3]]


def test_the_detector_of_sensors_is_the_smallest_that_has_them():
    pixel = sample_store().read(0).hits.module_key
    strip = np.int64(13) << 40 | np.int64(2) << 24 | 5
    assert detector_of(pixel) == "pixel"
    assert detector_of(np.append(pixel, strip)) == "full"


def test_a_view_without_hashes_lacks_their_events(store, event):
    for event_id in (3, 5, 9):
        fewer = event.select_hits(np.arange(len(event.hits)) >= event_id)
        store.write(replace(fewer, event_id=event_id))
    view = EventView.of(store, "pixel")
    left = view.without({view.hashes[1], "0" * 64})
    assert (left.ids, left.store, left.detector) == ((3, 9), store, "pixel")
    assert view.without(view.hashes).ids == ()
    assert view.without(()).ids == view.ids


def test_hashes_are_found_at_any_depth_of_a_record(store):
    first, last = (EventView(store, ids, "full") for ids in ((3,), (5, 9)))
    record = {"train": [first.record, {"sources": [last.record]}], "test": None, "note": "text"}
    assert recorded_hashes(record) == {*first.hashes, *last.hashes}
    assert recorded_hashes({}) == frozenset()


def test_volumes_are_selected(event):
    chosen = select_volumes(event, {16, 9, 40})
    wanted = np.isin(event.hits.volume_id, [9, 16])
    assert np.array_equal(chosen.hits.hit_id, event.hits.hit_id[wanted])
    empty = event.select_hits(np.zeros(len(event.hits), dtype=bool))
    assert select_volumes(empty, [40]) == empty
    message = r"event 4: found hits in volumes 7, 8, 9, 13, 16, expected some in volumes 4, 40$"
    with pytest.raises(InputError, match=message):
        select_volumes(event, [40, 4])


def test_pixel_hits_of_a_detector_without_any_are_an_error(event):
    moved = replace(event, hits=replace(event.hits, volume_id=event.hits.volume_id + 100))
    assert len(restrict(moved, "full").hits) == len(event.hits)
    with pytest.raises(InputError, match=r"some in volumes 7, 8, 9; --detector full takes"):
        restrict(moved, "pixel")


@pytest.mark.parametrize(("volume", "detector"), [(17, "pixel"), (10, "full")])
def test_what_is_used_unless_told_follows_from_the_volumes(event, tmp_path, volume, detector):
    columns = event.hits.volume_id.copy()
    columns[-1] = volume
    made = EventStore.create(tmp_path / "events", {"made": "for a test"})
    assert default_detector(made) == "pixel"
    made.write(replace(event, hits=replace(event.hits, volume_id=columns)))
    assert default_detector(made) == detector
