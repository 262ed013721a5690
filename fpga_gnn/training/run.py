"""A training run on disk: everything synthesis, validation and reconstruction need of a model."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from fpga_gnn import __version__
from fpga_gnn.contract import Contract, parse_contract, validation_error
from fpga_gnn.errors import InputError
from fpga_gnn.files import sha256_of
from fpga_gnn.graphs.module_map import ModuleMap
from fpga_gnn.graphs.module_map_store import load_module_map, save_module_map
from fpga_gnn.models.student import Student
from fpga_gnn.resources import data_dir
from fpga_gnn.training.checkpoint import load_json, load_tensors, save_json, save_tensors
from fpga_gnn.training.config import TrainingConfig

_STUDENT, _CONTRACT, _MAP = "student.safetensors", "contract.json", "module_map"
RUN_FILE = "run.json"
"""Record of a finished run, in its folder."""


class RunInfo(BaseModel):
    """What a run was trained on and how well it does on held-out events."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str = __version__
    contract_sha256: str
    training: TrainingConfig
    events: dict[str, Any]
    score_cut: int
    history: list[dict[str, Any]]
    quality: dict[str, dict[str, int | float | None]]


class _Record(RunInfo):
    """What run.json holds: the record, and the hash of the student it is about."""

    student_sha256: str


@dataclass(frozen=True, eq=False)
class Run:
    """A trained student (eval mode) with its contract, module map and record."""

    contract: Contract
    module_map: ModuleMap
    student: Student
    info: RunInfo


def default_run() -> Path:
    """Return the folder of the shipped model."""
    return data_dir() / "model"


def save_run(run: Run, folder: Path) -> None:
    """Write ``run`` into ``folder``; run.json comes last, so a folder with it is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RUN_FILE).unlink(missing_ok=True)
    save_json(folder / _CONTRACT, run.contract.model_dump(mode="json"))
    save_module_map(run.module_map, folder / _MAP)
    metadata = {"contract_sha256": run.contract.sha256}
    save_tensors(folder / _STUDENT, run.student.state_dict(), metadata)
    record = _Record(**run.info.model_dump(), student_sha256=sha256_of(folder / _STUDENT))
    save_json(folder / RUN_FILE, record.model_dump(mode="json"))


def load_run(folder: Path) -> Run:
    """Read a run; ``InputError`` if it is incomplete, damaged or of mixed contracts."""
    if not (folder / RUN_FILE).is_file():
        raise InputError(folder, "no run.json", "a finished training run", "run fpga-gnn train")
    try:
        record = _Record.model_validate(load_json(folder / RUN_FILE))
    except ValidationError as error:
        raise validation_error(error, folder / RUN_FILE, _Record) from error
    info = RunInfo(**record.model_dump(exclude={"student_sha256"}))
    contract = parse_contract(load_json(folder / _CONTRACT), folder / _CONTRACT)
    contract.require_hash(info.contract_sha256, folder / RUN_FILE)
    tensors, metadata = load_tensors(folder / _STUDENT)
    contract.require_hash(metadata.get("contract_sha256", "none"), folder / _STUDENT)
    found, expected = sha256_of(folder / _STUDENT), record.student_sha256
    if found != expected:
        raise InputError(
            folder / _STUDENT, f"sha256 {found[:12]}", f"sha256 {expected[:12]} as in {RUN_FILE}"
        )
    student = Student(contract)
    try:
        student.load_state_dict(tensors)
    except RuntimeError as error:
        found = json.dumps(str(error).splitlines()[-1].strip())
        raise InputError(folder / _STUDENT, found, "this contract's network") from error
    module_map = load_module_map(folder / _MAP, contract)
    return Run(contract, module_map, student.eval(), info)
