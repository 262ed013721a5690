"""An event that another program wrote in TrackML's format goes the way of our own events."""

from __future__ import annotations

import csv
import gzip
import json

import numpy as np
import pytest

from fpga_gnn.contract import load_contract
from fpga_gnn.events.event import NO_PARTICLE
from fpga_gnn.events.store import EventStore
from fpga_gnn.events.targets import TargetSelection, hits_per_particle, target_mask
from fpga_gnn.graphs.construction import ModuleMapConstruction
from fpga_gnn.graphs.module_map_store import load_module_map
from fpga_gnn.graphs.truth import label_edges
from fpga_gnn.training.run import default_run

EVENT = 123


@pytest.fixture
def tables(foreign_event):
    """The foreign tables by kind: columns as text, straight from the files."""

    def columns(kind):
        with gzip.open(foreign_event / f"event{EVENT:09d}-{kind}.csv.gz", "rt") as file:
            header, *rows = csv.reader(file)
        return dict(zip(header, map(np.array, zip(*rows, strict=True)), strict=True))

    return {kind: columns(kind) for kind in ("hits", "truth", "particles")}


@pytest.fixture
def store(fpga_gnn, foreign_event, tmp_path, monkeypatch):
    """The imported event; the working folder is its parent."""
    monkeypatch.chdir(tmp_path)
    outcome = fpga_gnn("import", "trackml", foreign_event, "--out", "store")
    assert outcome.code == 0, outcome.err
    return EventStore.open(tmp_path / "store")


def test_every_hit_keeps_place_module_and_particle(store, tables):
    hits, truth = store.read(EVENT).hits, tables["truth"]
    assert len(hits) > 3000
    for name in ("x", "y", "z"):
        assert (getattr(hits, name) == tables["hits"][name].astype(np.float32)).all(), name
    for name in ("hit_id", "volume_id", "layer_id", "module_id"):
        assert (getattr(hits, name) == tables["hits"][name].astype(np.int64)).all(), name
    owner = dict(zip(truth["hit_id"].astype(int), truth["particle_id"].astype(int), strict=True))
    assert [owner[number] for number in hits.hit_id.tolist()] == hits.particle_id.tolist()
    assert set(np.unique(hits.volume_id)) == {7, 8, 9, 12, 13, 14, 16, 17, 18}
    n_noise = int((hits.particle_id == NO_PARTICLE).sum())
    assert n_noise == (len(hits) - n_noise) // 20


def test_every_particle_keeps_its_numbers(store, tables):
    event = store.read(EVENT)
    assert event.particles.particle_id.min() >= 1 << 52
    names = {**{name: name for name in ("px", "py", "pz", "vx", "vy", "vz")}, "charge": "q"}
    for name, column in names.items():
        expected = tables["particles"][column].astype(np.float32)
        assert (getattr(event.particles, name) == expected).all(), name
    assert (event.particles.particle_id == tables["particles"]["particle_id"].astype(int)).all()
    assert (hits_per_particle(event) == tables["particles"]["nhits"].astype(int)).all()


def test_targets_are_what_the_tables_say(store, tables):
    px, py, pz, n_hits = (
        tables["particles"][name].astype(float) for name in ("px", "py", "pz", "nhits")
    )
    pt = np.hypot(px, py)
    expected = (pt > 1.5) & (n_hits >= 3) & (np.abs(np.arcsinh(pz / pt)) < 2.0)
    assert 100 < expected.sum() < len(expected) - 50
    selection = TargetSelection(min_pt=1.5, max_abs_eta=2.0)
    assert (target_mask(store.read(EVENT), selection) == expected).all()


def test_a_map_learned_from_the_event_finds_all_its_target_segments(fpga_gnn, store, tmp_path):
    outcome = fpga_gnn(
        "module-map", "build", "--events", "store", "--out", "map", "--pooling", "layer"
    )
    assert outcome.code == 0, outcome.err
    contract = load_contract("w8")
    construct = ModuleMapConstruction(load_module_map(tmp_path / "map", contract), contract)
    event = store.read(EVENT)
    graph = construct(event)
    labels = label_edges(event, TargetSelection(), graph.rows, graph.src, graph.dst)
    assert labels.n_target_segments > 2500
    assert labels.target.sum() == labels.n_target_segments
    assert labels.target.sum() > 0.9 * graph.n_edges


@pytest.mark.parametrize(
    ("model", "least"),
    [
        (("--model", default_run()), {"cc": 0.7, "ckf": 0.9}),
        ((), {"cc": 0.9, "cc-jr": 0.9, "walkthrough": 0.9, "dwalk": 0.9, "ckf": 0.9}),
    ],
    ids=["student", "shipped teacher"],
)
def test_the_shipped_models_and_the_ckf_find_tracks_in_the_event(
    fpga_gnn, store, tmp_path, model, least
):
    outcome = fpga_gnn("evaluate", *model, "--events", "store", "--out", "figures", "--ckf")
    assert outcome.code == 0, outcome.err
    report = json.loads((tmp_path / "figures" / "evaluation.json").read_text())
    assert report["sample"]["event_ids"] == [EVENT]
    found = {figure["builder"]: figure for figure in report["tracks"]}
    n_targets = int(target_mask(store.read(EVENT), TargetSelection()).sum())
    for name, efficiency in least.items():
        assert found[name]["n_targets"] == n_targets
        assert found[name]["efficiency"]["value"] > efficiency, name
        assert found[name]["fake_rate"]["value"] < 0.1, name
