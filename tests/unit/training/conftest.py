"""Labelled graphs of shipped events, small enough to train on in a test."""

from __future__ import annotations

import pytest

from fpga_gnn.events.sample import sample_store
from fpga_gnn.events.targets import TargetSelection
from fpga_gnn.graphs.map_learning import learn_module_map
from fpga_gnn.graphs.map_settings import MapSettings
from fpga_gnn.training.data import labelled_graphs


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
        events = [sample_store().read(i) for i in event_ids]
        return list(labelled_graphs(events, module_map, contract, selection or TargetSelection()))

    return make


@pytest.fixture(scope="session")
def graphs(make_graphs):
    """Events 0 and 1 to train on, event 2 to validate on."""
    return make_graphs(0, 1, 2)
