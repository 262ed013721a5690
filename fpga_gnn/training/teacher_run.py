"""A teacher on disk: network, record, and the graph construction it was trained with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from fpga_gnn import __version__
from fpga_gnn.contract import read_json
from fpga_gnn.errors import InputError
from fpga_gnn.events.view import Detector, recorded_hashes
from fpga_gnn.files import sha256_of
from fpga_gnn.graphs.construction import GraphConstruction
from fpga_gnn.models.interaction_network import InteractionNetwork
from fpga_gnn.resources import data_dir
from fpga_gnn.tracks.metrics import TrackSelection
from fpga_gnn.training.checkpoint import load_network, save_json, save_tensors
from fpga_gnn.training.config import Runtime, TeacherConfig
from fpga_gnn.training.construction import (
    Construction,
    construction_record,
    load_construction,
)
from fpga_gnn.training.teacher import teacher_network
from fpga_gnn.training.track_points import WorkingPoints

NETWORK_FILE = "teacher.safetensors"
"""Weights of a teacher, in its folder."""
TEACHER_FILE = "teacher.json"
"""Record of a finished teacher, in its folder."""


class TeacherInfo(BaseModel):
    """What a teacher was trained on and how well it does on validation events."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str = __version__
    detector: Detector
    graph: Construction
    training: TeacherConfig
    runtime: Runtime
    events: dict[str, Any]
    history: list[dict[str, Any]]
    tracks: TrackSelection
    builders: WorkingPoints


class _Record(TeacherInfo):
    """What teacher.json holds: the record, and the hash of the network it is about."""

    network_sha256: str


@dataclass(frozen=True, eq=False)
class Teacher:
    """A trained teacher (eval mode) with its graph construction and record."""

    network: InteractionNetwork
    construction: GraphConstruction
    info: TeacherInfo

    @property
    def seen(self) -> frozenset[str]:
        """Hashes (``EventView.hashes``) of the events that network, graphs or cuts come from."""
        return recorded_hashes([self.info.events, construction_record(self.construction)])


def default_teacher() -> Path:
    """Return the folder of the shipped teacher."""
    return data_dir() / "teacher"


def save_teacher(network: InteractionNetwork, info: TeacherInfo, folder: Path) -> None:
    """Write network and record; teacher.json comes last, so a folder with it is complete."""
    (folder / TEACHER_FILE).unlink(missing_ok=True)
    save_tensors(folder / NETWORK_FILE, network.state_dict(), {})
    record = _Record(**info.model_dump(), network_sha256=sha256_of(folder / NETWORK_FILE))
    save_json(folder / TEACHER_FILE, record.model_dump(mode="json"))


def load_teacher(folder: Path, device: str = "cpu") -> Teacher:
    """Read a teacher; ``InputError`` if it is incomplete or damaged."""
    if not (folder / TEACHER_FILE).is_file():
        hint = "run fpga-gnn train-teacher"
        raise InputError(folder, f"no {TEACHER_FILE}", "a finished teacher", hint)
    record = read_json(folder / TEACHER_FILE, _Record, "the record of a teacher")
    network = teacher_network(record.training)
    load_network(network, folder / NETWORK_FILE, record.network_sha256, TEACHER_FILE)
    info = TeacherInfo(**record.model_dump(exclude={"network_sha256"}))
    construction = load_construction(folder, info.graph, device)
    return Teacher(network.eval(), construction, info)
