"""The teacher: partition mini-batches, training that resumes exactly, working points, files."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from fpga_gnn.errors import CapacityError, FpgaGnnError, InputError
from fpga_gnn.events.sample import sample_store
from fpga_gnn.events.view import EventView
from fpga_gnn.graphs.construction import ModuleMapConstruction
from fpga_gnn.tracks.builder import BUILDERS
from fpga_gnn.training.config import Runtime, TeacherConfig
from fpga_gnn.training.edge_model import load_model
from fpga_gnn.training.teacher import Scorer, teacher_network
from fpga_gnn.training.teacher_data import PartitionedExample, teacher_graph
from fpga_gnn.training.teacher_pipeline import TeacherProgress, train_teacher
from fpga_gnn.training.teacher_run import TEACHER_FILE, load_teacher

CONFIG = TeacherConfig(
    hidden=8, iterations=2, epochs=12, learning_rate=1e-2, partition_edges=512, halo_hops=1
)


class Killed(Exception):
    pass


@pytest.fixture(scope="module")
def construction(module_map, contract):
    return ModuleMapConstruction(module_map, contract)


@pytest.fixture(scope="module")
def example(construction):
    event = sample_store().read(0)
    graph = teacher_graph(event, construction, CONFIG)
    return event, graph, PartitionedExample(graph, event, CONFIG)


@pytest.fixture(scope="module")
def train(construction):
    def run(folder, config=CONFIG, *, stop_after=None, runtime=None):
        rows = []

        def epoch(row):
            rows.append(row)
            if len(rows) == stop_after:
                raise Killed

        def count(done, total):
            assert 0 <= done <= total

        return train_teacher(
            config,
            runtime or Runtime(),
            construction,
            "module-map",
            [EventView(sample_store(), (0,), "pixel"), EventView(sample_store(), (1,), "pixel")],
            EventView(sample_store(), (2, 3), "pixel"),
            folder,
            n_monitored=1,
            progress=TeacherProgress(graphs=count, steps=count, epoch=epoch, cuts=count),
        )

    return run


@pytest.fixture(scope="module")
def trained(train, tmp_path_factory):
    folder = tmp_path_factory.mktemp("teacher") / "whole"
    return folder, train(folder)


def test_every_edge_has_its_loss_in_one_partition(example):
    _, graph, parts = example
    assert len(parts.partitions) > 2
    owned = np.concatenate([p.edges[p.owned] for p in parts.partitions])
    assert np.array_equal(np.sort(owned), np.arange(graph.graph.n_edges))
    counted = sum(
        int(parts.batch(i, False, False).counted.sum()) for i in range(len(parts.partitions))
    )
    assert counted == (~graph.labels.ignored).sum()
    assert all(p.edges.size <= CONFIG.partition_edges for p in parts.partitions)


def test_a_partition_without_an_edge_to_learn_from_is_left_out(example):
    event, graph, parts = example
    first, *others = parts.partitions
    ignored = graph.labels.ignored.copy()
    ignored[first.edges[first.owned]] = True
    labels = replace(graph.labels, ignored=ignored)
    left = PartitionedExample(replace(graph, labels=labels), event, CONFIG).partitions
    assert [p.edges.tolist() for p in left] == [p.edges.tolist() for p in others]


def test_a_batch_is_a_part_of_the_event(example):
    _, graph, parts = example
    part, batch = parts.partitions[1], parts.batch(1, False, False)
    node, edge, index = batch.inputs
    assert torch.equal(node, graph.inputs[0][torch.from_numpy(part.nodes)])
    assert torch.equal(edge, graph.inputs[1][torch.from_numpy(part.edges)])
    assert np.array_equal(part.nodes[index.numpy()[0]], graph.graph.src[part.edges])
    assert np.array_equal(part.nodes[index.numpy()[1]], graph.graph.dst[part.edges])
    assert np.array_equal(batch.target.numpy() == 1, graph.labels.target[part.edges])


@pytest.mark.parametrize(("flip_z", "flip_phi"), [(True, False), (False, True), (True, True)])
def test_mirrored_batches_are_those_of_the_mirrored_event(example, construction, flip_z, flip_phi):
    event, graph, parts = example
    hits = event.hits
    mirrored = type(hits)(
        **{
            name: getattr(hits, name)
            * (-1 if (name == "z" and flip_z) or (name == "y" and flip_phi) else 1)
            for name in hits.DTYPES
        }
    )
    from fpga_gnn.graphs.features import edge_features

    names = CONFIG.edge_features
    expected = edge_features(
        type(event)(0, mirrored, event.particles),
        graph.graph.rows,
        graph.graph.src,
        graph.graph.dst,
        names,
    )
    part = parts.partitions[0]
    got = parts.batch(0, flip_z, flip_phi).inputs[1].numpy()
    assert np.allclose(got, expected[part.edges], atol=2e-5)


def test_training_learns(trained):
    _, teacher = trained
    losses = [row["loss"] for row in teacher.info.history]
    assert losses[-1] < losses[0]
    assert teacher.info.history[-1]["auc"] > 0.8
    assert set(teacher.info.builders) == set(BUILDERS)
    assert max(point.efficiency for point in teacher.info.builders.values()) > 0.5


def test_a_resumed_training_equals_an_uninterrupted_one(train, trained, tmp_path):
    _, whole = trained
    with pytest.raises(Killed):
        train(tmp_path, stop_after=5)
    resumed = train(tmp_path)
    assert json.dumps(resumed.info.history) == json.dumps(whole.info.history)
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name
    assert resumed.info.builders == whole.info.builders


def test_other_settings_do_not_resume(train, trained, tmp_path):
    folder = shutil.copytree(trained[0], tmp_path / "teacher")
    before = contents(folder)
    with pytest.raises(InputError, match="other settings, contract or events"):
        train(folder, CONFIG.model_copy(update={"seed": 2}))
    assert contents(folder) == before


def contents(folder):
    """Every file with its bytes and the time it was written."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_edges_that_fit_no_partition_are_an_error(train, tmp_path):
    crowded = CONFIG.model_copy(update={"partition_edges": 64, "halo_hops": 8})
    with pytest.raises(CapacityError, match="raise partition_edges or lower halo_hops"):
        train(tmp_path, crowded)


