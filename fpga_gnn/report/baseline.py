"""Baselines: hardware figures of an earlier run, committed, that later ones are held against.

One JSON file per contract and board. Figures of the trained weights (the classifier's and the
compositions') drift with the model, too; the committed ones are of the shipped model.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from fpga_gnn.contract import read_json
from fpga_gnn.errors import InputError
from fpga_gnn.files import write_whole
from fpga_gnn.report.summary import Drift, FlowReport, HardwareNumber

_HASH_DIGITS = 8


class Baseline(BaseModel):
    """Figures that tools reported, none of them an estimate of ours, and the tools' versions."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    contract: str
    contract_sha256: str
    board: str
    tools: dict[str, str]
    numbers: list[HardwareNumber]


def baseline_file(report: FlowReport, folder: Path) -> Path:
    """Return where the baseline of ``report``'s contract and board is in ``folder``."""
    digest = report.contract_sha256[:_HASH_DIGITS]
    return folder / f"{report.contract}-{digest}-{report.board}.json"


def load_baseline(path: Path) -> Baseline | None:
    """Read a baseline; None if there is no file, ``InputError`` for a file of something else."""
    if not path.exists():
        return None
    return read_json(path, Baseline, "a baseline", "make it again with fpga-gnn bless")


def find_drift(baseline: Baseline, numbers: Sequence[HardwareNumber]) -> list[Drift]:
    """Return the figures of ``numbers`` that ``baseline`` has with another value."""
    before = {_key(number): number for number in baseline.numbers}
    return [
        Drift(
            name=now.name,
            unit=now.unit,
            label=now.label,
            basis=now.basis,
            baseline=before[_key(now)].value,
            now=now.value,
        )
        for now in numbers
        if _key(now) in before and before[_key(now)].value != now.value
    ]


def compared(baseline: Baseline, numbers: Sequence[HardwareNumber]) -> str:
    """Return how many figures could be compared, and how many only one side has."""
    before, now = {_key(n) for n in baseline.numbers}, {_key(n) for n in _reported(numbers)}
    return (
        f"{len(before & now)} figures compared, {len(before - now)} not measured now, "
        f"{len(now - before)} not in the baseline"
    )


def bless(report: FlowReport, path: Path) -> Baseline:
    """Make the figures of ``report`` the baseline ``path``; others that it had stay.

    Raises ``InputError`` for a report without figures of a tool.
    """
    numbers = _reported(report.hardware)
    if not numbers or report.board is None:
        raise InputError(
            "report", "no figures of a tool", "some", "run fpga-gnn synth where the tool is"
        )
    earlier = load_baseline(path)
    blessed = {_key(number) for number in numbers}
    kept = [n for n in earlier.numbers if _key(n) not in blessed] if earlier else []
    baseline = Baseline(
        contract=report.contract,
        contract_sha256=report.contract_sha256,
        board=report.board,
        tools={**(earlier.tools if earlier else {}), **report.tools},
        numbers=sorted([*kept, *numbers], key=_key),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, f"{baseline.model_dump_json(indent=1)}\n".encode())
    return baseline


def _reported(numbers: Sequence[HardwareNumber]) -> list[HardwareNumber]:
    return [number for number in numbers if number.label != "estimate"]


def _key(number: HardwareNumber) -> tuple[str, str, str]:
    return number.basis, number.label, number.name
