"""Rows of RTL streams: columns of integers as bit fields, without gaps, the first one lowest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import InputError

RowWords = NDArray[np.uint32]
"""Rows [R, W] of W 32-bit words, the lowest first; bits above the row's width are zero."""

_WORD = 32


@dataclass(frozen=True)
class Field:
    """One column of a row: 1 to 64 bits (63 if unsigned), two's complement if signed."""

    bits: int
    signed: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.bits <= (64 if self.signed else 63):
            raise ValueError(f"a field of {self.bits} bits, signed: {self.signed}")


def words_of(bits: int) -> int:
    """Return how many 32-bit words hold ``bits``."""
    return -(-bits // _WORD)


def row_bits(fields: Sequence[Field]) -> int:
    """Return the width of a row of ``fields``."""
    return sum(field.bits for field in fields)


def pack_rows(fields: Sequence[Field], columns: Sequence[ArrayLike] | Int64) -> RowWords:
    """Return rows [R, W] of one column [R] per field (or an array [fields, R]).

    Raises ``InputError`` for a value that its field does not hold.
    """
    values = [np.asarray(column, dtype=np.int64) for column in columns]
    n_rows = values[0].shape[0] if values else 0
    words = np.zeros((n_rows, words_of(row_bits(fields))), dtype=np.uint32)
    at = 0
    for number, (field, column) in enumerate(zip(fields, values, strict=True)):
        low = -(1 << (field.bits - 1)) if field.signed else 0
        high = low + (1 << field.bits) - 1
        bad = np.flatnonzero((column < low) | (column > high))
        if bad.size:
            where = f"field {number} of row {bad[0]}"
            raise InputError(where, int(column[bad[0]]), f"{low}..{high}")
        _write(words, at, field.bits, column.view(np.uint64))
        at += field.bits
    return words


def unpack_rows(fields: Sequence[Field], words: RowWords) -> list[Int64]:
    """Return the column [R] of each field of rows [R, W]."""
    columns, at = [], 0
    for field in fields:
        spare = np.uint64(64 - field.bits)
        high = _read(words, at, field.bits) << spare
        columns.append(
            high.view(np.int64) >> spare.astype(np.int64)
            if field.signed
            else (high >> spare).view(np.int64)
        )
        at += field.bits
    return columns


def _write(words: RowWords, at: int, bits: int, value: NDArray[np.uint64]) -> None:
    word, shift = divmod(at, _WORD)
    value = value & np.uint64((1 << bits) - 1)
    low = value << np.uint64(shift)
    words[:, word] |= low.astype(np.uint32)
    if shift + bits > _WORD:
        words[:, word + 1] |= (low >> np.uint64(_WORD)).astype(np.uint32)
    if shift + bits > 2 * _WORD:
        words[:, word + 2] |= (value >> np.uint64(2 * _WORD - shift)).astype(np.uint32)


def _read(words: RowWords, at: int, bits: int) -> NDArray[np.uint64]:
    """Return the field's bits, with bits of later fields above them."""
    word, shift = divmod(at, _WORD)
    value = words[:, word].astype(np.uint64) >> np.uint64(shift)
    if shift + bits > _WORD:
        value |= words[:, word + 1].astype(np.uint64) << np.uint64(_WORD - shift)
    if shift + bits > 2 * _WORD:
        value |= words[:, word + 2].astype(np.uint64) << np.uint64(2 * _WORD - shift)
    return value
