"""Text that a vendor's tool wrote, as lines, within limits."""

from __future__ import annotations

from pathlib import Path

from fpga_gnn.errors import InputError
from fpga_gnn.files import MIB, read_limited

MOST_REPORT_BYTES = 64 * MIB
"""Several times a timing summary of a full card."""
_MOST_LINE = 10_000
_MOST_DIGITS = 18


def read_lines(path: Path, expected: str) -> list[str]:
    """Return the lines of a report; ``InputError`` for no file, and for one of other sizes."""
    text = read_limited(path, MOST_REPORT_BYTES, expected).decode("utf-8", errors="replace")
    lines = text.splitlines()
    longest = max(map(len, lines), default=0)
    if longest > _MOST_LINE:
        raise InputError(path, f"a line of {longest} characters", expected)
    return lines


def is_count(text: str) -> bool:
    """Return whether ``text`` is an integer from 0 of a size that a report may have."""
    return text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS
