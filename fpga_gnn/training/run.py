"""A training run on disk: everything synthesis, validation and reconstruction need of a model."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from fpga_gnn import __version__
from fpga_gnn.contract import Contract, read_json
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import InputError
from fpga_gnn.events.view import recorded_hashes
from fpga_gnn.files import sha256_of
from fpga_gnn.graphs.module_map import ModuleMap
from fpga_gnn.graphs.module_map_store import (
    MAP_FOLDER,
    load_model_map,
    model_map_folder,
    save_model_map,
    shared_map_sha256,
)
from fpga_gnn.models.scoring import ScoreGrid
from fpga_gnn.models.student import Student
from fpga_gnn.resources import data_dir
from fpga_gnn.tracks.builder import TrackBuilder, builder
from fpga_gnn.training.checkpoint import load_network, load_tensors, save_json, save_tensors
from fpga_gnn.training.config import TrainingConfig
from fpga_gnn.training.track_points import WorkingPoints

_CONTRACT = "contract.json"
STUDENT_FILE = "student.safetensors"
"""Weights of the student, in the folder of a run."""
FLOAT_FILE = "float.safetensors"
"""Weights of the float network that the student was made of, in the folder of a run."""
RUN_FILE = "run.json"
"""Record of a finished run, in its folder."""
_CAPACITIES = ("name", "partition", "kernels")
CUTTING_BUILDERS = ("cc", "cc-jr")
"""Track builders that take the scores as they are: they only compare them."""


class RunInfo(BaseModel):
    """What a run was trained on and how well it does on held-out events.

    ``clipped`` are the ``clipped_shares`` of the training events, none in older runs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str = __version__
    contract_sha256: str
    training: TrainingConfig
    teacher_sha256: str | None
    start_sha256: str | None
    events: dict[str, Any]
    builders: WorkingPoints
    history: list[dict[str, Any]]
    clipped: dict[str, float] = {}
    quality: dict[str, dict[str, int | float | None]]


class _Record(RunInfo):
    """What run.json holds: the record, and the hashes of the student and map it is about."""

    student_sha256: str
    module_map_sha256: str


@dataclass(frozen=True, eq=False)
class Run:
    """A trained student (eval mode) with its contract, module map and record."""

    contract: Contract
    module_map: ModuleMap
    student: Student
    info: RunInfo

    @cached_property
    def grid(self) -> ScoreGrid:
        """The cuts and weights of the student's scores."""
        return ScoreGrid(self.student.integer_network().score)

    @property
    def seen(self) -> frozenset[str]:
        """Hashes (``EventView.hashes``) of the events that network, map or cuts come from."""
        learned = {part: views for part, views in self.info.events.items() if part != "test"}
        return recorded_hashes([learned, self.module_map.info.source])

    @property
    def score_cut(self) -> int:
        """The cut of connected components in LSB of the score: edges above it are kept."""
        return int(self.builder("cc").model_dump()["cut"])

    def builder(self, name: str) -> TrackBuilder:
        """Return the track builder ``name`` with its working point as cuts on integers.

        ``builder_scores`` are what it takes. ``InputError`` for a builder without working point.
        """
        points = self.info.builders
        if name not in points:
            raise InputError("track builder", repr(name), f"one of {', '.join(points)}")
        settings = builder(name, **points[name].settings).model_dump(exclude={"name"})
        to_cut = self.grid.cut if name in CUTTING_BUILDERS else self.grid.weight_cut
        cuts = {key: to_cut(value) for key, value in settings.items() if key.endswith("cut")}
        return builder(name, **settings | cuts)

    def builder_scores(self, name: str, scores: Int64) -> Int64:
        """Return integer ``scores`` [E] as the builder ``name`` compares or adds them up."""
        return scores if name in CUTTING_BUILDERS else self.grid.weights(scores)

    def with_contract(self, contract: Contract) -> Run:
        """Return the same trained network for a ``contract`` with other capacities.

        ``InputError`` unless the two differ in ``name``, ``partition`` and ``kernels`` only.
        """
        own, other = (one.model_dump(mode="json") for one in (self.contract, contract))
        changed = [key for key in own if own[key] != other[key] and key not in _CAPACITIES]
        if changed:
            found = f"{contract.name} with another {', '.join(changed)}"
            raise InputError("contract", found, f"{self.contract.name} in all but {_CAPACITIES}")
        student = Student(contract)
        student.load_state_dict(self.student.state_dict())
        info = self.info.model_copy(update={"contract_sha256": contract.sha256})
        return Run(contract, self.module_map, student.eval(), info)


def default_run() -> Path:
    """Return the folder of the shipped model."""
    return data_dir() / "model"


def save_run(run: Run, folder: Path, *, shared_map: bool = False) -> None:
    """Write ``run`` into ``folder``; run.json comes last, so a folder with it is complete.

    With ``shared_map`` the map is not written: it lies beside the folder already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RUN_FILE).unlink(missing_ok=True)
    save_json(folder / _CONTRACT, run.contract.model_dump(mode="json"))
    map_sha256 = shared_map_sha256(folder) if shared_map else save_model_map(run.module_map, folder)
    metadata = {"contract_sha256": run.contract.sha256}
    save_tensors(folder / STUDENT_FILE, run.student.state_dict(), metadata)
    record = _Record(
        **run.info.model_dump(),
        student_sha256=sha256_of(folder / STUDENT_FILE),
        module_map_sha256=map_sha256,
    )
    save_json(folder / RUN_FILE, record.model_dump(mode="json"))


def copy_run(folder: Path, to: Path) -> None:
    """Copy all that ``load_run`` reads of the run in ``folder`` into the new folder ``to``."""
    to.mkdir()
    for name in (_CONTRACT, STUDENT_FILE, RUN_FILE):
        shutil.copyfile(folder / name, to / name)
    shutil.copytree(model_map_folder(folder), to / MAP_FOLDER)


def load_run(folder: Path) -> Run:
    """Read a run; ``InputError`` if it is incomplete, damaged or of mixed contracts."""
    if not (folder / RUN_FILE).is_file():
        raise InputError(folder, "no run.json", "a finished training run", "run fpga-gnn train")
    record = read_json(folder / RUN_FILE, _Record, "the record of a training run")
    info = RunInfo(**record.model_dump(exclude={"student_sha256", "module_map_sha256"}))
    contract = read_json(folder / _CONTRACT, Contract, "a contract")
    contract.require_hash(info.contract_sha256, folder / RUN_FILE)
    _, metadata = load_tensors(folder / STUDENT_FILE)
    contract.require_hash(metadata.get("contract_sha256", "none"), folder / STUDENT_FILE)
    student = Student(contract)
    load_network(student, folder / STUDENT_FILE, record.student_sha256, RUN_FILE)
    module_map = load_model_map(folder, contract, record.module_map_sha256)
    return Run(contract, module_map, student.eval(), info)
