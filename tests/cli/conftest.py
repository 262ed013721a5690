"""The command line in this process, and small inputs for it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from fpga_gnn.cli.main import run
from fpga_gnn.contract import load_contract
from fpga_gnn.events import trackml
from fpga_gnn.events.sample import sample_store
from fpga_gnn.events.store import EventStore
from fpga_gnn.graphs.construction import ModuleMapConstruction
from fpga_gnn.graphs.map_learning import learn_module_map
from fpga_gnn.graphs.map_settings import MapSettings
from fpga_gnn.graphs.module_map_store import load_module_map, save_module_map
from fpga_gnn.resources import resource_dir
from fpga_gnn.tracks.builder import BUILDERS
from fpga_gnn.tracks.metrics import TrackSelection
from fpga_gnn.training.config import Runtime, TeacherConfig
from fpga_gnn.training.construction import save_construction
from fpga_gnn.training.teacher import teacher_network
from fpga_gnn.training.teacher_run import TeacherInfo, save_teacher
from fpga_gnn.training.track_points import WorkingPoint


@dataclass(frozen=True)
class Outcome:
    """What a command left behind: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


@pytest.fixture
def fpga_gnn(capsys, monkeypatch):
    """Run ``fpga-gnn`` with the arguments; anything but an exit fails the test."""
    monkeypatch.setattr(sys, "argv", ["fpga-gnn"])
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_:
            run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Outcome(exit_.value.code or 0, captured.out, captured.err)

    return call


@pytest.fixture(scope="session")
def inputs(tmp_path_factory):
    """A folder of good inputs: ``events/`` (store of five), ``two_events/``, ``csv/`` (TrackML),
    ``imported/`` (store of it), ``map/`` (module map of the store) and ``small.yaml``."""
    folder = tmp_path_factory.mktemp("inputs")
    store = EventStore.create(folder / "events", {"made": "for a test"})
    two = EventStore.create(folder / "two_events", {"made": "for a test"})
    for event_id in range(5):
        event = sample_store().read(event_id)
        sector = np.abs(np.arctan2(event.hits.y, event.hits.x)) < np.pi / 4
        store.write(event.select_hits(sector))
        if event_id < 2:
            two.write(event.select_hits(sector))
    trackml.write_event(folder / "csv", store.read(0))
    trackml.import_directory(folder / "csv", folder / "imported")
    layers = MapSettings(pooling="layer")
    save_module_map(
        learn_module_map(store, load_contract("small"), settings=layers), folder / "map"
    )
    shutil.copy(resource_dir("quant_configs") / "small.yaml", folder)
    return folder


@pytest.fixture
def place(inputs, tmp_path, monkeypatch) -> Path:
    """A copy of ``inputs``, which is the working folder."""
    folder = shutil.copytree(inputs, tmp_path / "place")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def teacher(place):
    """An untrained teacher with the small map."""
    contract, config = load_contract("small"), TeacherConfig(hidden=4, iterations=1)
    torch.manual_seed(1)
    folder = place / "teacher"
    save_construction(
        ModuleMapConstruction(load_module_map(place / "map", contract), contract), folder
    )
    points = {
        name: WorkingPoint(settings={"min_hits": 3}, efficiency=0.5, fake_rate=0.1)
        for name in BUILDERS
    }
    info = TeacherInfo(
        detector="full",
        graph="module-map",
        training=config,
        runtime=Runtime(),
        events={},
        history=[],
        tracks=TrackSelection(),
        builders=points,
    )
    save_teacher(teacher_network(config), info, folder)
    return folder


@pytest.fixture(scope="session")
def foreign_event(tmp_path_factory) -> Path:
    """A folder with event 123 in TrackML's format, gzipped, which no code of ours wrote."""
    folder = tmp_path_factory.mktemp("foreign") / "csv"
    program = Path(__file__).with_name("trackml_from_acts.py")
    subprocess.run([sys.executable, program, "generic", folder], check=True, timeout=300)
    return folder
