"""Labelled graphs of shipped events, small enough to train on in a test, and a small teacher."""

from __future__ import annotations

import pytest
import torch

from fpga_gnn.events.sample import sample_store
from fpga_gnn.events.targets import TargetSelection
from fpga_gnn.graphs.construction import ModuleMapConstruction
from fpga_gnn.graphs.map_learning import learn_module_map
from fpga_gnn.graphs.map_settings import MapSettings
from fpga_gnn.tracks.metrics import TrackSelection
from fpga_gnn.training.config import Runtime, TeacherConfig
from fpga_gnn.training.construction import save_construction
from fpga_gnn.training.data import Example, labelled_graph
from fpga_gnn.training.teacher import teacher_network
from fpga_gnn.training.teacher_run import TeacherInfo, save_teacher


@pytest.fixture(scope="session")
def module_map(contract):
    """A map of the target tracks of events 0 to 2; by layer, so that there are fake edges."""
    store = sample_store()
    return learn_module_map(
        (store.read(i) for i in range(3)), contract, settings=MapSettings(pooling="layer")
    )


@pytest.fixture(scope="session")
def make_graphs(contract, module_map):
    def make(*event_ids, selection=None):
        chosen = selection or TargetSelection()
        events = (sample_store().read(i) for i in event_ids)
        return [labelled_graph(event, module_map, contract, chosen) for event in events]

    return make


@pytest.fixture(scope="session")
def graphs(make_graphs):
    """Events 0 and 1 to train on, event 2 to validate on."""
    return make_graphs(0, 1, 2)


@pytest.fixture(scope="session")
def make_example(contract):
    def make(graph, teacher=None, batch_edges=512):
        """A labelled graph as training takes it, in several sectors."""
        return Example(graph, contract, batch_edges, teacher)

    return make


@pytest.fixture(scope="session")
def examples(graphs, make_example):
    """The same events as training and validation take them."""
    return [make_example(graph) for graph in graphs]


@pytest.fixture(scope="session")
def teacher_folder(contract, module_map, tmp_path_factory):
    """An untrained teacher of 20 hidden units on disk: what it says is arbitrary, but fixed."""
    folder = tmp_path_factory.mktemp("teacher")
    config = TeacherConfig(hidden=20, iterations=2, epochs=1)
    save_construction(ModuleMapConstruction(module_map, contract), folder)
    info = TeacherInfo(
        detector="pixel",
        graph="module-map",
        training=config,
        runtime=Runtime(),
        events={},
        history=[],
        tracks=TrackSelection(),
        builders={},
    )
    torch.manual_seed(7)
    save_teacher(teacher_network(config), info, folder)
    return folder
