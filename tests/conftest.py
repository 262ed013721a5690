"""Small students and partitions, and a stand-in for Vitis, that several test folders share."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from fpga_gnn.contract import Contract, load_contract, parse_contract
from fpga_gnn.events.sample import map_store, sample_store
from fpga_gnn.events.view import EventView
from fpga_gnn.flows import cluster
from fpga_gnn.flows.backend_names import KERNEL_BUILDERS
from fpga_gnn.graphs.partition import PackedPartition
from fpga_gnn.models.student import Student
from fpga_gnn.training.config import TrainingConfig
from fpga_gnn.training.pipeline import (
    TrainingEvents,
    TrainingProgress,
    learn_training_map,
    train_run,
)

FAKE_VITIS = Path(__file__).parent / "fake_vitis.py"
XRT_DOUBLE = Path(__file__).parent / "xrt_double"


@pytest.fixture(scope="session")
def contract() -> Contract:
    return load_contract("small").with_partition(32, 64)


@pytest.fixture(scope="session")
def vary() -> Callable[..., Contract]:
    def change(
        contract: Contract,
        bits: dict[str, Any] | None = None,
        edge_features: dict[str, int] | None = None,
        **network: Any,
    ) -> Contract:
        """The contract with other ``network`` fields, ``bits`` by role and edge feature shifts."""
        data = contract.model_dump()
        data["network"] |= network
        for role, widths in (bits or {}).items():
            if isinstance(widths, dict):
                data["network"]["bits"][role] |= widths
            else:
                data["network"]["bits"][role] = widths
        data["features"]["edge"] = edge_features or data["features"]["edge"]
        return parse_contract(data, "variant")

    return change


@pytest.fixture(scope="session")
def small_run(tmp_path_factory) -> Path:
    """The folder of a small student, trained for a moment on the shipped events."""
    contract = load_contract("small")
    config = TrainingConfig(float_epochs=30, qat_epochs=10, monitored=1)
    events = TrainingEvents.split(sample_store(), "pixel")
    sources = [*events.train, EventView.of(map_store(), "pixel")]

    def unseen(*_: object) -> None:
        pass

    learned = learn_training_map(contract, config, sources, unseen)
    folder = tmp_path_factory.mktemp("small") / "run"
    progress = TrainingProgress(unseen, unseen, unseen, unseen)
    train_run(
        contract, config, events, learned, folder, builders=KERNEL_BUILDERS, progress=progress
    )
    return folder


@pytest.fixture(scope="session")
def make_partition() -> Callable[..., PackedPartition]:
    def make(
        contract: Contract, n_nodes: int, n_edges: int, seed: int = 0, *, saturated: bool = False
    ) -> PackedPartition:
        """Random features and edges; few nodes give self-loops, duplicates and high degrees."""
        generator = np.random.default_rng(seed)
        shape, features = contract.partition, contract.features
        ends = [features.format.min_int, features.format.max_int]
        node_features = np.zeros((shape.max_nodes, len(features.node)), dtype=np.int64)
        edge_features = np.zeros((shape.max_edges, len(features.edge)), dtype=np.int64)
        for array, rows in ((node_features, n_nodes), (edge_features, n_edges)):
            size = (rows, array.shape[1])
            array[:rows] = (
                generator.choice(ends, size)
                if saturated
                else generator.integers(ends[0], ends[1], size, endpoint=True)
            )
        edge_index = np.full((shape.max_edges, 2), shape.usable_nodes, dtype=np.int64)
        edge_index[:n_edges] = generator.integers(0, max(n_nodes, 1), (n_edges, 2))
        return PackedPartition(node_features, edge_features, edge_index, n_nodes, n_edges)

    return make


@pytest.fixture(scope="session")
def graph_tensors() -> Callable[[PackedPartition, Contract], tuple[Tensor, Tensor, Tensor]]:
    def convert(packed: PackedPartition, contract: Contract) -> tuple[Tensor, Tensor, Tensor]:
        """The real rows of a partition as arguments of ``Student.forward``."""
        scale = contract.features.format.to_float
        return (
            torch.tensor(scale(packed.node_features[: packed.n_nodes]), dtype=torch.float32),
            torch.tensor(scale(packed.edge_features[: packed.n_edges]), dtype=torch.float32),
            torch.tensor(packed.edge_index[: packed.n_edges].T),
        )

    return convert


@pytest.fixture(scope="session")
def make_student(make_partition, graph_tensors) -> Callable[..., Student]:
    def make(
        contract: Contract, seed: int = 0, *, gain: float = 2.0, pruned: float = 0.0
    ) -> Student:
        """A seeded student, calibrated on random graphs; ``gain`` scales its initial weights.

        With ``pruned``, about that share of the weights is zero, and so is the first unit of
        every layer that has several.
        """
        torch.manual_seed(seed)
        student = Student(contract)
        with torch.no_grad():
            for layer in student.modules():
                if isinstance(layer, torch.nn.Linear):
                    layer.weight.mul_(gain)
                    if pruned:
                        layer.weight.mul_(torch.rand_like(layer.weight) >= pruned)
                    if pruned and layer.out_features > 1:
                        layer.weight[0], layer.bias[0] = 0, 0
        shape = contract.partition
        graphs = [
            make_partition(contract, shape.usable_nodes, shape.max_edges, i) for i in range(4)
        ]
        student.calibrate(graph_tensors(graph, contract) for graph in graphs)
        return student.eval()

    return make


@pytest.fixture
def fake_vitis(tmp_path, monkeypatch) -> Callable[..., None]:
    """Put the stand-in ``fake_vitis.py`` on PATH under names: vitis-run, vitis_hls, v++."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("FAKE_VITIS", "ok")
    monkeypatch.setenv("FAKE_VITIS_CALLS", str(tmp_path / "calls"))

    def install(*names: str) -> None:
        load = f"import sys; sys.path.insert(0, {str(FAKE_VITIS.parent)!r})"
        text = f"#!{sys.executable} -S\n{load}\nimport fake_vitis\nfake_vitis.main()\n"
        for name in names:
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)

    return install


