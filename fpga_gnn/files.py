"""Files: ordinary ones read within limits, written whole, hashed.

Whatever a reader gets may come from someone else: see docs/untrusted_files.md.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from fpga_gnn.errors import InputError

MIB = 1 << 20
"""Bytes."""
_MOST_HASHED_BYTES = 4096 * MIB
"""Ten times a binary for a card."""


def temporary_beside(file: Path) -> Path:
    """Return a name of nothing yet beside ``file``, for what will be renamed to it."""
    return file.with_name(f".{file.name}.{uuid4().hex}.tmp")  # a process id is one host's


def write_whole(file: Path, data: bytes) -> None:
    """Write ``file`` beside its place and rename it: it is there entirely or as it was before."""
    temporary = temporary_beside(file)
    try:
        with temporary.open("xb") as output:  # never through a link that somebody put there
            output.write(data)
        os.replace(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)


def open_regular(file: Path, expected: str, hint: str = "") -> BinaryIO:
    """Open ``file``, which should be ``expected``, to read its bytes.

    ``InputError`` if there is none or it cannot be read, and for anything but a regular file: a
    pipe or a device might never end.
    """
    try:
        number = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise InputError(file, reason or "no file", expected, hint) from None
    mode = os.fstat(number).st_mode
    if not stat.S_ISREG(mode):
        os.close(number)
        found = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
        raise InputError(file, found, expected, hint)
    return os.fdopen(number, "rb")


def read_limited(file: Path, most: int, expected: str, hint: str = "") -> bytes:
    """Return the bytes of ``file``, ``most`` at the most; ``InputError`` as ``open_regular``."""
    with open_regular(file, expected, hint) as source:
        size = _size(source, file, most, expected, hint)
        data = source.read(size + 1)
    if len(data) > size:
        raise InputError(file, "a file that grows while it is read", expected, hint)
    return data


def inside(folder: Path, name: str) -> Path:
    """Return the file ``name``, which stands in a document, of ``folder``.

    ``InputError`` for a name that leads out of the folder, or a link that does.
    """
    try:
        if (folder / name).resolve().is_relative_to(folder.resolve()):
            return folder / name
    except (OSError, RuntimeError, ValueError):  # a ring of links, a NUL
        pass
    raise InputError(folder, f"the name {name!r}", "the name of a file in this folder")


def sha256_of(file: Path) -> str:
    """Return the sha256 of a file's bytes, in hexadecimal; ``InputError`` as ``read_limited``."""
    expected = "a file to hash"
    with open_regular(file, expected) as source:
        _size(source, file, _MOST_HASHED_BYTES, expected)
        return hashlib.file_digest(source, "sha256").hexdigest()


def _size(source: BinaryIO, file: Path, most: int, expected: str, hint: str = "") -> int:
    size = os.fstat(source.fileno()).st_size
    if size > most:
        raise InputError(file, f"{size} bytes", f"{expected} of at most {most} bytes", hint)
    return size
