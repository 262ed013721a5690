"""A trained embedding on disk: what is saved is loaded; a damaged folder is one line."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch

from fpga_gnn.errors import InputError
from fpga_gnn.events.event import Event, Hits
from fpga_gnn.events.sample import sample_store
from fpga_gnn.events.targets import TargetSelection
from fpga_gnn.events.view import EventView
from fpga_gnn.graphs.truth import label_edges, truth_segments
from fpga_gnn.models.embedding import EmbeddingConfig
from fpga_gnn.training.checkpoint import load_tensors, save_json, save_tensors
from fpga_gnn.training.metric_learning import MetricLearningConfig
from fpga_gnn.training.metric_learning_run import load_metric_learning, train_metric_learning

CONFIG = MetricLearningConfig(
    epochs=3,
    steps_per_event=2,
    hits_per_step=300,
    negatives_per_step=2000,
    target_efficiency=0.9,
    network=EmbeddingConfig(hidden=16, layers=2),
)
WEIGHTS, INFO = "embedding.safetensors", "embedding.json"
EFFICIENCIES = (0.8, 0.9)


def subset(*ids):
    return EventView(sample_store(), ids, "full")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Folder and result of a whole run."""
    folder = tmp_path_factory.mktemp("run") / "run"
    result = train_metric_learning(
        CONFIG, subset(0, 1), subset(2, 3), folder, EFFICIENCIES, lambda row: None
    )
    return folder, result


@pytest.fixture
def folder(trained, tmp_path):
    """A copy of the saved run to damage."""
    return shutil.copytree(trained[0], tmp_path / "run")


def test_a_run_is_what_its_record_says(trained):
    _, result = trained
    info = result.info
    rows = info.quality
    assert [row["events"] for row in rows] == [2, 2]
    assert rows[0]["radius"] < rows[1]["radius"] == info.radius
    assert [len(info.events[name]["ids"]) for name in ("train", "validation")] == [2, 2]
    found = n_edges = total = 0
    for event in subset(2, 3):
        edges = result.edges(event)
        nodes = np.arange(len(event.hits))
        labels = label_edges(event, TargetSelection(), nodes, edges.src, edges.dst)
        found += labels.target.sum()
        n_edges += edges.src.size
        total += truth_segments(event, TargetSelection()).target.sum()
    assert rows[1]["efficiency"] == found / total >= 0.9
    assert rows[1]["edges_per_event"] == n_edges / 2


def test_a_run_round_trips(trained):
    folder, result = trained
    loaded = load_metric_learning(folder)
    assert loaded.info == result.info
    for name, value in result.network.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[name], value)
    event = sample_store().read(4)
    one, two = result.edges(event), loaded.edges(event)
    for name in ("src", "dst", "distance"):
        assert np.array_equal(getattr(one, name), getattr(two, name))
    assert result.edges(event, radius=0.5 * result.info.radius).src.size < one.src.size
    assert result.edges(event, max_neighbours=1).n_lost > 0


def test_a_run_is_for_its_detector(trained):
    _, result = trained
    event = sample_store().read(4)
    config = CONFIG.model_copy(update={"detector": "pixel"})
    info = result.info.model_copy(update={"training": config})
    pixel = type(result)(result.network, info)
    assert pixel.edges(event).src.size > 0
    volumes = event.hits.volume_id.copy()
    volumes[:3] = 13
    strips = Hits(**{n: getattr(event.hits, n) for n in Hits.DTYPES} | {"volume_id": volumes})
    with pytest.raises(InputError, match="found 3 hits outside the pixel detector"):
        pixel.edges(Event(4, strips, event.particles))


def test_the_target_must_be_among_the_efficiencies(tmp_path):
    with pytest.raises(InputError, match=r"expected 0.9 as well"):
        train_metric_learning(
            CONFIG, subset(0), subset(2), tmp_path / "run", [0.5], lambda row: None
        )
    assert not (tmp_path / "run").exists()


def test_a_folder_with_other_files_is_refused_before_training(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"found other files.*choose another --out"):
        train_metric_learning(
            CONFIG, subset(0), subset(2), tmp_path, EFFICIENCIES, lambda row: None
        )
    assert [file.name for file in tmp_path.iterdir()] == ["notes.txt"]


def cut_short(folder):
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-3])


def flip_a_weight(folder):
    tensors, metadata = load_tensors(folder / WEIGHTS)
    tensors["mlp.0.weight"] = -tensors["mlp.0.weight"]
    save_tensors(folder / WEIGHTS, tensors, metadata)


def change_the_record(**changes):
    def change(folder):
        record = json.loads((folder / INFO).read_text())
        record["training"]["network"] |= changes.pop("network", {})
        save_json(folder / INFO, record | changes)

    return change


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / INFO).unlink(), r"run: found no embedding\.json"),
        (lambda folder: (folder / WEIGHTS).unlink(), r"embedding\.safetensors: found No such file"),
        (cut_short, r"embedding\.safetensors: found "),
        (flip_a_weight, r"embedding\.safetensors: found sha256 \w{12}, expected sha256"),
        (lambda folder: (folder / INFO).write_text("{"), r"embedding\.json: found broken JSON"),
        (change_the_record(radius=-1.0), r"embedding\.json: radius: found -1\.0"),
        (change_the_record(colour="red"), r"embedding\.json: found unknown key colour"),
        (change_the_record(network={"hidden": 17}), r"expected the network of embedding\.json"),
    ],
)
def test_a_damaged_folder_is_one_line(folder, damage, message):
    damage(folder)
    with pytest.raises(InputError, match=message) as error:
        load_metric_learning(folder)
    assert "\n" not in str(error.value)


def test_an_untrained_network_is_no_run(tmp_path):
    with pytest.raises(InputError, match=r"found no embedding\.json.*metric-learning train"):
        load_metric_learning(tmp_path)
