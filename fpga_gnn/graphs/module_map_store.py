"""Module maps on disk: a folder of three Parquet tables and a JSON with provenance and hashes."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from fpga_gnn.contract import (
    DOUBLET_WINDOWS,
    TRIPLET_WINDOWS,
    Contract,
    ModuleMapRecords,
    read_json,
)
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import InputError
from fpga_gnn.events.parquet import read_parquet
from fpga_gnn.events.table import to_array
from fpga_gnn.files import MIB, read_limited, sha256_of
from fpga_gnn.graphs.module_map import ModuleMap, ModuleMapInfo

MAP_FOLDER = "module_map"
"""Where a trained model keeps its map: in its own folder, or beside it when models share one."""
_MANIFEST = "module_map.json"

_REBUILD = "rebuild it with: fpga-gnn module-map build"

_MOST_ROWS = 1 << 22
"""Of a table: four times the triplets of the largest published maps."""
_MOST_FILE_BYTES = 512 * MIB
"""So many triplets, hardly packed."""


class _Manifest(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    info: ModuleMapInfo
    sha256: dict[str, str]


def save_module_map(module_map: ModuleMap, folder: Path) -> None:
    """Write ``module_map`` into ``folder``, replacing an earlier map only when all is written.

    Raises ``InputError`` if ``folder`` holds anything but a module map.
    """
    folder = folder.resolve()
    require_replaceable(folder)
    staging = folder.with_name(f".{folder.name}.tmp")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    tables = {
        "modules": {"key": module_map.modules},
        "doublets": _doublet_columns(module_map),
        "triplets": _triplet_columns(module_map),
    }
    hashes = {}
    for name, columns in tables.items():
        path = staging / f"{name}.parquet"
        pq.write_table(pa.table(columns), path, compression="zstd", compression_level=19)
        hashes[name] = sha256_of(path)
    manifest = _Manifest(info=module_map.info, sha256=hashes)
    text = json.dumps(manifest.model_dump(mode="json"), indent=1, sort_keys=True)
    (staging / _MANIFEST).write_text(text + "\n", encoding="utf-8")
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    staging.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def require_replaceable(folder: Path) -> None:
    """Raise ``InputError`` unless ``folder`` is missing, empty or a module map."""
    is_map = (folder / _MANIFEST).is_file()
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir()) and not is_map):
        raise InputError(
            folder, "other files", "a new folder or a module map", "choose another --out"
        )


def save_model_map(module_map: ModuleMap, model: Path) -> str:
    """Write the map of a trained model into the folder ``model``; return its hash."""
    save_module_map(module_map, model / MAP_FOLDER)
    return sha256_of(model / MAP_FOLDER / _MANIFEST)


def shared_map_sha256(model: Path) -> str:
    """Return the hash of the map beside the folder ``model``, which models share."""
    return sha256_of(model.resolve().parent / MAP_FOLDER / _MANIFEST)


def model_map_folder(model: Path) -> Path:
    """Return the folder of the map of the trained model in folder ``model``: in it or beside it."""
    own = model / MAP_FOLDER
    return own if own.exists() else model.resolve().parent / MAP_FOLDER


def load_model_map(model: Path, contract: Contract, sha256: str | None = None) -> ModuleMap:
    """Read the map of the trained model in folder ``model``.

    Raises ``InputError`` unless it is the map with hash ``sha256`` (None: any).
    """
    folder = model_map_folder(model)
    loaded = load_module_map(folder, contract)
    found = sha256_of(folder / _MANIFEST)
    if sha256 is not None and found != sha256:
        raise InputError(folder, f"map {found[:12]}", f"map {sha256[:12]} of the model {model}")
    return loaded


def load_module_map(folder: Path, contract: Contract) -> ModuleMap:
    """Read a module map; ``InputError`` if a file is missing, damaged or of another contract."""
    manifest = read_json(folder / _MANIFEST, _Manifest, "a module map manifest", _REBUILD)
    modules, doublets, triplets = (_read(folder, name, manifest) for name in _COLUMNS)
    key, source, inner = modules["key"], doublets["source"], triplets["inner"]
    records = ModuleMapRecords(
        doublet_start=np.searchsorted(source, np.arange(key.size + 1)),
        doublet_target=doublets["target"],
        doublet_windows=_windows(doublets, DOUBLET_WINDOWS),
        triplet_start=np.searchsorted(inner, np.arange(source.size + 1)),
        triplet_outer=triplets["outer"],
        triplet_windows=_windows(triplets, TRIPLET_WINDOWS),
    )
    _check(folder, key, source, inner, records)
    loaded = ModuleMap(key, records, doublets["count"], triplets["count"], manifest.info)
    loaded.require_contract(contract, folder)
    _check_windows(folder, records, contract)
    return loaded


def _doublet_columns(module_map: ModuleMap) -> dict[str, Int64]:
    records = module_map.records
    source = np.repeat(np.arange(records.n_modules), np.diff(records.doublet_start))
    return {
        "source": source.astype(np.int32),
        "target": records.doublet_target.astype(np.int32),
        "count": module_map.doublet_count.astype(np.int32),
        **_window_columns(records.doublet_windows, DOUBLET_WINDOWS),
    }


def _triplet_columns(module_map: ModuleMap) -> dict[str, Int64]:
    records = module_map.records
    inner = np.repeat(np.arange(records.n_doublets), np.diff(records.triplet_start))
    return {
        "inner": inner.astype(np.int32),
        "outer": records.triplet_outer.astype(np.int32),
        "count": module_map.triplet_count.astype(np.int32),
        **_window_columns(records.triplet_windows, TRIPLET_WINDOWS),
    }


def _window_columns(windows: Int64, names: tuple[str, ...]) -> dict[str, Int64]:
    return {
        f"{name}_{side}": windows[:, i, j].astype(np.int32)
        for i, name in enumerate(names)
        for j, side in enumerate(("low", "high"))
    }


def _windows(columns: dict[str, Int64], names: tuple[str, ...]) -> Int64:
    return np.stack(
        [np.stack([columns[f"{n}_low"], columns[f"{n}_high"]], axis=1) for n in names], axis=1
    )


def _bounds(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{name}_{side}" for name in names for side in ("low", "high"))


_COLUMNS: dict[str, dict[str, type]] = {
    "modules": {"key": np.int64},
    "doublets": dict.fromkeys(("source", "target", "count", *_bounds(DOUBLET_WINDOWS)), np.int32),
    "triplets": dict.fromkeys(("inner", "outer", "count", *_bounds(TRIPLET_WINDOWS)), np.int32),
}
"""Columns of each table."""


def _read(folder: Path, name: str, manifest: _Manifest) -> dict[str, Int64]:
    path, columns = folder / f"{name}.parquet", _COLUMNS[name]
    data = read_limited(path, _MOST_FILE_BYTES, "a table", _REBUILD)
    found = hashlib.sha256(data).hexdigest()
    expected = manifest.sha256.get(name, "no hash in module_map.json")
    if found != expected:
        raise InputError(path, f"sha256 {found[:12]}", f"sha256 {expected[:12]}", _REBUILD)
    table = read_parquet(data, columns, _MOST_ROWS, path, _REBUILD)
    return {
        column: to_array(table, column, dtype, path, _REBUILD).astype(np.int64)
        for column, dtype in columns.items()
    }


def _check(
    folder: Path, key: Int64, source: Int64, inner: Int64, records: ModuleMapRecords
) -> None:
    n_modules, n_doublets = key.size, records.n_doublets
    pair = source * n_modules + records.doublet_target
    pair_of_doublets = inner * n_doublets + records.triplet_outer
    checks = {
        "modules out of order": bool((np.diff(key) <= 0).any()),
        "doublets out of order": bool((np.diff(pair) <= 0).any()),
        "a doublet of an unknown module": _outside(source, n_modules)
        or _outside(records.doublet_target, n_modules),
        "triplets out of order": bool((np.diff(pair_of_doublets) <= 0).any()),
        "a triplet of an unknown doublet": _outside(inner, n_doublets)
        or _outside(records.triplet_outer, n_doublets),
    }
    for found, bad in checks.items():
        if bad:
            raise InputError(folder, found, "a valid module map", _REBUILD)


def _check_windows(folder: Path, records: ModuleMapRecords, contract: Contract) -> None:
    for names, windows in (
        (DOUBLET_WINDOWS, records.doublet_windows),
        (TRIPLET_WINDOWS, records.triplet_windows),
    ):
        for i, name in enumerate(names):
            fixed = contract.windows.of(name)
            if ((windows[:, i] < fixed.min_int) | (windows[:, i] > fixed.max_int)).any():
                found = f"a window of {name} outside its format"
                raise InputError(folder, found, f"{fixed.min_int}..{fixed.max_int}", _REBUILD)


def _outside(index: Int64, size: int) -> bool:
    return bool(((index < 0) | (index >= size)).any())
