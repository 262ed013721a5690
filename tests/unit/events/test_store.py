"""The event store returns what was written and names every file that is not as written."""

import json
import os
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fpga_gnn.errors import InputError
from fpga_gnn.events.event import Event
from fpga_gnn.events.sample import sample_store
from fpga_gnn.events.store import MANIFEST, EventStore

ORIGIN = {"generator": "test", "seed": 1}
HITS = "event000000004-hits.parquet"


@pytest.fixture(scope="module")
def event() -> Event:
    return sample_store().read(4)


@pytest.fixture
def store(tmp_path, event) -> EventStore:
    store = EventStore.create(tmp_path / "store", ORIGIN)
    store.write(event)
    return store


def _rewrite(store, name, data, **record):
    """Put ``data`` into a file of the store together with a manifest that vouches for it."""
    (store.path / name).write_bytes(data)
    manifest = json.loads((store.path / MANIFEST).read_text())
    key = "hits_sha256" if "hits" in name else "particles_sha256"
    manifest["events"][0] |= {key: sha256(data).hexdigest(), **record}
    (store.path / MANIFEST).write_text(json.dumps(manifest))
    return EventStore.open(store.path)


def _parquet(table):
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()


def test_round_trip(store, event):
    opened = EventStore.open(store.path)
    assert opened.read(4) == event
    assert opened.origin == ORIGIN
    assert opened.event_ids == (4,)
    assert 4 in opened
    assert len(opened) == 1
    assert list(opened) == [event]


def test_an_event_without_hits_survives(store, event):
    empty = Event(9, event.hits.take(np.arange(0)), event.particles.take(np.arange(0)))
    store.write(empty)
    assert EventStore.open(store.path).read(9) == empty


def test_same_event_same_bytes(store, event, tmp_path):
    other = EventStore.create(tmp_path / "other", ORIGIN)
    other.write(event)
    for file in store.path.iterdir():
        assert file.read_bytes() == (other.path / file.name).read_bytes()


def test_events_are_listed_in_id_order_whatever_the_order_of_writing(store, event):
    store.write(replace(event, event_id=2))
    store.write(replace(event, event_id=11))
    assert EventStore.open(store.path).event_ids == (2, 4, 11)


def test_create_takes_up_the_same_origin(store, event):
    again = EventStore.create(store.path, ORIGIN)
    assert again.event_ids == (4,)
    again.write(replace(event, event_id=5))
    assert EventStore.open(store.path).event_ids == (4, 5)


def test_create_forgets_events_whose_files_are_gone(store):
    (store.path / HITS).unlink()
    assert EventStore.create(store.path, ORIGIN).event_ids == ()


def test_create_refuses_another_origin(store):
    with pytest.raises(InputError, match="seed 1 instead of 2"):
        EventStore.create(store.path, {**ORIGIN, "seed": 2})
    assert EventStore.open(store.path).event_ids == (4,)


def test_create_refuses_a_folder_of_other_files(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(InputError, match="other files"):
        EventStore.create(tmp_path, ORIGIN)


def test_interrupted_write_leaves_the_store_valid(store, event, monkeypatch):
    def interrupted(source, target):
        raise KeyboardInterrupt

    before = {file.name: file.read_bytes() for file in store.path.iterdir()}
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            store.write(replace(event, event_id=5))
    assert all((store.path / name).read_bytes() == data for name, data in before.items())
    assert EventStore.open(store.path).read(4) == event
    resumed = EventStore.create(store.path, ORIGIN)
    resumed.write(replace(event, event_id=5))
    assert not list(store.path.glob(".*"))


def test_open_refuses_a_folder_without_manifest(tmp_path):
    with pytest.raises(InputError, match="fpga-gnn simulate"):
        EventStore.open(tmp_path)


def test_read_names_the_events_there_are(store):
    with pytest.raises(InputError, match="no event 3, expected one of its 1 events from 4 to 4"):
        store.read(3)


def test_missing_file_is_named(store):
    (store.path / HITS).unlink()
    with pytest.raises(InputError, match=f"{HITS}: found No such file"):
        store.read(4)


@pytest.mark.parametrize("damage", [lambda data: data[:-100], lambda data: data[:-1] + b"?"])
def test_truncated_or_altered_file_is_named(store, damage):
    file = store.path / HITS
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(InputError, match=f"{HITS}: found .* with sha256"):
        store.read(4)


def test_file_that_is_not_parquet_is_named(store):
    with pytest.raises(InputError, match=f"{HITS}: .*a Parquet file"):
        _rewrite(store, HITS, b"PAR1 but nothing else").read(4)


def test_wrong_row_count_is_named(store, event):
    data = (store.path / HITS).read_bytes()
    with pytest.raises(InputError, match=f"found {len(event.hits)} rows, expected 7"):
        _rewrite(store, HITS, data, n_hits=7).read(4)


def _nan(table):
    values = table.column("z").to_numpy().copy()
    values[2] = np.nan
    return table.set_column(table.column_names.index("z"), "z", pa.array(values, pa.float32()))


def _wide(table):
    return table.set_column(1, "x", table.column("x").cast(pa.float64()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop_columns(["layer_id"]), "a column layer_id"),
        (_wide, "x: found type double, expected type float"),
        (_nan, "z, row 3: found no number"),
    ],
)
def test_malformed_table_is_named(store, change, message):
    table = change(pq.read_table(store.path / HITS))
    with pytest.raises(InputError, match=f"{HITS}.*{message}"):
        _rewrite(store, HITS, _parquet(table)).read(4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda manifest: manifest["events"][0].update(event_id=-1), "event_id"),
        (lambda manifest: manifest["events"][0].update(hits_file="../../x"), "unknown key"),
        (lambda manifest: manifest["events"][0].update(hits_sha256="../x"), "hits_sha256"),
        (lambda manifest: manifest["events"].append(manifest["events"][0]), "listed twice"),
        (lambda manifest: manifest.update(format=2), "format"),
        (lambda manifest: manifest.pop("origin"), "no key origin"),
    ],
)
def test_malformed_manifest_is_named(store, change, message):
    file = store.path / MANIFEST
    manifest = json.loads(file.read_text())
    change(manifest)
    file.write_text(json.dumps(manifest))
    with pytest.raises(InputError, match=f"{MANIFEST}.*{message}"):
        EventStore.open(store.path)


def test_broken_json_is_named(store):
    file = store.path / MANIFEST
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(InputError, match="broken JSON"):
        EventStore.open(store.path)
