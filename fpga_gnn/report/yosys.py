"""Reports of Yosys: what a module of RTL takes of an UltraScale+ device, as a frozen value.

Mapped, neither placed nor routed. Yosys does not join two small LUTs in one, builds carry chains
four bits at a time and deep memories with multiplexers where the device has cascades: LUTs are on
the high side. Never show its numbers without the label.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from fpga_gnn.report.csynth import Resources
from fpga_gnn.report.summary import HardwareNumber

_LOGIC = {"INV": 1, **{f"LUT{inputs}": 1 for inputs in range(1, 7)}}
_MEMORY = {
    cell: luts
    for luts, cells in {
        1: ("SRL16E", "SRLC32E", "RAM32X1S", "RAM64X1S"),
        2: ("RAM32X1D", "RAM64X1D", "RAM128X1S"),
        4: ("RAM32M", "RAM64M", "RAM128X1D", "RAM256X1S"),
        8: ("RAM32M16", "RAM64M8", "RAM256X1D", "RAM512X1S", "RAM32X16DR8", "RAM64X8SW"),
    }.items()
    for cell in cells
}
_FLIP_FLOPS = {"FDRE": 1, "FDSE": 1, "FDCE": 1, "FDPE": 1}
_BLOCK_RAM = {"RAMB18E2": 1, "RAMB36E2": 2}
_DSP, _ULTRA_RAM, _CARRY = "DSP48E2", "URAM288", "CARRY4"
_NOT_COUNTED = {"MUXF7", "MUXF8", "MUXF9", "$scopeinfo"}
"""Multiplexers that belong to LUTs, and marks of the hierarchy."""
_KNOWN = {*_LOGIC, *_MEMORY, *_FLIP_FLOPS, *_BLOCK_RAM, _DSP, _ULTRA_RAM, _CARRY, *_NOT_COUNTED}

_ARRIVAL = re.compile(r"^Latest arrival time in '\S+' is (\d+):$", re.MULTILINE)


class YosysReport(BaseModel):
    """What the module ``top`` with ``parameters`` maps to.

    ``sources`` is the hash of its files. ``lut_memory`` of ``used.lut`` are memories and shift
    registers; ``carry4`` are carry chains of four bits. ``path_ps`` is the longest path from
    register to register with the delays of 7-series cells, memories and routing left out: it
    ranks designs and says nothing about a clock. None: there is no path. ``apart`` holds how many
    instances of each module were left out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    label: Literal["yosys"] = "yosys"
    tool_version: str
    top: str
    parameters: dict[str, int]
    sources: str
    used: Resources
    lut_memory: int = Field(ge=0)
    carry4: int = Field(ge=0)
    path_ps: int | None
    apart: dict[str, int]


@dataclass(frozen=True)
class Netlist:
    """The cells of a mapped netlist as resources; see ``YosysReport``."""

    used: Resources
    lut_memory: int
    carry4: int
    apart: dict[str, int]


def read_netlist(statistics: str, apart: Sequence[str] = ()) -> Netlist:
    """Read the JSON of ``stat -json``; instances of the modules ``apart`` are not in ``used``.

    Raises ``ValueError`` for a cell of another unknown type: a latch, or logic that was not mapped.
    """
    cells: dict[str, int] = json.loads(statistics)["design"]["num_cells_by_type"]
    unknown = sorted(set(cells) - _KNOWN - set(apart))
    if unknown:
        raise ValueError(f"found cells {', '.join(unknown)}, expected {', '.join(sorted(_KNOWN))}")
    memory = _sum(cells, _MEMORY)
    used = Resources(
        lut=_sum(cells, _LOGIC) + memory,
        ff=_sum(cells, _FLIP_FLOPS),
        dsp=cells.get(_DSP, 0),
        bram_18k=_sum(cells, _BLOCK_RAM),
        uram=cells.get(_ULTRA_RAM, 0),
    )
    return Netlist(used, memory, cells.get(_CARRY, 0), {name: cells.get(name, 0) for name in apart})


def longest_path(timing: str) -> int | None:
    """Return the latest arrival time [ps] in the text of ``sta``."""
    found = _ARRIVAL.search(timing)
    return int(found[1]) if found else None


def yosys_numbers(name: str, report: YosysReport, part: str) -> list[HardwareNumber]:
    """Return the figures of ``name`` with their label."""
    basis = f"{name} for {part}, unplaced"
    figures = [
        *((kind.upper(), amount, "") for kind, amount in report.used),
        ("LUT as memory", report.lut_memory, ""),
        ("CARRY4", report.carry4, ""),
        ("longest path, relative", report.path_ps, "ps"),
    ]
    return [
        HardwareNumber(name=name, value=value, unit=unit, label="yosys", basis=basis)
        for name, value, unit in figures
    ]


def _sum(cells: Mapping[str, int], weights: Mapping[str, int]) -> int:
    return sum(weight * cells.get(name, 0) for name, weight in weights.items())
