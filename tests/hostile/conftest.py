"""A folder of every kind of file that we read, small and valid, and limits for its readers."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save

sys.path.insert(0, str(Path(__file__).parent))

from fpga_gnn.contract import load_contract
from fpga_gnn.events import trackml
from fpga_gnn.events.sample import sample_store
from fpga_gnn.events.store import EventStore
from fpga_gnn.graphs.construction import ModuleMapConstruction
from fpga_gnn.graphs.map_learning import learn_module_map
from fpga_gnn.graphs.map_settings import MapSettings
from fpga_gnn.hw.binary import Design, save_record
from fpga_gnn.models.embedding import Embedding, EmbeddingConfig
from fpga_gnn.report.summary import FlowReport, HardwareNumber, RungResult, Step, save_report
from fpga_gnn.tracks.builder import BUILDERS
from fpga_gnn.tracks.candidates import Tracks
from fpga_gnn.tracks.metrics import TrackSelection
from fpga_gnn.tracks.store import save_tracks
from fpga_gnn.training.checkpoint import save_progress
from fpga_gnn.training.config import Runtime, TeacherConfig, TrainingConfig
from fpga_gnn.training.construction import save_construction
from fpga_gnn.training.metric_learning import MetricLearningConfig
from fpga_gnn.training.metric_learning_run import (
    MetricLearning,
    MetricLearningInfo,
    save_metric_learning,
)
from fpga_gnn.training.run import Run, RunInfo, save_run
from fpga_gnn.training.teacher import teacher_network
from fpga_gnn.training.teacher_run import TeacherInfo, save_teacher
from fpga_gnn.training.track_points import WorkingPoint

MOST_MEMORY = 1 << 30
"""Bytes that a reader may take more than before."""


@pytest.fixture
def limited():
    """Fail a test whose readers take too much memory."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    size = _status("VmSize")
    resource.setrlimit(resource.RLIMIT_AS, (size + 4 * MOST_MEMORY, before[1]))
    Path("/proc/self/clear_refs").write_text("5")  # the peak is that of now
    start = _status("VmHWM")
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)
    assert _status("VmHWM") - start < MOST_MEMORY


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith(f"{name}:")))


@pytest.fixture(scope="session")
def small():
    """The contract of the valid files: the small one with a smaller network still."""
    contract = load_contract("small").with_partition(32, 64)
    network = contract.network.model_copy(update={"hidden": 4, "iterations": 1})
    return contract.model_copy(update={"network": network})


@pytest.fixture(scope="session")
def valid(tmp_path_factory, small, make_student) -> Path:
    """Folders ``events``, ``csv``, ``run``, ``teacher``, ``embedding``, and single files."""
    folder = tmp_path_factory.mktemp("valid")
    store = EventStore.create(folder / "events", {"made": "for a test", "tune": [1, {"a": 2.5}]})
    for event_id in range(2):
        event = sample_store().read(event_id)
        store.write(event.select_hits(np.abs(np.arctan2(event.hits.y, event.hits.x)) < 0.2))
    event = store.read(0)
    trackml.write_event(folder / "csv", event)
    learned = learn_module_map(store, small, settings=MapSettings(pooling="layer"))
    points = {
        name: WorkingPoint(settings={"min_hits": 3}, efficiency=0.5, fake_rate=0.1)
        for name in BUILDERS
    }
    row = {"phase": "qat", "epoch": 0, "loss": 0.5, "auc": 0.9}
    info = RunInfo(
        contract_sha256=small.sha256,
        training=TrainingConfig(seed=5),
        teacher_sha256=None,
        start_sha256="1f" * 32,
        events={"train": [{"ids": [0, 1], "sha256": ["ab"]}], "test": None},
        builders=points,
        history=[row],
        quality={"test": {"edges": 12, "fake_rate": 0.25, "duplicate_rate": None}},
    )
    save_run(Run(small, learned, make_student(small), info), folder / "run")
    config = TeacherConfig(hidden=4, iterations=1)
    torch.manual_seed(1)
    network = teacher_network(config)
    save_construction(ModuleMapConstruction(learned, small), folder / "teacher")
    save_teacher(
        network,
        TeacherInfo(
            detector="full",
            graph="module-map",
            training=config,
            runtime=Runtime(),
            events={},
            history=[row],
            tracks=TrackSelection(),
            builders=points,
        ),
        folder / "teacher",
    )
    embedding = EmbeddingConfig(hidden=4, layers=1, dimensions=4, turning_pairs=1)
    trained = MetricLearningInfo(
        training=MetricLearningConfig(network=embedding),
        radius=0.1,
        events={},
        history=[row],
        quality=[{"radius": 0.1}],
    )
    save_metric_learning(MetricLearning(Embedding(embedding), trained), folder / "embedding")
    (folder / "training").mkdir()
    save_progress(folder / "training", {"network": network.state_dict()}, [row], "key")
    tracks = Tracks(np.array([0, 3, 6]), np.arange(6))
    save_tracks(folder / "tracks.parquet", event, tracks, {"made": "here"})
    _write_documents(folder, small)
    return folder


