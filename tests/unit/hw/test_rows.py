"""Rows: any columns of any widths come back, and the bits lie where SystemVerilog has them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpga_gnn.errors import InputError
from fpga_gnn.hw.rows import Field, pack_rows, row_bits, unpack_rows, words_of

FIELDS = st.lists(
    st.one_of(st.builds(Field, st.integers(1, 63), st.booleans()), st.just(Field(64, signed=True))),
    min_size=1,
    max_size=12,
)


def range_of(field):
    low = -(1 << (field.bits - 1)) if field.signed else 0
    return low, low + (1 << field.bits) - 1


@settings(max_examples=200, deadline=None)
@given(FIELDS, st.integers(0, 4), st.data())
def test_columns_come_back(fields, n_rows, data):
    columns = [
        data.draw(st.lists(st.integers(*range_of(f)), min_size=n_rows, max_size=n_rows))
        for f in fields
    ]
    words = pack_rows(fields, columns)
    assert words.dtype == np.uint32
    assert words.shape == (n_rows, words_of(row_bits(fields)))
    for row in range(n_rows):
        whole, at = 0, 0
        for field, column in zip(fields, columns, strict=True):
            whole |= (column[row] & ((1 << field.bits) - 1)) << at
            at += field.bits
        assert sum(int(word) << (32 * n) for n, word in enumerate(words[row])) == whole
    assert [column.tolist() for column in unpack_rows(fields, words)] == columns


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        (Field(4), 16, r"0\.\.15"),
        (Field(4), -1, r"0\.\.15"),
        (Field(4, signed=True), 8, r"-8\.\.7"),
        (Field(4, signed=True), -9, r"-8\.\.7"),
    ],
)
def test_a_value_that_does_not_fit(field, value, expected):
    with pytest.raises(InputError, match=rf"field 1 of row 2: found {value}, expected {expected}"):
        pack_rows((Field(1), field), ([0, 1, 0], [0, 1, value]))


@pytest.mark.parametrize(("bits", "signed"), [(0, True), (65, True), (64, False)])
def test_a_field_that_int64_does_not_hold(bits, signed):
    with pytest.raises(ValueError, match="a field of"):
        Field(bits, signed)
