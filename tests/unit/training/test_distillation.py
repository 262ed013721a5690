"""What a teacher says of the edges of a student's graph, asked once and kept."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest
import torch

from fpga_gnn.errors import InputError
from fpga_gnn.events.sample import sample_store
from fpga_gnn.graphs.construction import HitGraph
from fpga_gnn.models.interaction_network import InteractionNetwork
from fpga_gnn.training.checkpoint import load_tensors
from fpga_gnn.training.config import Runtime
from fpga_gnn.training.distillation import N_COMPONENTS, Distiller
from fpga_gnn.training.teacher import Scorer
from fpga_gnn.training.teacher_data import teacher_inputs
from fpga_gnn.training.teacher_run import NETWORK_FILE, load_teacher


@pytest.fixture
def distiller(teacher_folder, tmp_path):
    return Distiller(teacher_folder, tmp_path / "cache", Runtime())


@pytest.fixture
def event():
    return sample_store().read(0)


def files(folder):
    """Every file with the time it was written, but not its folder."""
    return {p.name: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file()}


def same(one, two):
    return torch.equal(one.logits, two.logits) and torch.equal(one.states, two.states)


def test_the_logits_are_the_teachers_own(distiller, teacher_folder, event, graphs):
    graph = graphs[0].hit_graph
    teacher = load_teacher(teacher_folder)
    inputs = teacher_inputs(event, graph, teacher.info.training)
    found = distiller.targets(event, graph)
    assert torch.equal(found.logits, Scorer(teacher.network, Runtime()).logits(inputs))
    assert found.logits.dtype == torch.float32
    assert found.logits.unique().numel() > 100
    assert distiller.detector == "pixel"


def test_the_states_have_unit_variance_on_the_first_graph(distiller, event, graphs):
    states = distiller.targets(event, graphs[0].hit_graph).states
    assert (states.shape, states.dtype) == ((graphs[0].graph.n_edges, N_COMPONENTS), torch.float16)
    covariance = torch.cov(states.double().T)
    torch.testing.assert_close(
        covariance, torch.eye(N_COMPONENTS, dtype=torch.float64), atol=5e-3, rtol=0
    )
    assert states.double().mean(0).abs().max() < 1e-3


def test_the_states_of_all_graphs_have_the_same_components(
    distiller, teacher_folder, tmp_path, graphs
):
    teacher = load_teacher(teacher_folder)
    for i, graph in enumerate(graphs[:2]):
        event = sample_store().read(i)
        found = distiller.targets(event, graph.hit_graph)
        (path,) = (tmp_path / "cache").rglob("projection.safetensors")
        components = load_tensors(path)[0]
        inputs = teacher_inputs(event, graph.hit_graph, teacher.info.training)
        with torch.no_grad():
            _, states = teacher.network.states(*inputs)
        expected = (states - components["mean"]) @ components["basis"]
        assert torch.equal(found.states, expected.half())
        off = (found.states.double().var(0) - 1).abs().max()
        assert (off < 5e-3) == (i == 0)


def test_a_second_question_reads_the_answer(
    distiller, teacher_folder, event, graphs, tmp_path, monkeypatch
):
    graph = graphs[0].hit_graph
    first = distiller.targets(event, graph)
    kept = files(tmp_path)
    assert len(kept) == 2
    monkeypatch.delattr(InteractionNetwork, "states")
    assert same(first, distiller.targets(event, graph))
    later = Distiller(teacher_folder, tmp_path / "cache", Runtime())
    assert same(first, later.targets(event, graph))
    assert files(tmp_path) == kept


@pytest.mark.parametrize("change", ["edges", "hits", "event", "rows"])
def test_another_graph_is_another_question(distiller, event, graphs, tmp_path, change):
    graph = graphs[0].hit_graph
    first = distiller.targets(event, graph)
    kept = files(tmp_path)
    if change == "edges":
        graph = HitGraph(graph.rows, graph.src[:-1], graph.dst[:-1])
    elif change == "hits":
        moved = dataclasses.replace(event.hits, z=event.hits.z + 1)
        event = dataclasses.replace(event, hits=moved)
    elif change == "event":
        event = dataclasses.replace(event, event_id=99)
    else:
        graph = HitGraph(graph.rows[::-1].copy(), graph.src, graph.dst)
    second = distiller.targets(event, graph)
    assert len(second.logits) == graph.n_edges
    assert len(files(tmp_path)) == 3
    assert kept.items() <= files(tmp_path).items()
    assert same(first, second) == (change == "event")


def test_another_teacher_or_precision_has_its_own_answers(
    distiller, teacher_folder, event, graphs, tmp_path
):
    graph = graphs[0].hit_graph
    exact = distiller.targets(event, graph)
    rough = Distiller(teacher_folder, tmp_path / "cache", Runtime(amp=True)).targets(event, graph)
    assert not torch.equal(exact.logits, rough.logits)
    assert float((exact.logits.sigmoid() - rough.logits.sigmoid()).abs().max()) < 0.1
    assert same(exact, distiller.targets(event, graph))
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_no_teacher_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no teacher\.json.*run fpga-gnn train-teacher"):
        Distiller(tmp_path, tmp_path / "cache", Runtime())
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_answer_is_refused(distiller, event, graphs, tmp_path):
    graph = graphs[0].hit_graph
    distiller.targets(event, graph)
    for path in (tmp_path / "cache").rglob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"expected a safetensors checkpoint"):
        distiller.targets(event, graph)


def test_the_hash_is_that_of_the_network(distiller, teacher_folder):
    data = (teacher_folder / NETWORK_FILE).read_bytes()
    assert distiller.sha256 == hashlib.sha256(data).hexdigest()
