from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpga_gnn.errors import InputError
from fpga_gnn.serve.protocol import DTYPES
from fpga_gnn.serve.tensors import from_bytes, from_numbers, to_bytes


@pytest.mark.parametrize("datatype", DTYPES)
def test_bytes_and_numbers_give_the_array_back(datatype):
    array = np.array([0, 1, -7, 1 << 24], dtype=DTYPES[datatype])
    for got in (
        from_bytes("x", datatype, [4], to_bytes(array)),
        from_numbers("x", datatype, [4], array.tolist()),
    ):
        assert got.dtype == array.dtype
        assert np.array_equal(got, array)


def test_bytes_are_little_endian():
    assert to_bytes(np.array([1], dtype=">i4")) == b"\1\0\0\0"
    assert from_bytes("x", "INT32", [1], b"\1\0\0\0").tolist() == [1]


@pytest.mark.parametrize(
    ("datatype", "shape", "raw"),
    [
        ("FP32", [2], b"1234"),
        ("FP32", [1], b"123"),
        ("FP32", [1, 1], b"1234"),
        ("FP32", [-1], b"1234"),
        ("FP32", [], b"1234"),
        ("INT64", [1 << 62], b"12345678"),
        ("FP16", [2], b"1234"),
        ("BYTES", [1], b"1234"),
    ],
)
def test_bytes_that_do_not_fit_are_refused(datatype, shape, raw):
    with pytest.raises(InputError, match="tensor 'x'"):
        from_bytes("x", datatype, shape, raw)


@pytest.mark.parametrize(
    ("datatype", "numbers"),
    [
        ("INT32", [1 << 31]),
        ("INT64", [1 << 63]),
        ("INT64", [1.0]),
        ("INT32", [True]),
        ("FP32", ["1"]),
        ("FP32", [None]),
        ("FP32", [[1.0]]),
        ("FP32", [1 << 2000]),
        ("FP32", [1.0, 2.0]),
        ("FP32", "1"),
        ("FP32", {"0": 1.0}),
        ("FP32", None),
    ],
)
def test_other_values_are_refused(datatype, numbers):
    with pytest.raises(InputError, match="tensor 'x'"):
        from_numbers("x", datatype, [1], numbers)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=6,
)


@given(st.sampled_from([*DTYPES, "UINT8"]), st.lists(st.integers(), max_size=2), VALUES)
def test_any_json_is_an_array_or_refused(datatype, shape, values):
    try:
        array = from_numbers("x", datatype, shape, values)
    except InputError:
        return
    assert array.dtype == DTYPES[datatype]
    assert list(array.shape) == shape
