"""Estimates of the edge classifier, counted by hand."""

from __future__ import annotations

import pytest

from fpga_gnn.report.estimates import classifier_estimates


@pytest.fixture(scope="module")
def numbers(contract, make_student):
    """Hidden 8, 2 iterations, 3 node and 4 edge features, 8-bit weights, 32 + 64 slots."""
    network = make_student(contract).integer_network()
    return classifier_estimates(network, contract, clock_mhz=300.0)


def value(numbers, name, unit):
    (number,) = [n for n in numbers if (n.name, n.unit) == (name, unit)]
    return number.value


def test_work_and_weights(numbers):
    # Each MLP has inputs x 8 and 8 x outputs products.
    node_encoder, edge_encoder = 3 * 8 + 8 * 8, 4 * 8 + 8 * 8
    update, decoder = 24 * 8 + 8 * 8, 24 * 8 + 8 * 1
    per_edge = edge_encoder + 2 * update + decoder
    per_node = node_encoder + 2 * update
    assert (per_edge, per_node) == (808, 600)
    assert value(numbers, "work per edge", "MAC") == per_edge
    assert value(numbers, "work per node", "MAC") == per_node
    biases = (2 + 2 * 2) * 2 * 8 + 8 + 1
    assert value(numbers, "weights and biases", "bit") == 8 * (per_edge + per_node) + 8 * biases


def test_interval(numbers):
    # The aggregation clears 32 node slots, takes 64 edges and sends 32 nodes.
    assert value(numbers, "interval", "cycles") == 128
    assert value(numbers, "interval", "us") == pytest.approx(128 / 300)


def test_bits_follow_the_contract(contract, make_student):
    bits = {"weight_bits": 4, "bias_bits": 6}
    network = contract.network.model_copy(update=bits)
    other = contract.model_copy(update={"network": network})
    numbers = classifier_estimates(make_student(other).integer_network(), other, 300.0)
    assert value(numbers, "weights and biases", "bit") == 4 * 1408 + 6 * 105


def test_every_number_is_labelled_an_estimate(numbers):
    assert {n.label for n in numbers} == {"estimate"}
    assert all(n.basis for n in numbers)
