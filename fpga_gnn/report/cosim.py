"""Reports of C/RTL co-simulation with Vitis HLS: ``<top>_cosim.rpt`` as a frozen value.

The RTL that was simulated is the one to be implemented: its cycles are exact for the bench's cases.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from fpga_gnn.errors import InputError
from fpga_gnn.report.lines import is_count, read_lines

_REPORT = "a cosim.rpt of Vitis HLS"
_MEASURED = 6
_UNKNOWN = "NA"
"""Of an interval with a single transaction, for one."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Cycles(_Value):
    """Clock cycles over the bench's transactions; None: not measured."""

    min: int | None
    avg: int | None
    max: int | None


class CosimReport(_Value):
    """What the Verilog did under the bench: ``status`` (``"Pass"``), latency of a transaction,
    interval between starts, and cycles in all (None in reports of tools before 2020.2)."""

    label: Literal["cosim"] = "cosim"
    status: str
    latency: Cycles
    interval: Cycles
    total_cycles: int | None


def read_cosim(path: Path) -> CosimReport:
    """Read the Verilog row of a ``<top>_cosim.rpt``.

    Raises ``InputError``, naming the file, when it is missing or its table is another one.
    """
    for line in read_lines(path, _REPORT):
        name, *cells = (cell.strip() for cell in line.strip().strip("|").split("|"))
        if name == "Verilog" and len(cells) in (1 + _MEASURED, 2 + _MEASURED):
            status, *numbers = cells
            cycles = [_cycles(path, number) for number in numbers]
            return CosimReport(
                status=status,
                latency=Cycles(min=cycles[0], avg=cycles[1], max=cycles[2]),
                interval=Cycles(min=cycles[3], avg=cycles[4], max=cycles[5]),
                total_cycles=cycles[_MEASURED] if len(cycles) > _MEASURED else None,
            )
    raise InputError(path, "no row of the Verilog with latency and interval", _REPORT)


def _cycles(path: Path, text: str) -> int | None:
    if text == _UNKNOWN:
        return None
    if not is_count(text):
        raise InputError(path, repr(text), "a number of cycles")
    return int(text)
