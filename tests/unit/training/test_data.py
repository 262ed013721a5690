"""Mirrored events: the sign flips of the features are exactly a reflection of the event."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from fpga_gnn.contract import CandidateRecords
from fpga_gnn.events.sample import sample_store
from fpga_gnn.graphs.graph import graph_from_candidates
from fpga_gnn.graphs.hits import quantize_hits
from fpga_gnn.training.data import graph_inputs, mirror_signs


@pytest.fixture(scope="module")
def every_feature(contract):
    """The contract with all node and edge features as inputs, wide enough not to saturate."""
    features = contract.features.model_copy(
        update={
            "format": contract.features.format.model_copy(update={"bits": 19}),
            "node": dict.fromkeys(("r", "phi", "z", "eta"), 0),
            "edge": dict.fromkeys(("dr", "dphi", "dz", "deta"), 1),
        }
    )
    return contract.model_copy(update={"features": features})


def features(event, module_map, candidates, contract):
    hits = quantize_hits(event, module_map.modules, contract)
    graph = graph_from_candidates(hits.records, candidates, contract)
    assert graph.n_saturated == 0
    return graph_inputs(graph, contract)


def mirrored(event, flip_z, flip_phi):
    """``event`` under z -> -z (and eta -> -eta) and y -> -y (phi -> -phi)."""
    flips = {"z": flip_z, "pz": flip_z, "vz": flip_z, "y": flip_phi, "py": flip_phi, "vy": flip_phi}

    def flip(table):
        names = [name for name in table.DTYPES if flips.get(name)]
        return dataclasses.replace(table, **{name: -getattr(table, name) for name in names})

    return dataclasses.replace(event, hits=flip(event.hits), particles=flip(event.particles))


@pytest.mark.parametrize("flip_phi", [False, True])
@pytest.mark.parametrize("flip_z", [False, True])
def test_mirrored_features_are_those_of_the_mirrored_event(
    every_feature, graphs, module_map, flip_z, flip_phi
):
    event, built = sample_store().read(0), graphs[0].event_graph
    candidates = CandidateRecords(
        src=built.graph.src,
        dst=built.graph.dst,
        doublet=np.zeros(built.graph.n_edges),
        tagged=np.ones(built.graph.n_edges),
    )
    node, edge, pairs = features(event, module_map, candidates, every_feature)
    wanted = features(mirrored(event, flip_z, flip_phi), module_map, candidates, every_feature)
    names = every_feature.features
    assert torch.equal(node * mirror_signs(names.node, flip_z, flip_phi), wanted[0])
    assert torch.equal(edge * mirror_signs(names.edge, flip_z, flip_phi), wanted[1])
    assert torch.equal(pairs, wanted[2])
    if flip_z or flip_phi:
        assert not torch.equal(node, wanted[0])
        assert not torch.equal(edge, wanted[1])


def test_inputs_are_the_integer_features_on_their_grid(graphs, contract):
    graph = graphs[0].graph
    node, edge, pairs = graph_inputs(graph, contract)
    assert (node.dtype, edge.dtype, pairs.dtype) == (torch.float32, torch.float32, torch.int64)
    scale = 2.0**contract.features.format.frac
    assert np.array_equal((node * scale).numpy(), graph.node_features)
    assert np.array_equal((edge * scale).numpy(), graph.edge_features)
    assert np.array_equal(pairs.numpy(), [graph.src, graph.dst])


def test_labels_belong_to_the_graph(graphs):
    for labelled in graphs:
        assert labelled.labels.target.size == labelled.graph.n_edges > 500
        assert 0 < labelled.labels.target.sum() < labelled.graph.n_edges
