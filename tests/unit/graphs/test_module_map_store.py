from __future__ import annotations

import hashlib
import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fpga_gnn.contract import ModuleMapRecords
from fpga_gnn.errors import InputError
from fpga_gnn.events.targets import TargetSelection
from fpga_gnn.graphs.map_learning import learn_module_map
from fpga_gnn.graphs.map_settings import MapSettings
from fpga_gnn.graphs.module_map_store import (
    MAP_FOLDER,
    load_model_map,
    load_module_map,
    save_model_map,
    save_module_map,
)

TABLES = ("modules", "doublets", "triplets")


@pytest.fixture
def folder(tmp_path, real_map):
    save_module_map(real_map, tmp_path / "map")
    return tmp_path / "map"


@pytest.fixture
def refused(folder, w8):
    """Return refused(): the error line of loading ``folder``."""

    def load() -> str:
        with pytest.raises(InputError) as caught:
            load_module_map(folder, w8)
        line = str(caught.value)
        assert str(folder) in line
        assert "\n" not in line
        return line

    return load


def require_same(one, two):
    assert one.info == two.info
    for name in ("modules", "doublet_count", "triplet_count"):
        assert np.array_equal(getattr(one, name), getattr(two, name))
        assert getattr(two, name).dtype == np.int64
    for field in fields(ModuleMapRecords):
        a, b = (getattr(m.records, field.name) for m in (one, two))
        assert a.shape == b.shape
        assert np.array_equal(a, b)


def rewrite(folder, table, change):
    """Replace a table by ``change(table)`` and give the manifest its hash."""
    path = folder / f"{table}.parquet"
    pq.write_table(change(pq.read_table(path)), path)
    sign(folder, table)


def sign(folder, table):
    data = (folder / f"{table}.parquet").read_bytes()
    sha256 = hashlib.sha256(data).hexdigest()
    edit_manifest(folder, lambda content: content["sha256"].update({table: sha256}))


def edit_manifest(folder, change):
    manifest = folder / "module_map.json"
    content = json.loads(manifest.read_text())
    change(content)
    manifest.write_text(json.dumps(content))


@pytest.mark.parametrize("pooling", ["module", "layer"])
def test_round_trip_is_equal(tmp_path, real_event, w8, pooling):
    chosen = MapSettings(pooling=pooling, widening=0.1)
    source = {"seed": 7, "tune": {"pt": 1.5}}
    learned = learn_module_map([real_event], w8, settings=chosen, source=source)
    save_module_map(learned, tmp_path / "map")
    require_same(learned, load_module_map(tmp_path / "map", w8))


def test_a_manifest_from_before_a_setting_has_its_default(folder, real_map, w8):
    defaults = MapSettings().model_dump()
    later = ("spread", "n_rms", "small_sample", "dydx")
    edit_manifest(folder, lambda content: [content["info"].pop(name) for name in later])
    loaded = load_module_map(folder, w8)
    assert loaded.info.model_dump(include=later) == {name: defaults[name] for name in later}
    require_same(real_map, loaded)


def test_empty_tables_round_trip(tmp_path, make_event, w8):
    event = make_event([(10, 0, 0), (20, 0, 5)], [(0, 1), (0, 2)], [1] * 2)
    learned = learn_module_map([event], w8, TargetSelection(min_hits=2))
    assert (learned.records.n_doublets, learned.records.n_triplets) == (1, 0)
    save_module_map(learned, tmp_path / "map")
    require_same(learned, load_module_map(tmp_path / "map", w8))


def test_a_map_without_doublets_is_refused(make_event, w8):
    event = make_event([(10, 0, 0), (20, 0, 5), (30, 0, 9)], [(0, 1), (0, 2), (0, 3)], [1] * 3)
    with pytest.raises(InputError, match="no doublet crossed 2 times"):
        learn_module_map([event], w8, settings=MapSettings(min_occurrence=2))


def test_saving_again_gives_the_same_bytes(folder, tmp_path, real_map):
    save_module_map(real_map, tmp_path / "again")
    for path in folder.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_a_new_map_replaces_the_old_one(folder, make_event, w8):
    event = make_event([(10, 0, 0), (20, 0, 5), (30, 0, 9)], [(0, 1), (0, 2), (0, 3)], [1] * 3)
    small = learn_module_map([event], w8)
    save_module_map(small, folder)
    require_same(small, load_module_map(folder, w8))
    assert [path.name for path in folder.parent.iterdir()] == ["map"]


def test_a_failed_write_keeps_the_old_map(folder, real_map, w8):
    bad = replace(real_map, doublet_count=real_map.doublet_count[:-1])
    with pytest.raises(pa.ArrowInvalid):
        save_module_map(bad, folder)
    require_same(real_map, load_module_map(folder, w8))


def test_a_folder_with_other_files_is_left_alone(tmp_path, real_map):
    (tmp_path / "thesis").mkdir()
    precious = tmp_path / "thesis" / "thesis.tex"
    precious.write_text("years of work")
    with pytest.raises(InputError):
        save_module_map(real_map, tmp_path / "thesis")
    assert precious.is_file()


@pytest.mark.parametrize("name", ["module_map.json", *(f"{table}.parquet" for table in TABLES)])
def test_a_missing_file_is_named(folder, refused, name):
    (folder / name).unlink()
    line = refused()
    assert name in line
    assert "module-map build" in line


@pytest.mark.parametrize("table", TABLES)
def test_a_changed_byte_is_noticed(folder, refused, table):
    path = folder / f"{table}.parquet"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    line = refused()
    assert f"{table}.parquet: found sha256 {hashlib.sha256(data).hexdigest()[:12]}" in line


