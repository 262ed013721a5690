"""Steps that take hours run once: each leaves a record with the hash of all that it depends on."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from fpga_gnn.contract import read_json
from fpga_gnn.errors import InputError, ToolFailedError
from fpga_gnn.files import sha256_of, write_whole
from fpga_gnn.hw.toolchain import Tool
from fpga_gnn.hw.vitis.tools import last_error
from fpga_gnn.report.summary import HardwareNumber

RESULTS = "results"
"""Copies of the reports that were read, in a work folder; later steps do not touch them."""

KEY_DIGITS = 12
"""Of a key, in the name of a work folder."""

Found = tuple[str, list[HardwareNumber]]
"""What a step found, in words and in numbers."""


@dataclass(frozen=True)
class StepResult:
    """A finished step: where, whether it ran now (``fresh``), and what it found."""

    folder: Path
    fresh: bool
    detail: str
    numbers: list[HardwareNumber]


class StepRecord(BaseModel):
    """A step that succeeded: ``key`` hashes its sources, settings, scripts and tool version."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: str
    key: str
    tool: str
    seconds: float


@dataclass(frozen=True)
class Products:
    """What a step must leave: ``files`` by path, ``reports`` by the name they are kept under, each
    with the patterns it may match in the work folder, the best first."""

    files: Sequence[Path] = ()
    reports: Mapping[str, Sequence[str]] = field(default_factory=dict)


def step_key(tool: Tool, folder: Path, files: Iterable[Path], *before: str) -> str:
    """Return the key of a step that ``tool`` runs on ``files`` of ``folder``.

    ``before`` are other things it depends on: keys of earlier steps, options.
    """
    digest = hashlib.sha256(f"{tool.name}\0{tool.version}\0".encode())
    for text in before:
        digest.update(f"{text}\0".encode())
    for file in sorted(files):
        name = file.relative_to(folder).as_posix()
        digest.update(f"{name}\0{sha256_of(file)}\0".encode())
    return digest.hexdigest()


def run_once(
    name: str,
    key: str,
    tool: Tool,
    folder: Path,
    products: Products,
    start: Callable[[Path], object],
    read: Callable[[], Found],
) -> StepResult:
    """Run step ``name`` with ``start(log)`` in ``folder``, unless ``<name>.json`` has its ``key``.

    ``read`` takes the result from the work folder; a result that it refuses with
    ``ToolFailedError`` does not count as done, one whose report it cannot read (``InputError``)
    does. Raises ``ToolFailedError``, naming the log, when a product is missing, and ``InputError``
    for a ``folder`` that cannot be made.
    """
    record, log = folder / f"{name}.json", folder / f"{name}.log"
    kept = [folder / RESULTS / report for report in products.reports]
    fresh = not _is_done(record, key, [*products.files, *kept])
    started = time.monotonic()
    if fresh:
        _make(folder)
        record.unlink(missing_ok=True)
        start(log)
        _keep(folder, products, tool, log)
        seconds = round(time.monotonic() - started, 1)
        done = StepRecord(step=name, key=key, tool=tool.version, seconds=seconds)
        write_whole(record, f"{done.model_dump_json(indent=1)}\n".encode())
    try:
        detail, numbers = read()
    except ToolFailedError:
        record.unlink()
        raise
    return StepResult(folder, fresh, detail, numbers)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(folder, error.strerror, "a folder that can be made") from error


def _is_done(record: Path, key: str, files: Iterable[Path]) -> bool:
    try:
        found = read_json(record, StepRecord, "the record of a step")
    except InputError:
        return False
    return found.key == key and all(file.is_file() for file in files)


def _keep(folder: Path, products: Products, tool: Tool, log: Path) -> None:
    (folder / RESULTS).mkdir(exist_ok=True)
    missing = [file for file in products.files if not file.is_file()]
    for name, patterns in products.reports.items():
        found = [file for pattern in patterns for file in folder.glob(pattern)]
        if found:
            shutil.copyfile(found[0], folder / RESULTS / name)
        else:
            missing.append(folder / patterns[0])
    if missing:
        raise ToolFailedError(f"{tool.name}: no {missing[0]}; log: {log}; {last_error(log)}")
