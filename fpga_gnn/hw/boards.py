"""FPGA boards: part, platform, clock and resource budgets, from ``vivado_scripts/boards/``."""

from __future__ import annotations

import math
from pathlib import Path

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from fpga_gnn.contract import read_yaml, validation_error
from fpga_gnn.contract.bounded import Name
from fpga_gnn.errors import InputError
from fpga_gnn.report.csynth import Resources
from fpga_gnn.resources import resource_dir


class Board(BaseModel):
    """A board: what to synthesise for, and what a design may use of it.

    ``usable_per_slr`` is what the platform's shell leaves of one super logic region (SLR),
    ``ddr_slrs[i]`` the SLR that memory bank ``DDR[i]`` is attached to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Name
    part: Name
    platform: Name
    clock_mhz: float = Field(gt=0, le=10_000)
    clock_uncertainty_percent: float = Field(ge=0, lt=100)
    slrs: int = Field(ge=1, le=16)
    ddr_slrs: list[int] = Field(min_length=1)
    device: Resources
    usable_per_slr: Resources

    @model_validator(mode="after")
    def _budget_is_on_the_device(self) -> Board:
        for kind, usable in self.usable_per_slr:
            if usable * self.slrs > getattr(self.device, kind):
                raise ValueError(f"{self.slrs} SLRs with {usable} {kind} are more than the device")
        return self

    @field_validator("ddr_slrs")
    @classmethod
    def _banks_are_on_the_device(cls, ddr_slrs: list[int], info: ValidationInfo) -> list[int]:
        if not set(ddr_slrs) <= set(range(info.data.get("slrs", 0))):
            raise ValueError("SLR numbers, from 0")
        return ddr_slrs

    @property
    def clock_ns(self) -> float:
        """Clock period, rounded down to the 0.01 ns that HLS reports show."""
        return math.floor(100_000 / self.clock_mhz) / 100

    @property
    def clock_uncertainty_ns(self) -> float:
        """Part of the period that HLS keeps free for placement and routing."""
        return round(self.clock_ns * self.clock_uncertainty_percent / 100, 4)

    @property
    def memory_bits(self) -> int:
        """Bits of block RAM and UltraRAM that a design may use."""
        usable = self.usable_per_slr
        return self.slrs * (usable.bram_18k * 18 * 1024 + usable.uram * 288 * 1024)


def load_board(name: str) -> Board:
    """Return the shipped board ``name`` (``"u250"``).

    Raises ``InputError`` for an unknown board, unknown or wrongly typed keys.
    """
    paths = {path.stem: path for path in _folder().glob("*.yaml")}
    if name not in paths:
        raise InputError("board", repr(name), f"one of {', '.join(sorted(paths))}")
    path = paths[name]
    try:
        return Board.model_validate(read_yaml(path))
    except ValidationError as error:
        raise validation_error(error, path, Board) from error


def _folder() -> Path:
    return resource_dir("vivado_scripts") / "boards"