@pytest.fixture
def pyxrt(monkeypatch) -> Iterator[ModuleType]:
    """The stand-in for XRT's Python binding, which our code imports, with a new machine."""
    monkeypatch.syspath_prepend(XRT_DOUBLE)
    sys.modules.pop("pyxrt", None)
    yield importlib.import_module("pyxrt")
    del sys.modules["pyxrt"]


@pytest.fixture
def worker_killed_at(tmp_path, monkeypatch) -> Callable[[str, str], Path]:
    """Return a function that has a worker of this machine kill itself once, in a call."""

    def install(module: str, name: str) -> Path:
        """Return the file that is there when a worker has called ``module.name`` and is dead."""
        killed, preload = tmp_path / "killed", tmp_path / "preload.py"
        preload.write_text(
            "import os, signal\n"
            f"import {module} as module\n"
            f"function = module.{name}\n"
            "def dying(*args, **kwargs):\n"
            "    try:\n"
            f"        os.close(os.open({str(killed)!r}, os.O_CREAT | os.O_EXCL))\n"
            "    except FileExistsError:\n"
            "        return function(*args, **kwargs)\n"
            "    os.kill(os.getpid(), signal.SIGKILL)\n"
            "def dask_setup(worker):\n"
            f"    module.{name} = dying\n"
        )
        monkeypatch.setattr(cluster, "_PRELOAD", [*cluster._PRELOAD, str(preload)])
        return killed

    return install


@pytest.fixture
def vitis_calls(tmp_path) -> Callable[[], list[str]]:
    def read() -> list[str]:
        """Return the steps that the stand-in started so far, each with the job's name."""
        file = tmp_path / "calls"
        return file.read_text().splitlines() if file.exists() else []

    return read