def test_a_table_without_hash_is_refused(folder, refused):
    edit_manifest(folder, lambda content: content["sha256"].pop("doublets"))
    assert "no hash" in refused()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"junk" * 10,
        b"PAR1" + b"\xff" * 40 + (40).to_bytes(4, "little") + b"PAR1",
    ],
    ids=["empty", "junk", "bad footer"],
)
def test_a_signed_file_that_is_no_table_is_refused(folder, refused, data):
    (folder / "doublets.parquet").write_bytes(data)
    sign(folder, "doublets")
    assert "doublets.parquet: found" in refused()
    assert "expected a Parquet file" in refused()


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b"null", b"\xff"])
def test_a_broken_manifest_is_refused(folder, refused, data):
    (folder / "module_map.json").write_bytes(data)
    assert "module_map.json" in refused()


def test_an_unknown_manifest_key_is_named(folder, refused):
    edit_manifest(folder, lambda content: content["info"].update(version=2))
    assert "unknown key info.version" in refused()


def test_a_map_of_another_contract_is_refused(folder, w8):
    windows = w8.windows.model_copy(update={"z0": w8.windows.dydx})
    other = w8.model_copy(update={"windows": windows})
    with pytest.raises(InputError, match=w8.map_sha256[:12]):
        load_module_map(folder, other)


def reordered(table):
    return table.take(pa.array([1, 0, *range(2, table.num_rows)]))


def with_cell(name, row, value):
    def change(table):
        column = table.column(name).to_numpy().copy()
        column[row] = value
        return table.set_column(table.column_names.index(name), name, pa.array(column))

    return change


def drop(name):
    return lambda table: table.drop_columns([name])


def as_float(name):
    def change(table):
        column = table.column(name).cast(pa.float64())
        return table.set_column(table.column_names.index(name), name, column)

    return change


@pytest.mark.parametrize(
    ("table", "change", "found"),
    [
        ("modules", reordered, "modules out of order"),
        ("doublets", reordered, "doublets out of order"),
        ("triplets", reordered, "triplets out of order"),
        ("modules", lambda t: t.slice(0, t.num_rows - 1), "unknown module"),
        ("doublets", lambda t: t.slice(0, t.num_rows - 500), "triplet"),
        ("doublets", with_cell("target", -1, 10**6), "unknown module"),
        ("doublets", with_cell("source", 0, -1), "unknown module"),
        ("triplets", with_cell("outer", -1, 10**6), "unknown doublet"),
        ("triplets", with_cell("inner", 0, -1), "unknown doublet"),
        ("doublets", drop("z0_low"), "a column z0_low"),
        ("triplets", drop("dydx_high"), "a column dydx_high"),
        ("modules", drop("key"), "a column key"),
        ("doublets", as_float("dphi_low"), "dphi_low: found type double"),
        ("doublets", with_cell("z0_low", 0, -(1 << 20)), "window of z0 outside its format"),
        ("triplets", with_cell("dzdr_high", 0, 1 << 25), "window of dzdr outside its format"),
    ],
)
def test_signed_tables_must_still_be_a_map(folder, refused, table, change, found):
    rewrite(folder, table, change)
    assert found in refused()


@pytest.fixture
def two_maps(real_event, real_map, w8):
    """Two maps of the same detector with different windows."""
    settings = MapSettings(pooling="layer", widening=0.5)
    return real_map, learn_module_map([real_event], w8, settings=settings)


def test_a_models_map_lies_in_its_folder(tmp_path, real_map, w8):
    found = save_model_map(real_map, tmp_path / "model")
    manifest = tmp_path / "model" / MAP_FOLDER / "module_map.json"
    assert found == hashlib.sha256(manifest.read_bytes()).hexdigest()
    for sha256 in (found, None):
        require_same(real_map, load_model_map(tmp_path / "model", w8, sha256))


def test_or_beside_it(tmp_path, real_map, w8, monkeypatch):
    (tmp_path / "model").mkdir()
    found = save_model_map(real_map, tmp_path)
    require_same(real_map, load_model_map(tmp_path / "model", w8, found))
    monkeypatch.chdir(tmp_path / "model")
    require_same(real_map, load_model_map(Path("."), w8, found))


def test_its_own_map_comes_first(tmp_path, two_maps, w8):
    own, beside = two_maps
    found = save_model_map(own, tmp_path / "model")
    other = save_model_map(beside, tmp_path)
    assert found != other
    require_same(own, load_model_map(tmp_path / "model", w8, found))
    with pytest.raises(InputError, match=f"found map {found[:12]}, expected map {other[:12]}"):
        load_model_map(tmp_path / "model", w8, other)


def test_the_map_of_another_model_is_refused(tmp_path, two_maps, w8):
    ours, theirs = two_maps
    expected = save_model_map(ours, tmp_path / "ours")
    found = save_model_map(theirs, tmp_path)
    (tmp_path / "model").mkdir()
    with pytest.raises(InputError) as caught:
        load_model_map(tmp_path / "model", w8, expected)
    line = str(caught.value)
    assert f"found map {found[:12]}, expected map {expected[:12]} of the model" in line
    assert str(tmp_path / MAP_FOLDER) in line


def test_a_model_without_a_map_is_refused(tmp_path, w8):
    (tmp_path / "model").mkdir()
    with pytest.raises(InputError, match=r"module_map\.json: found No such file"):
        load_model_map(tmp_path / "model", w8)
