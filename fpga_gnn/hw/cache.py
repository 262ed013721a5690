"""Compiled simulations in the user's cache: built once, named by the hash of all that went in."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from fpga_gnn.errors import InputError


def cache_dir() -> Path:
    """Return the folder of compiled kernels: ``$XDG_CACHE_HOME`` or ``~/.cache``, fpga-gnn."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "fpga-gnn"


def digest(texts: Iterable[str], files: Iterable[Path]) -> str:
    """Return the hash of texts and of the names and contents of files, in their order."""
    total = hashlib.sha256()
    for text in texts:
        total.update(text.encode() + b"\0")
    for path in files:
        total.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()[:32]


def build_once(path: Path, build: Callable[[Path], None]) -> Path:
    """Return ``path``; if it is no file yet, ``build`` writes it, whole or not at all.

    Raises ``InputError`` when the cache cannot be written.
    """
    if not path.is_file():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            build(path)
        except OSError as error:
            expected = "a writable cache (set XDG_CACHE_HOME)"
            raise InputError(path.parent, error.strerror, expected) from error
    return path


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Have ``write`` write the file ``path``, whole or not at all.

    ``write`` gets another path, in a folder of its own that is removed afterwards: it may leave
    anything else there.
    """
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        built = Path(scratch) / path.name
        write(built)
        built.replace(path)
