"""What is installed here and what each part enables: versioned JSON and lines of a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from fpga_gnn import __version__

State = Literal["ok", "missing", "broken"]
_WIDEST = 38
"""Characters of what was found before the next column moves to the right."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Check(_Frozen):
    """One part: what was ``found`` (versions, or what is wrong), what it ``enables``, and how to
    ``get`` it. Without a ``required`` part commands fail that every user runs."""

    name: str
    group: str
    state: State
    found: str
    enables: str
    get: str = ""
    required: bool = False


class Doctor(_Frozen):
    """Report of ``fpga-gnn doctor``."""

    schema_version: Literal[1] = 1
    version: str = __version__
    python: str
    platform: str
    checks: tuple[Check, ...]

    def lacking(self, names: Sequence[str] | None = None) -> tuple[Check, ...]:
        """Return the checks of ``names`` (None: the required ones) that are not ok."""
        asked = (c for c in self.checks if (c.required if names is None else c.name in names))
        return tuple(check for check in asked if check.state != "ok")


def doctor_lines(doctor: Doctor) -> list[str]:
    """Return a line per check under a line per group; how to get what is not ok on its own."""
    lines = [f"fpga-gnn {doctor.version}, Python {doctor.python}, {doctor.platform}"]
    name_width = max(len(check.name) for check in doctor.checks)
    found_width = min(max(len(check.found) for check in doctor.checks), _WIDEST)
    indent = " " * (2 + len("missing") + 2 + name_width + 2)
    group = ""
    for check in doctor.checks:
        if check.group != group:
            group = check.group
            lines += ["", group]
        name, found = check.name.ljust(name_width), check.found.ljust(found_width)
        lines.append(f"  {check.state:<7}  {name}  {found}  {check.enables}".rstrip())
        if check.state != "ok" and check.get:
            lines.append(f"{indent}{check.get}")
    return lines


def lacking_phrase(checks: Sequence[Check]) -> str:
    """Return what ``checks`` lack and how to get it, for an error of one line."""
    return "; ".join(
        f"{c.name} {c.state} ({c.found})" + (f": {c.get}" if c.get else "") for c in checks
    )
