"""Golden vectors of the kernels: text files that the C++ benches and the tests read alike.

One line per item: ``kernel NAME``, ``contract SHA256``, then per case ``case NAME``, one
``COLUMN LENGTH VALUE...`` line per integer column and ``end``; the last line is ``fnv1a`` and the
64-bit FNV-1a hash of all bytes before it, so that a damaged file is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from fpga_gnn.contract import Contract
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import InputError
from fpga_gnn.files import write_whole

_MAKE = "make it again with sim/make_golden.py"


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
    try:
        text = path.read_bytes()
    except OSError as error:
        raise InputError(path, error.strerror, "golden vectors", _MAKE) from error
    body, mark, found = text.rpartition(b"fnv1a ")
    if not mark or found.decode(errors="replace") != f"{_fnv1a(body)}\n":
        raise InputError(path, "damaged text", "the hash of its last line", _MAKE)
    lines = [line.split() for line in body.decode().splitlines()]
    if lines[0] != ["kernel", kernel]:
        raise InputError(path, " ".join(lines[0]), f"kernel {kernel}")
    contract.require_hash(lines[1][1], path)
    cases: dict[str, dict[str, Int64]] = {}
    for word, *values in lines[2:]:
        if word == "case":
            columns = cases.setdefault(values[0], {})
        elif word != "end":
            columns[word] = np.array(values[1:], dtype=np.int64)
    return cases


def vectors_contract(path: Path) -> str:
    """Return the hash of the contract that a golden file is of; ``InputError`` if it is none."""
    try:
        with path.open(encoding="ascii") as lines:
            kernel, contract = next(lines, "").split(), next(lines, "").split()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, error, "golden vectors", _MAKE) from error
    if len(contract) != 2 or (kernel[:1], contract[0]) != (["kernel"], "contract"):
        raise InputError(path, "another first line", "golden vectors", _MAKE)
    return contract[1]


def _fnv1a(data: bytes) -> str:
    digest = 0xCBF29CE484222325
    for byte in data:
        digest = (digest ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{digest:016x}"
