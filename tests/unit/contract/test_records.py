from __future__ import annotations

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from fpga_gnn.contract import (
    DOUBLET_WINDOWS,
    TRIPLET_WINDOWS,
    CandidateRecords,
    HitRecords,
    ModuleMapRecords,
)


def test_triplet_windows_are_both_doublets_then_the_joint_cuts():
    inner, outer = (tuple(f"{side}_{n}" for n in DOUBLET_WINDOWS) for side in ("inner", "outer"))
    assert (*inner, *outer, "dydx", "dzdr") == TRIPLET_WINDOWS


def test_columns_are_int64_copies_that_cannot_be_changed():
    source = np.arange(3, dtype=np.int32)
    records = CandidateRecords(source, source, [0, 0, 1], source)
    source[0] = 9
    assert records.src.tolist() == [0, 1, 2]
    assert {records.src.dtype, records.doublet.dtype} == {np.dtype(np.int64)}
    with pytest.raises(ValueError, match="read-only"):
        records.src[0] = 5
    with pytest.raises(FrozenInstanceError):
        records.src = source


def test_sizes_are_those_of_the_columns():
    column = np.zeros(4)
    assert len(HitRecords(*[column] * 6, module_start=[0, 1, 3])) == 4
    module_map = ModuleMapRecords(
        doublet_start=[0, 2, 2, 3],
        doublet_target=[1, 2, 2],
        doublet_windows=np.zeros((3, 4, 2)),
        triplet_start=[0, 1, 1, 1],
        triplet_outer=[2],
        triplet_windows=np.zeros((1, 10, 2)),
    )
    assert (module_map.n_modules, module_map.n_doublets, module_map.n_triplets) == (3, 3, 1)
