"""Labelled graphs as batches: sectors of azimuth, and mirrored events by sign flips."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fpga_gnn.contract import CandidateRecords
from fpga_gnn.events.sample import sample_store
from fpga_gnn.graphs.graph import graph_from_candidates
from fpga_gnn.graphs.hits import quantize_hits
from fpga_gnn.training.data import (
    Example,
    TeacherTargets,
    clipped_shares,
    graph_inputs,
    mirror_signs,
)


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
    event, built = sample_store().read(0), graphs[0]
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


@pytest.fixture(scope="module")
def numbered(graphs, contract):
    """Return numbered(batch_edges): event 0, whose teacher says of each edge its number."""
    count = torch.arange(graphs[0].graph.n_edges)
    targets = TeacherTargets(count.float(), torch.stack([count % 100, count // 100], dim=1))
    return lambda batch_edges: Example(graphs[0], contract, batch_edges, targets)


@settings(deadline=None, max_examples=40)
@given(
    batch_edges=st.sampled_from([64, 100, 257, 512, 10**6]),
    turn=st.floats(0, 1, exclude_max=True),
    flip_z=st.booleans(),
    flip_phi=st.booleans(),
)
def test_sectors_part_the_edges_with_what_belongs_to_them(
    numbered, graphs, contract, batch_edges, turn, flip_z, flip_phi
):
    example, labelled = numbered(batch_edges), graphs[0]
    assert example.n_sectors == -(-labelled.graph.n_edges // batch_edges)
    node, edge, pairs = graph_inputs(labelled.graph, contract)
    node = node * mirror_signs(contract.features.node, flip_z, flip_phi)
    edge = edge * mirror_signs(contract.features.edge, flip_z, flip_phi)
    seen = []
    for sector in range(example.n_sectors):
        batch = example.batch(sector, turn, flip_z, flip_phi)
        edges = batch.teacher.logits.long()
        assert torch.equal(batch.teacher.states, torch.stack([edges % 100, edges // 100], 1))
        assert torch.equal(batch.inputs[1], edge[edges])
        for end in (0, 1):
            assert torch.equal(batch.inputs[0][batch.inputs[2][end]], node[pairs[end, edges]])
        if example.n_sectors > 1:
            assert batch.inputs[2].unique().numel() == len(batch.inputs[0])
        assert np.array_equal(batch.target.numpy(), labelled.labels.target[edges])
        assert np.array_equal(batch.counted.numpy(), ~labelled.labels.ignored[edges])
        seen.append(edges)
    assert torch.equal(torch.cat(seen).sort().values, torch.arange(labelled.graph.n_edges))


def test_a_sector_is_a_range_of_azimuth_from_its_turn_on(numbered, graphs):
    example, graph = numbered(200), graphs[0]
    hits = sample_store().read(0).hits
    azimuth = np.arctan2(hits.y, hits.x)[graph.hit_graph.rows] / (2 * np.pi)
    for sector in range(example.n_sectors):
        edges = example.batch(sector, 0.3, False, False).teacher.logits.long()
        from_start = (azimuth[graph.graph.src[edges]] - 0.3) % 1 * example.n_sectors
        assert edges.numel() > 0
        assert (from_start > sector - 1e-2).all()
        assert (from_start < sector + 1 + 1e-2).all()


def test_a_contract_of_few_azimuth_bits_has_sectors_too(graphs, contract):
    bits = contract.hit.phi.model_copy(update={"bits": 12, "frac": 12})
    coarse = contract.model_copy(update={"hit": contract.hit.model_copy(update={"phi": bits})})
    graph = dataclasses.replace(
        graphs[0].graph, position=graphs[0].graph.position >> (contract.hit.phi.bits - 12)
    )
    example = Example(dataclasses.replace(graphs[0], graph=graph), coarse, 200)
    sizes = [example.batch(i, 0.0, False, False).target.numel() for i in range(example.n_sectors)]
    assert min(sizes) > 0
    assert sum(sizes) == graph.n_edges


def test_an_event_without_edges_has_no_sector(graphs, contract):
    graph = graphs[0].graph
    none = dataclasses.replace(
        graph, src=graph.src[:0], dst=graph.dst[:0], edge_features=graph.edge_features[:0]
    )
    labels = dataclasses.replace(
        graphs[0].labels,
        **{
            field.name: getattr(graphs[0].labels, field.name)[:0]
            for field in dataclasses.fields(graphs[0].labels)
            if isinstance(getattr(graphs[0].labels, field.name), np.ndarray)
            and getattr(graphs[0].labels, field.name).size == graph.n_edges
        },
    )
    empty = dataclasses.replace(graphs[0], graph=none, labels=labels)
    example = Example(empty, contract, 200)
    assert example.n_sectors == 0
    assert example.batch(0, 0.0, False, False).target.numel() == 0


def test_clipped_features_are_counted_over_all_examples(graphs, contract):
    low, high = contract.features.format.min_int, contract.features.format.max_int
    found = []
    for graph, n_high in zip(graphs[:2], (3, 0), strict=True):
        nodes = np.clip(graph.graph.node_features, low + 1, high - 1)
        edges = np.clip(graph.graph.edge_features, low + 1, high - 1)
        nodes[:n_high, 1], edges[:2, 0] = high, low
        changed = dataclasses.replace(graph.graph, node_features=nodes, edge_features=edges)
        found.append(Example(dataclasses.replace(graph, graph=changed), contract, 512))
    n_nodes, n_edges = (
        sum(getattr(g.graph, n) for g in graphs[:2]) for n in ("n_nodes", "n_edges")
    )
    expected = dict.fromkeys((*contract.features.node, *contract.features.edge), 0.0)
    expected |= {"z": pytest.approx(3 / n_nodes), "dr": pytest.approx(4 / n_edges)}
    assert clipped_shares(found, contract) == expected
