"""Tensors as KServe v2 carries them: raw little-endian bytes or a list of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_gnn.errors import InputError
from fpga_gnn.serve.protocol import DTYPES


def from_bytes(
    name: str, datatype: str, shape: Sequence[int], raw: bytes | memoryview
) -> NDArray[Any]:
    """Return the array of a tensor's bytes; ``InputError`` if they do not fit its declaration."""
    dtype = _dtype(name, datatype)
    if len(raw) != dtype.itemsize * _length(name, shape):
        expected = f"{list(shape)} elements of {datatype}"
        raise InputError(f"tensor {name!r}", f"{len(raw)} bytes", expected)
    return np.frombuffer(raw, dtype.newbyteorder("<")).astype(dtype, copy=False)


def from_numbers(name: str, datatype: str, shape: Sequence[int], numbers: Any) -> NDArray[Any]:
    """Return the array of a list of numbers; ``InputError`` for anything else, for a number that
    the type cannot hold, or if they do not fit the tensor's declaration."""
    where, dtype = f"tensor {name!r}", _dtype(name, datatype)
    wanted = (float, int) if dtype.kind == "f" else (int,)
    if not isinstance(numbers, list) or not {*map(type, numbers)} <= {*wanted}:
        raise InputError(where, "other values", f"a list of {datatype} numbers")
    if len(numbers) != _length(name, shape):
        raise InputError(where, f"{len(numbers)} numbers", f"{list(shape)} elements")
    try:
        with np.errstate(over="ignore"):
            wide = np.array(numbers, dtype=np.float64 if dtype.kind == "f" else np.int64)
            array = wide.astype(dtype)
    except OverflowError:
        raise InputError(where, "a number of too many digits", datatype) from None
    if dtype.kind == "i" and not np.array_equal(array, wide):
        raise InputError(where, "a number out of range", datatype)
    return array


def to_bytes(array: NDArray[Any]) -> bytes:
    """Return the raw bytes of a tensor."""
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def _dtype(name: str, datatype: str) -> np.dtype[Any]:
    for known, dtype in DTYPES.items():
        if known == datatype:
            return dtype
    raise InputError(f"tensor {name!r}", f"datatype {datatype!r}", f"one of {', '.join(DTYPES)}")


def _length(name: str, shape: Sequence[int]) -> int:
    if len(shape) != 1 or shape[0] < 0:
        raise InputError(f"tensor {name!r}", f"shape {list(shape)}", "one dimension")
    return shape[0]
