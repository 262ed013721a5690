"""What a flow found, as data first: versioned JSON, and the text a terminal shows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from fpga_gnn import __version__
from fpga_gnn.contract import read_json
from fpga_gnn.contract.bounded import Count, Name
from fpga_gnn.files import write_whole

Label = Literal["estimate", "yosys", "rtl-sim", "csynth", "cosim", "vivado", "board"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RungResult(_Frozen):
    """One rung of the ladder: ``compared`` values of ``unit``, ``different`` of them unequal."""

    kernel: str
    left: str
    right: str
    unit: str
    compared: Count
    different: Count
    seconds: float


class HardwareNumber(_Frozen):
    """A figure about hardware and how it was obtained; None: it depends on the data."""

    name: str
    value: float | None
    unit: str
    label: Label
    basis: str


class Step(_Frozen):
    """One step of a flow: what ran, or why it did not."""

    name: str
    done: bool
    detail: str


class Drift(_Frozen):
    """A figure that differs from the baseline's; both were obtained the same way."""

    name: str
    unit: str
    label: Label
    basis: str
    baseline: float | None
    now: float | None


class FlowReport(_Frozen):
    """Report of ``fpga-gnn synth``, ``validate`` or ``demo``.

    ``tools`` are the versions of the vendor's programs by name. ``network_sha256`` is the hash of
    the integer network; None in older reports.
    """

    schema_version: Literal[1] = 1
    version: str = __version__
    flow: str
    contract: Name
    contract_sha256: Name
    network_sha256: str | None = None
    board: Name | None = None
    part: str | None = None
    steps: list[Step] = []
    events: list[int] = []
    quality: dict[str, int | float | None] = {}
    rungs: list[RungResult] = []
    hardware: list[HardwareNumber] = []
    tools: dict[str, str] = {}
    drift: list[Drift] = []

    @property
    def n_different(self) -> int:
        """Values that differ, over all rungs."""
        return sum(rung.different for rung in self.rungs)


def save_report(report: FlowReport, path: Path) -> None:
    """Write ``report`` as JSON, whole or not at all."""
    write_whole(path, f"{json.dumps(report.model_dump(mode='json'), indent=1)}\n".encode())


def load_report(path: Path) -> FlowReport:
    """Read a report that ``save_report`` wrote; ``InputError`` if it is none."""
    return read_json(path, FlowReport, "a report.json of fpga-gnn")


def rung_lines(rungs: Sequence[RungResult]) -> list[str]:
    """Return one line per rung: what was compared, how much, how much differs."""
    width = max((len(f"{r.left} == {r.right}") for r in rungs), default=0)
    return [
        f"{r.kernel:<20}  {f'{r.left} == {r.right}':<{width}}  "
        f"{r.compared:>9,} {r.unit:<10}  {r.different} differ  {r.seconds:7.1f} s"
        for r in rungs
    ]


def hardware_lines(numbers: Sequence[HardwareNumber]) -> list[str]:
    """Return one line per hardware figure, each with its label."""
    width = max((len(n.name) for n in numbers), default=0)
    return [
        f"{n.name:<{width}}  {value_text(n.value):>14} {n.unit:<10}  [{n.label}] {n.basis}"
        for n in numbers
    ]


def drift_lines(drift: Sequence[Drift]) -> list[str]:
    """Return one line per figure that differs from the baseline."""
    width = max((len(d.name) for d in drift), default=0)
    return [
        f"{d.name:<{width}}  {value_text(d.baseline):>14} -> {value_text(d.now)} "
        f"{d.unit}{_change(d)}  [{d.label}] {d.basis}"
        for d in drift
    ]


def step_lines(steps: Sequence[Step]) -> list[str]:
    """Return one line per step."""
    return [f"{'done   ' if s.done else 'skipped'}  {s.name}: {s.detail}" for s in steps]


def _change(drift: Drift) -> str:
    if drift.baseline and drift.now is not None:
        return f" ({(drift.now - drift.baseline) / abs(drift.baseline):+.1%})"
    return ""


def value_text(value: float | None) -> str:
    """Return the value of a figure."""
    return "data dependent" if value is None else f"{value:,.6g}"