def test_a_loaded_teacher_is_the_saved_one(trained):
    folder, teacher = trained
    loaded = load_teacher(folder)
    assert loaded.info == teacher.info
    event = sample_store().read(4)
    graph = teacher.construction(event)
    again = loaded.construction(event)
    assert np.array_equal(graph.src, again.src)
    assert np.array_equal(graph.dst, again.dst)
    model = load_model(folder, Runtime())
    inputs = teacher_graph(event, teacher.construction, CONFIG).inputs
    expected = Scorer(teacher.network, Runtime()).logits(inputs).double().numpy()
    assert np.array_equal(model.logits(event, model.graph(event)), expected)
    assert model.kind == "teacher"


@pytest.mark.parametrize("damage", ["weights", "record", "unfinished", "shape"])
def test_a_damaged_teacher_is_refused(trained, tmp_path, damage):
    folder = tmp_path / "teacher"
    shutil.copytree(trained[0], folder)
    record = json.loads((folder / TEACHER_FILE).read_text())
    if damage == "weights":
        data = bytearray((folder / "teacher.safetensors").read_bytes())
        data[-1] ^= 1
        (folder / "teacher.safetensors").write_bytes(data)
    elif damage == "record":
        (folder / TEACHER_FILE).write_text(json.dumps(record | {"surprise": 1}))
    elif damage == "unfinished":
        (folder / TEACHER_FILE).unlink()
    else:
        record["training"]["hidden"] = 16
        (folder / TEACHER_FILE).write_text(json.dumps(record))
    with pytest.raises(InputError):
        load_teacher(folder)


def test_amp_scores_are_close_to_float32(trained):
    _, teacher = trained
    event = sample_store().read(4)
    inputs = teacher_graph(event, teacher.construction, CONFIG).inputs
    exact = Scorer(teacher.network, Runtime()).logits(inputs)
    amp = Scorer(teacher.network, Runtime(amp=True)).logits(inputs)
    assert amp.dtype == torch.float32
    assert not torch.equal(exact, amp)
    assert float((exact.sigmoid() - amp.sigmoid()).abs().max()) < 0.1


@pytest.mark.parametrize("setting", [{"hidden": 129}, {"iterations": 9}, {"edge_features": ("x",)}])
def test_impossible_settings_are_refused(setting):
    with pytest.raises(ValueError, match="validation error"):
        TeacherConfig(**setting)


def test_the_network_is_blind_to_the_order_of_edges():
    torch.manual_seed(0)
    network = teacher_network(CONFIG).eval()
    node, edge = torch.randn(9, 3), torch.randn(20, 8)
    index = torch.randint(0, 9, (2, 20))
    order = torch.randperm(20)
    with torch.no_grad():
        one, two = network(node, edge, index), network(node, edge[order], index[:, order])
    assert torch.allclose(one[order], two, atol=1e-5)


def test_no_validation_edge_to_tell_apart_is_an_error(train, tmp_path):
    nothing = CONFIG.model_copy(
        update={"epochs": 1, "selection": CONFIG.selection.model_copy(update={"min_pt": 1000.0})}
    )
    with pytest.raises(FpgaGnnError, match="no epoch has a validation AUC"):
        train(tmp_path / "teacher", nothing)
