"""Golden vectors of the kernels: text files that the C++ benches and the tests read alike.

One line per item: ``kernel NAME``, ``contract SHA256``, then per case ``case NAME``, one
``COLUMN LENGTH VALUE...`` line per integer column and ``end``; the last line is ``fnv1a`` and the
64-bit FNV-1a hash of all bytes before it, so that a damaged file is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from fpga_gnn.contract import Contract
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import InputError
from fpga_gnn.files import MIB, read_limited, write_whole

_MAKE = "make it again with sim/make_golden.py"
_MOST_BYTES = 64 * MIB
"""Ten times the bench of a classifier of 8192 nodes."""
_HEAD_LINES = 2


def format_vectors(
    kernel: str, contract: Contract, cases: Mapping[str, Mapping[str, ArrayLike]]
) -> str:
    """Return the text of a golden file; columns are flattened in C order."""
    lines = [f"kernel {kernel}", f"contract {contract.sha256}"]
    for name, columns in cases.items():
        lines.append(f"case {name}")
        for column, values in columns.items():
            flat = np.asarray(values, dtype=np.int64).ravel()
            lines.append(" ".join([column, str(flat.size), *map(str, flat.tolist())]))
        lines.append("end")
    body = "\n".join(lines) + "\n"
    return f"{body}fnv1a {_fnv1a(body.encode())}\n"


def write_vectors(path: Path, text: str) -> None:
    """Write a golden file whole or not at all."""
    write_whole(path, text.encode("ascii"))


def read_vectors(path: Path, kernel: str, contract: Contract) -> dict[str, dict[str, Int64]]:
    """Return the cases: name -> column -> flat int64 values.

    Raises ``InputError`` for a missing or damaged file, another kernel or another contract.
    """
    text = read_limited(path, _MOST_BYTES, "golden vectors", _MAKE)
    body, mark, found = text.rpartition(b"fnv1a ")
    if not mark or found.decode(errors="replace") != f"{_fnv1a(body)}\n":
        raise InputError(path, "damaged text", "the hash of its last line", _MAKE)
    found_kernel, found_contract = _head(path, body)
    if found_kernel != kernel:
        raise InputError(path, f"kernel {found_kernel}", f"kernel {kernel}")
    contract.require_hash(found_contract, path)
    try:
        return _cases(body)
    except (LookupError, OverflowError, ValueError) as error:
        raise InputError(path, f"a line of another form ({error})", "cases", _MAKE) from None


def _cases(body: bytes) -> dict[str, dict[str, Int64]]:
    cases: dict[str, dict[str, Int64]] = {}
    case = ""
    for word, *values in map(str.split, body.decode("ascii").splitlines()[_HEAD_LINES:]):
        if word == "case":
            case = values[0]
            if case in cases:
                raise ValueError(f"{case} given twice")
            cases[case] = {}
        elif word != "end":
            column = np.array(values[1:], dtype=np.int64)
            if column.size != int(values[0]):
                raise ValueError(f"{word}: {column.size} of {values[0]} values")
            cases[case][word] = column
    return cases


def vectors_contract(path: Path) -> str:
    """Return the hash of the contract that a golden file is of; ``InputError`` if it is none."""
    return _head(path, read_limited(path, _MOST_BYTES, "golden vectors", _MAKE))[1]


def _head(path: Path, text: bytes) -> tuple[str, str]:
    """Return the kernel and the hash of the contract, which the first lines say."""
    found = re.match(rb"kernel (\w+)\ncontract (\w+)\n", text)
    if found is None:
        raise InputError(path, "other first lines", "golden vectors", _MAKE)
    return found[1].decode(), found[2].decode()


def _fnv1a(data: bytes) -> str:
    digest = 0xCBF29CE484222325
    for byte in data:
        digest = (digest ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{digest:016x}"