def _evaluation() -> dict:
    half = {"passed": 1, "total": 2, "value": 0.5, "interval": [0.2, 0.8]}
    bins = {"edges": [1, 2, 5], "passed": [1, 0], "total": [2, 0], "value": [0.5, None]}
    bins |= {"interval": [[0.2, None], [0.8, None]]}
    time = {"n_events": 3, "median": 1234.5, "low": 1000.0, "high": 2000.0}
    curve = {"cuts": [0.1, 0.2], "efficiency": [1, 0.5], "purity": [0.3, None]}
    rates = ("efficiency", "efficiency_two_way", "efficiency_lhc", "fake_rate", "strict_fake_rate")
    track = {"builder": "cc", "settings": {"cut": 0.5}, "cuts": {}, "n_targets": 2, "n_tracks": 3}
    track |= {"n_matched": 2, "n_distinct": 1, "duplicate_rate": 1.0, "time": time}
    track |= {**dict.fromkeys(rates, half), "by_pt": bins, "by_eta": bins}
    edges = {"auc": 0.99, "cut": 0.5, "curve": {**curve, "fake_efficiency": [1, 0]}}
    graph = {"builder": "map", "edges_per_event": 1e6, "efficiency": half, "purity": half}
    sample = {"path": "events", "origin": {"seed": 4}, "event_ids": [8, 9], "manifest_sha256": None}
    return {
        "sample": sample,
        "targets": {"min_pt": 1.0},
        "graph": {**graph, "time": time},
        "edges": {**edges, "by_pt": bins, "by_eta": bins, "time": None},
        "tracks": [track],
    }


def _figures() -> dict:
    rate = {"passed": 1, "total": 2, "value": 0.5, "interval": [0.2, 0.8]}
    figure = {"settings": {"cut": 0.5}, "efficiency": rate, "fake_rate": rate}
    quality = {"n_events": 2, "edge_auc": 0.9, "builders": {"cc": figure, "cc-jr": figure}}
    cost = {"luts": 1000, "note": "", "bit_operations_per_edge": 12345.6}
    cost |= dict.fromkeys(("macs_per_edge", "macs_per_node", "weights", "nonzero_weights"), 8)
    cost |= dict.fromkeys(("nonzero_macs_per_edge", "nonzero_macs_per_node", "weight_bits"), 8)
    cost |= {"memory_bits": 9, "n_partitioned": 1, "unplaced_edges": 3, "cycles_per_edge": 5.42}
    cost |= {"lane": dict.fromkeys(("lut", "ff", "dsp", "bram_18k", "uram"), 4)}
    figures = {"name": "a", "candidate": "a", "plan_sha256": "ab", "test_sha256": None, "seed": 1}
    figures |= {"contract": {"network.hidden": 4}, "training": {}, "start": None, "seconds": 8.4}
    return {**figures, "cost": {**cost, "partitions_per_event": 27.0}, "validation": quality} | {
        "test": None
    }


def _write_documents(folder: Path, contract) -> None:
    (folder / "evaluation.json").write_text(json.dumps(_evaluation()))
    (folder / "candidate.json").write_text(json.dumps(_figures()))
    report = FlowReport(
        flow="synth",
        contract=contract.name,
        contract_sha256=contract.sha256,
        board="u250",
        part="xcu250",
        steps=[Step(name="csynth", done=True, detail="done")],
        events=[1, 2],
        quality={"auc": 0.9, "events": 3, "none": None},
        rungs=[
            RungResult(
                kernel="dwalk", left="a", right="b", unit="edge", compared=9, different=0, seconds=1
            )
        ],
        hardware=[HardwareNumber(name="LUT", value=8.5, unit="", label="csynth", basis="x")],
        tools={"vitis": "2023.2"},
    )
    save_report(report, folder / "report.json")
    (folder / "card.xclbin").write_bytes(b"a bitstream")
    design = Design(
        contract_sha256=contract.sha256,
        network_sha256="ab" * 32,
        platform="u250",
        target="hw",
        units={"module_map": 1, "partition_scorer": 2},
    )
    save_record(design, folder / "card.xclbin")
    (folder / "rtl").mkdir()
    (folder / "rtl" / "top.sv").write_text("module top; endmodule\n")
    rtl = {"contract": contract.sha256, "top": "top", "sources": ["top.sv"], "generated": []}
    rtl |= {"inputs": {"nodes": 24}, "outputs": {"scores": 12}, "status": {"edge_count_0": 32}}
    (folder / "rtl" / "design.json").write_text(json.dumps(rtl))
    (folder / "float.safetensors").write_bytes(save({"weight": torch.zeros(2, 3)}, {"a": "b"}))
