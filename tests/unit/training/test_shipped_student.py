"""The student in the package: small, exact, and as good as its teacher on unseen events."""

from __future__ import annotations

import pytest

from fpga_gnn.contract import load_contract
from fpga_gnn.events.sample import sample_store
from fpga_gnn.events.view import EventView
from fpga_gnn.export.qonnx_export import export_qonnx
from fpga_gnn.files import sha256_of
from fpga_gnn.models.scoring import probability
from fpga_gnn.models.student import require_exact
from fpga_gnn.report.estimates import classifier_cost
from fpga_gnn.training.config import Runtime
from fpga_gnn.training.edge_model import load_model, model_folder
from fpga_gnn.training.run import default_run, load_run
from fpga_gnn.training.teacher_run import NETWORK_FILE, default_teacher
from fpga_gnn.training.track_points import ScoredGraph, track_summary

MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def run():
    return load_run(default_run())


def test_it_is_small():
    assert sum(file.stat().st_size for file in default_run().rglob("*")) < 5 * MEGABYTE


def test_it_is_the_w8_design_and_exact(run):
    assert run.contract == load_contract("w8")
    require_exact(run.student.integer_network())


def test_its_qonnx_is_the_exported_checkpoint(run):
    exported = export_qonnx(run.student, run.contract).model.SerializeToString(deterministic=True)
    assert (default_run() / "edge_classifier.onnx").read_bytes() == exported


def test_it_has_fifty_times_fewer_multiplications_than_its_teacher(run):
    # Width 64, 6 iterations, 8 edge and 3 node features; a mu=200 event has 0.45 nodes per edge.
    edge = 8 * 64 + 64**2 + 6 * (3 * 64**2 + 64**2) + 3 * 64**2 + 64
    node = 3 * 64 + 64**2 + 6 * (3 * 64**2 + 64**2)
    cost = classifier_cost(run.student.integer_network(), run.contract)
    assert edge >= 50 * cost.nonzero_macs_per_edge
    mine = cost.nonzero_macs_per_edge + 0.45 * cost.nonzero_macs_per_node
    assert edge + 0.45 * node >= 50 * mine


def test_it_learned_from_the_shipped_teacher(run):
    assert run.info.teacher_sha256 == sha256_of(default_teacher() / NETWORK_FILE)


def test_it_finds_the_tracks_of_unseen_events(run):
    view = EventView(sample_store(), (8, 9), "pixel")
    seen = [part["origin"]["seed"] for part in run.info.events["train"]]
    assert sample_store().origin["seed"] not in seen
    model = load_model(model_folder("student"), Runtime())
    scored = []
    for event in view:
        graph = model.graph(event)
        scored.append(ScoredGraph(event, graph, probability(model.logits(event, graph))))
    for name, least in (("cc", 0.93), ("cc-jr", 0.94)):
        summary = track_summary(name, model.builders[name], scored, model.targets)
        assert summary.efficiency > least, name
        assert summary.fake_rate < 0.06, name
