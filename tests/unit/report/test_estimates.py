"""Estimates of the edge classifier, counted by hand."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from fpga_gnn.contract import FixedPoint, IntegerLayer
from fpga_gnn.contract.structure import network_mlps
from fpga_gnn.export.hls4ml_project import HlsTarget, write_project
from fpga_gnn.export.lowering import lower
from fpga_gnn.export.qonnx_export import export_qonnx
from fpga_gnn.report.estimates import (
    bit_operations,
    classifier_cost,
    classifier_estimates,
    cycles_per_edge,
    fifo_bits,
    memory_bits,
)

# Each MLP has inputs x 8 and 8 x outputs products.
NODE_ENCODER, EDGE_ENCODER = 3 * 8 + 8 * 8, 4 * 8 + 8 * 8
UPDATE, DECODER = 24 * 8 + 8 * 8, 24 * 8 + 8 * 1


@pytest.fixture(scope="module")
def network(contract, make_student):
    """Hidden 8, 2 iterations, 3 node and 4 edge features, 8-bit weights, 32 + 64 slots."""
    return make_student(contract).integer_network()


@pytest.fixture(scope="module")
def cost(network, contract):
    return classifier_cost(network, contract)


@pytest.fixture(scope="module")
def numbers(network, contract):
    return classifier_estimates(network, contract, clock_mhz=300.0)


def value(numbers, name, unit):
    (number,) = [n for n in numbers if (n.name, n.unit) == (name, unit)]
    return number.value


def without_zeros(network):
    for mlp in network_mlps(network):
        for layer in mlp.layers:
            layer.weight[layer.weight == 0] = 1
    return network


def changed(contract, **network):
    """The contract with other fields of its network."""
    return contract.model_copy(update={"network": contract.network.model_copy(update=network)})


def test_work_and_weights(cost):
    per_edge = EDGE_ENCODER + 2 * UPDATE + DECODER
    per_node = NODE_ENCODER + 2 * UPDATE
    assert (per_edge, per_node) == (808, 600)
    assert (cost.macs_per_edge, cost.macs_per_node) == (per_edge, per_node)
    assert cost.weights == 1408
    biases = (2 + 2 * 2) * 2 * 8 + 8 + 1
    assert cost.weight_bits == 8 * 1408 + 8 * biases


def test_shared_weights_are_instantiated_once_per_iteration(contract, make_student, cost):
    shared = changed(contract, shared_weights=True)
    network = make_student(shared).integer_network()
    assert classifier_cost(network, shared).weights == cost.weights


def test_a_deeper_mlp(contract, make_student, cost):
    deeper = changed(contract, mlp_layers=2)
    found = classifier_cost(make_student(deeper).integer_network(), deeper)
    assert found.macs_per_edge == cost.macs_per_edge + 4 * 8 * 8
    assert found.macs_per_node == cost.macs_per_node + 3 * 8 * 8


def test_zeros_are_left_out(contract, make_student):
    """Every second input of both edge and both node updates pruned."""
    network = without_zeros(make_student(contract).integer_network())
    full = classifier_cost(network, contract)
    for mlp in (*network.edge_updates, *network.node_updates):
        mlp[0].weight[:, ::2] = 0
    pruned = classifier_cost(network, contract)
    assert (pruned.macs_per_edge, pruned.macs_per_node) == (808, 600)
    assert pruned.nonzero_macs_per_edge == 808 - 2 * 12 * 8
    assert pruned.nonzero_macs_per_node == 600 - 2 * 12 * 8
    assert pruned.nonzero_weights == 1408 - 4 * 12 * 8
    assert pruned.weight_bits == full.weight_bits
    for rows in ("edge", "node"):
        name = f"bit_operations_per_{rows}"
        saved = getattr(full, name) - getattr(pruned, name)
        assert saved == pytest.approx(2 * 12 * 8 * (8 * 8))


def test_bit_operations_of_one_layer():
    """4 inputs of 6 bits, 2 outputs, 3-bit weights, half of them zero."""
    weight = np.array([[1, 0, 2, 0], [0, 3, 0, 1]])
    layer = IntegerLayer(weight, np.array([0, 0]), 2, 2, FixedPoint(bits=8, frac=0))
    six, ten = FixedPoint(bits=6, frac=0), FixedPoint(bits=10, frac=0)
    per_product = 0.5 * 6 * 3 + 6 + 3 + 2
    assert bit_operations(layer, (six,) * 4, 3) == 2 * 4 * per_product == 160
    # The first column has 4 bits more: one weight, two outputs.
    assert bit_operations(layer, (ten, six, six, six), 3) == 160 + 4 * 3 + 2 * 4


def test_bit_operations_of_the_network(contract, make_student):
    """Without zeros: 8 bits everywhere but in the features, which have 12."""
    network = without_zeros(make_student(contract).integer_network())

    def layer_operations(n, m, bits=8):
        return n * m * (bits * 8 + bits + 8 + math.log2(n))

    cost = classifier_cost(network, contract)
    square, update = layer_operations(8, 8), layer_operations(24, 8) + layer_operations(8, 8)
    node = layer_operations(3, 8, 12) + square + 2 * update
    edge = layer_operations(4, 8, 12) + square + 2 * update
    edge += layer_operations(24, 8) + layer_operations(8, 1)
    assert cost.bit_operations_per_node == pytest.approx(node)
    assert cost.bit_operations_per_edge == pytest.approx(edge)


def test_memories(cost):
    """32 rows: 3 gathers of 8 x 8 bits, 2 aggregations of 2 x 8 sums of 64 8-bit messages."""
    assert cost.memory_bits == 32 * (3 * 8 * 8 + 2 * 2 * 8 * (8 + 6))


def test_a_maximum_needs_no_wider_memory(contract, make_student):
    largest = changed(contract, aggregation="max")
    network = make_student(largest).integer_network()
    assert memory_bits(network, largest) == 32 * (3 * 8 * 8 + 2 * 2 * 8 * 8)


@pytest.mark.parametrize(
    "shape",
    [
        {"iterations": 4, "hidden": 6},
        {"iterations": 1, "mlp_layers": 2, "aggregation": "max", "rounding": "floor"},
    ],
    ids=str,
)
def test_fifos_are_those_of_the_written_project(contract, make_student, tmp_path, shape):
    other = changed(contract, **shape)
    student = make_student(other)
    folder = tmp_path / "project"
    model = lower(export_qonnx(student, other))
    write_project(model, other, HlsTarget("xcu250-figd2104-2L-e", 3.33, 15), folder, "")
    types = (folder / "firmware" / "defines.h").read_text()
    row_bits = {
        name: int(bits) * int(width)
        for bits, width, name in re.findall(
            r"typedef nnet::array<ap_\w+<(\d+)[^>]*>, (\d+)\*1> (\w+);", types
        )
    }
    source = (folder / "firmware" / "edge_classifier.cpp").read_text()
    fifos = re.findall(r"hls::stream<(\w+)> \w+\(.*\);\s+#pragma HLS STREAM .*depth=(\d+)", source)
    assert len(fifos) > 20
    total = sum(row_bits[name] * int(depth) for name, depth in fifos)
    assert fifo_bits(student.integer_network(), other) == total


def test_interval(cost, numbers):
    # The aggregation clears 32 node slots, takes 64 edges and sends 32 nodes.
    assert cost.interval == 128
    assert value(numbers, "interval", "cycles") == 128
    assert value(numbers, "interval", "us") == pytest.approx(128 / 300)


def test_cycles_per_edge():
    # 3 partitions of 128 cycles for 96 edges.
    assert cycles_per_edge(3, 96, 128) == 4.0


def test_bits_follow_the_contract(contract, make_student):
    """4-bit weights and 6-bit biases in the edge updates alone."""
    bits = contract.network.bits
    narrow = bits.edge_update.model_copy(update={"weight": 4, "bias": 6})
    other = changed(contract, bits=bits.model_copy(update={"edge_update": narrow}))
    cost = classifier_cost(make_student(other).integer_network(), other)
    assert cost.weight_bits == 8 * (1408 + 105) - 4 * 2 * UPDATE - 2 * 2 * 16


def test_the_figures_are_the_cost(numbers, cost):
    assert value(numbers, "work per edge", "MAC") == cost.macs_per_edge
    assert value(numbers, "work per node", "MAC") == cost.macs_per_node
    assert value(numbers, "pruned work per edge", "MAC") == cost.nonzero_macs_per_edge
    assert value(numbers, "pruned work per node", "MAC") == cost.nonzero_macs_per_node
    assert value(numbers, "bit operations per edge", "BOP") == cost.bit_operations_per_edge
    assert value(numbers, "bit operations per node", "BOP") == cost.bit_operations_per_node
    assert value(numbers, "weights and biases", "bit") == cost.weight_bits
    assert value(numbers, "node memories", "bit") == cost.memory_bits
    assert value(numbers, "FIFOs", "bit") == cost.fifo_bits


def test_every_number_is_labelled_an_estimate(numbers):
    assert {n.label for n in numbers} == {"estimate"}
    assert all(n.basis for n in numbers)
