"""What the module-map reference refuses, and how it says so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fpga_gnn.contract import HitRecords, ModuleMapRecords, load_contract
from fpga_gnn.errors import CapacityError, InputError
from fpga_gnn.reference.module_map import CAPACITIES, build

CONTRACT = load_contract("w8")
ONES = np.ones(2, dtype=np.int64)
HITS = HitRecords(ONES, ONES, ONES, np.array([4, 8]), ONES, ONES, np.array([0, 1, 2]))
MAP = ModuleMapRecords(
    doublet_start=np.array([0, 1, 1]),
    doublet_target=np.array([1]),
    doublet_windows=np.tile([-9, 9], (1, 4, 1)),
    triplet_start=np.array([0, 1]),
    triplet_outer=np.array([0]),
    triplet_windows=np.tile([-9, 9], (1, 10, 1)),
)


def test_one_pair():
    found = build(HITS, MAP, CONTRACT)
    assert [found.src[0], found.dst[0], found.doublet[0], found.tagged[0]] == [0, 1, 0, 0]


@pytest.mark.parametrize(
    ("hits", "table", "message"),
    [
        ({"z": [0, 1 << 17]}, {}, r"hits\.z\[1\]: found 131072, expected -131072\.\.131071"),
        ({"phi": [0]}, {}, r"hits\.phi: found shape \(1,\)"),
        ({"module_start": [0, 2, 1]}, {}, r"hits\.module_start: found a descending start"),
        ({"module_start": [0, 1, 3]}, {}, r"hits\.module_start\[2\]: found 3, expected 0\.\.2"),
        ({"module_start": [0, 2]}, {}, r"hits\.module_start: found shape"),
        ({}, {"doublet_target": [2]}, r"map\.doublet_target\[0\]: found 2, expected 0\.\.1"),
        ({}, {"doublet_start": [0, 0, 0]}, r"map\.doublet_start: found 0\.\.0, expected 0\.\.1"),
        ({}, {"triplet_outer": [-1]}, r"map\.triplet_outer\[0\]: found -1"),
        ({}, {"doublet_windows": np.zeros((1, 3, 2))}, r"map\.doublet_windows: found \(1, 3, 2\)"),
        (
            {},
            {"triplet_windows": np.full((1, 10, 2), 1 << 17)},
            r"map\.triplet_windows\.inner_z0\[0\]: found 131072",
        ),
    ],
)
def test_bad_records_are_named(hits, table, message):
    with pytest.raises(InputError, match=message):
        build(replace(HITS, **hits), replace(MAP, **table), CONTRACT)


@pytest.mark.parametrize(
    ("window", "change", "message"),
    [
        ("z0", {"frac": 4}, r"windows\.z0\.frac: found 4, expected 5"),
        ("dphi", {"signed": False}, r"windows\.dphi: found an unsigned format"),
        ("dydx", {"bits": 26}, r"windows\.dydx: found 65-bit products"),
        ("phi_slope", {"frac": -1}, r"windows\.phi_slope\.frac"),
    ],
)
def test_unsupported_contracts_are_refused(window, change, message):
    form = getattr(CONTRACT.windows, window).model_copy(update=change)
    windows = CONTRACT.windows.model_copy(update={window: form})
    with pytest.raises(InputError, match=message):
        build(HITS, MAP, CONTRACT.model_copy(update={"windows": windows}))


@pytest.mark.parametrize("what", [c for c in CAPACITIES if c != "edges"])
def test_capacity_error_names_need_and_capacity(what):
    shape = CONTRACT.kernels.module_map.model_copy(update={f"max_{what}": 0})
    kernels = CONTRACT.kernels.model_copy(update={"module_map": shape})
    with pytest.raises(CapacityError, match=rf"module map: [12] {what}, capacity 0"):
        build(HITS, MAP, CONTRACT.model_copy(update={"kernels": kernels}))
