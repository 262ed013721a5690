"""Files that appear whole, and their hashes."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def write_whole(file: Path, data: bytes) -> None:
    """Write ``file`` beside its place and rename it: it is there entirely or as it was before."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    temporary.write_bytes(data)
    os.replace(temporary, file)


def sha256_of(file: Path) -> str:
    """Return the sha256 of a file's bytes, in hexadecimal."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
