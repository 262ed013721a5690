"""What kernels take of a board: a table, as JSON and as text, labelled by how it was obtained."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from fpga_gnn import __version__
from fpga_gnn.report.csynth import Resources
from fpga_gnn.report.summary import Label
from fpga_gnn.report.table import aligned

KINDS = {"lut": "LUT", "ff": "FF", "dsp": "DSP", "bram_18k": "BRAM36", "uram": "URAM"}
"""Names of the kinds of ``Resources`` in tables."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class KernelUse(_Value):
    """A part of a design: what one of its ``copies`` uses."""

    name: str
    copies: int = Field(ge=1)
    used: Resources


class ResourceTable(_Value):
    """The ``parts`` of a design next to what a board leaves of one of its ``slrs``.

    ``network_sha256`` is the hash of the integer network; None in older tables.
    """

    schema_version: Literal[1] = 1
    version: str = __version__
    label: Label
    contract: str
    contract_sha256: str
    network_sha256: str | None = None
    board: str
    part: str
    slrs: int = Field(ge=1)
    usable_per_slr: Resources
    parts: tuple[KernelUse, ...]

    @property
    def total(self) -> Resources:
        """Resources of all parts in all their copies."""
        return added(part.used for part in self.parts for _ in range(part.copies))

    @property
    def slrs_filled(self) -> float:
        """How many SLRs the kind of resource fills that is the scarcest; floorplanning apart."""
        total = dict(self.total)
        return max(float(total[kind] / n) for kind, n in self.usable_per_slr if n)


def added(amounts: Iterable[Resources]) -> Resources:
    """Return the sum."""
    rows = [dict(amount) for amount in amounts]
    return Resources(**{kind: sum(row[kind] for row in rows) for kind in KINDS})


def amounts(used: Resources) -> list[str]:
    """Return the amounts in the order of ``KINDS``; block RAM in whole blocks of 36 Kb."""
    return [f"{n / 2:,g}" if kind == "bram_18k" else f"{n:,}" for kind, n in used]


def resource_lines(table: ResourceTable) -> list[str]:
    """Return the table as text: parts, total, and the total's shares of one SLR and of all."""
    rows = [["", "copies", *KINDS.values(), ""]]
    rows += [_row(part.name, f"{part.copies}", part.used, table.label) for part in table.parts]
    rows += [
        _row("total, all copies", "", table.total, table.label),
        _shares("of one SLR", table, 1),
        _shares(f"of {table.slrs} SLRs", table, table.slrs),
    ]
    return aligned(rows)


def _row(name: str, copies: str, used: Resources, label: Label) -> list[str]:
    return [name, copies, *amounts(used), f"[{label}]"]


def _shares(name: str, table: ResourceTable, slrs: int) -> list[str]:
    total = dict(table.total)
    cells = [f"{total[kind] / (slrs * n):.1%}" if n else "n/a" for kind, n in table.usable_per_slr]
    return [name, "", *cells, f"[{table.label}]"]
