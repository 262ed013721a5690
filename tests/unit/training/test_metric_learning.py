"""Training of an embedding: it learns, and a resumed run equals an uninterrupted one."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from fpga_gnn.errors import FpgaGnnError, InputError
from fpga_gnn.events.event import Event
from fpga_gnn.events.sample import sample_store
from fpga_gnn.events.store import EventStore
from fpga_gnn.events.targets import TargetSelection
from fpga_gnn.events.view import EventView
from fpga_gnn.models.embedding import EmbeddingConfig
from fpga_gnn.training.checkpoint import LAST, load_tensors
from fpga_gnn.training.metric_learning import (
    MetricLearningConfig,
    MetricLearningTrainer,
)
from fpga_gnn.training.neighbour_graphs import embed, graph_quality, quality_row

CONFIG = MetricLearningConfig(
    epochs=3,
    steps_per_event=2,
    hits_per_step=300,
    negatives_per_step=2000,
    target_efficiency=0.9,
    network=EmbeddingConfig(hidden=16, layers=2),
)


class Killed(Exception):
    pass


def subset(*ids):
    return EventView(sample_store(), ids, "full")


def train(folder, config=CONFIG, *, stop_after=None, ids=(0, 1), validation=(2,)):
    """Train in ``folder`` and return network and history; killed after ``stop_after`` epochs of
    this call."""
    trainer = MetricLearningTrainer(config, subset(*ids), subset(*validation), folder)
    done = []

    def progress(row):
        done.append(row)
        if len(done) == stop_after:
            raise Killed

    return trainer.run(progress), trainer.history


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """Folder, network and history of a whole training."""
    folder = tmp_path_factory.mktemp("training") / "whole"
    return folder, *train(folder)


def require_same(one, two):
    assert one.keys() == two.keys()
    assert [name for name in one if not torch.equal(one[name], two[name])] == []


def test_training_learns(tmp_path):
    config = CONFIG.model_copy(update={"epochs": 6, "steps_per_event": 10})
    _, history = train(tmp_path / "run", config)
    assert history[-1]["loss"] < 0.3 * history[0]["loss"]
    assert history[-1]["edges_per_event"] < 0.7 * history[0]["edges_per_event"]
    assert history[-1]["purity"] > 2 * history[0]["purity"]
    assert [row["epoch"] for row in history] == list(range(6))
    assert min(row["efficiency"] for row in history) >= 0.9


def test_same_seed_same_weights(uninterrupted, tmp_path):
    _, network, history = uninterrupted
    again, same_history = train(tmp_path / "same")
    other, _ = train(tmp_path / "other", CONFIG.model_copy(update={"seed": 2}))
    require_same(network.state_dict(), again.state_dict())
    assert history == same_history
    assert not torch.equal(network.mlp[0].weight, other.mlp[0].weight)


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_resumed_run_equals_an_uninterrupted_one(uninterrupted, tmp_path, epochs):
    folder, network, history = uninterrupted
    with pytest.raises(Killed):
        train(tmp_path / "run", stop_after=epochs)
    assert len(json.loads(load_tensors(tmp_path / "run" / LAST)[1]["history"])) == epochs
    resumed, resumed_history = train(tmp_path / "run")
    require_same(network.state_dict(), resumed.state_dict())
    assert history == resumed_history
    require_same(load_tensors(folder / LAST)[0], load_tensors(tmp_path / "run" / LAST)[0])


def test_a_finished_run_is_not_trained_again(uninterrupted):
    folder, network, history = uninterrupted
    before = (folder / LAST).stat().st_mtime_ns
    again, same_history = train(folder)
    require_same(network.state_dict(), again.state_dict())
    assert history == same_history
    assert (folder / LAST).stat().st_mtime_ns == before


@pytest.mark.parametrize(
    "change",
    [
        {"config": CONFIG.model_copy(update={"seed": 2})},
        {"config": CONFIG.model_copy(update={"detector": "pixel"})},
        {"ids": (0, 3)},
        {"validation": (3,)},
    ],
)
def test_a_folder_of_another_run_is_refused_and_left_alone(uninterrupted, change):
    folder, _, _ = uninterrupted
    before = (folder / LAST).read_bytes()
    with pytest.raises(InputError, match=r"a run with other settings.*choose another --out"):
        train(folder, **change)
    assert (folder / LAST).read_bytes() == before


def test_a_damaged_checkpoint_is_one_line(tmp_path):
    with pytest.raises(Killed):
        train(tmp_path / "run", stop_after=1)
    last = tmp_path / "run" / LAST
    last.write_bytes(last.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"last\.safetensors: found") as error:
        train(tmp_path / "run")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("what", ["ids", "validation"])
def test_without_events_there_is_no_training(tmp_path, what):
    with pytest.raises(InputError, match=r"events: found none, expected at least one"):
        train(tmp_path / "run", **{what: ()})


def test_without_target_segments_there_is_nothing_to_learn(tmp_path):
    nobody = CONFIG.model_copy(update={"selection": TargetSelection(min_pt=1e6)})
    with pytest.raises(InputError, match=r"training events: found no target segment"):
        train(tmp_path / "run", nobody)


def test_a_network_that_explodes_stops_the_training(tmp_path):
    wild = CONFIG.model_copy(update={"learning_rate": 1e30})
    with pytest.raises(
        FpgaGnnError, match="a point is not finite; train with a lower learning rate"
    ):
        train(tmp_path / "run", wild)


def test_an_empty_event_is_passed_over(tmp_path):
    store = EventStore.create(tmp_path / "events", {"made": "for a test"})
    full = sample_store().read(0)
    store.write(full)
    none = full.select_hits(np.zeros(len(full.hits), dtype=bool))
    store.write(Event(1, none.hits, none.particles))
    events = EventView(store, (0, 1), "full")
    trainer = MetricLearningTrainer(CONFIG, events, events, tmp_path / "run")
    network = trainer.run(lambda row: None)
    assert embed(network, none).shape == (0, 8)
    (summary,) = graph_quality(network, [none], TargetSelection(), [1.0])
    row = quality_row(1.0, summary)
    assert (row["edges_per_event"], row["efficiency"], row["purity"]) == (0, 0, 0)


def test_wrong_settings_are_refused():
    for wrong in ({"epochs": 0}, {"margin": 1.0}, {"target_efficiency": 1.1}, {"rate": 1}):
        with pytest.raises(ValidationError):
            MetricLearningConfig(**wrong)
