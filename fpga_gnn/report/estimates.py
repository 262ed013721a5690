"""First figures of the edge classifier's firmware, from its structure alone: all estimates."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fpga_gnn.contract import (
    Contract,
    FixedPoint,
    IntegerLayer,
    IntegerNetwork,
)
from fpga_gnn.contract.config import NetworkBits
from fpga_gnn.contract.structure import (
    aggregate_format,
    common_format,
    fifo_depth,
    index_format,
    network_mlps,
)
from fpga_gnn.report.summary import HardwareNumber

_BESIDE_UPDATE = 3
"""Processes from a gather to its aggregation beside the layers: gather, concatenation, Clone."""


@dataclass(frozen=True)
class ClassifierCost:
    """Cost of the edge classifier as the firmware instantiates it.

    Every iteration counts, whether it has its own weights or shares them: the firmware
    instantiates each one. Counts of products and weights include zeros, the nonzero ones do not;
    ``weight_bits`` are those of weights and biases, zeros included. The functions
    ``bit_operations``, ``memory_bits`` and ``fifo_bits`` define the other counts. A new partition
    can start every ``interval`` cycles.
    """

    macs_per_edge: int
    macs_per_node: int
    nonzero_macs_per_edge: int
    nonzero_macs_per_node: int
    bit_operations_per_edge: float
    bit_operations_per_node: float
    weights: int
    nonzero_weights: int
    weight_bits: int
    memory_bits: int
    fifo_bits: int
    interval: int


def classifier_cost(network: IntegerNetwork, contract: Contract) -> ClassifierCost:
    """Count the cost of ``network`` with the widths and the partition of ``contract``.

    One row enters each stage per cycle (reuse factor 1). An aggregation clears its node memory,
    takes all edges and sends all nodes, so it takes 2 max_nodes + max_edges cycles; no stage takes
    longer, and a new partition can start that often.
    """
    edge, node = (_work(network, contract.network.bits, rows) for rows in ("edge", "node"))
    shape = contract.partition
    return ClassifierCost(
        macs_per_edge=edge.macs,
        macs_per_node=node.macs,
        nonzero_macs_per_edge=edge.nonzero_macs,
        nonzero_macs_per_node=node.nonzero_macs,
        bit_operations_per_edge=edge.bit_operations,
        bit_operations_per_node=node.bit_operations,
        weights=edge.macs + node.macs,
        nonzero_weights=edge.nonzero_macs + node.nonzero_macs,
        weight_bits=edge.weight_bits + node.weight_bits,
        memory_bits=memory_bits(network, contract),
        fifo_bits=fifo_bits(network, contract),
        interval=2 * shape.max_nodes + shape.max_edges,
    )


def bit_operations(layer: IntegerLayer, inputs: tuple[FixedPoint, ...], weight_bits: int) -> float:
    """Return the bit operations of one row through ``layer``.

    m n ((1 - f_p) b_a b_w + b_a + b_w + log2 n) for n inputs of b_a bits, m outputs, weights of
    b_w bits and the fraction f_p of zero weights (Baskin et al., arXiv:1804.10969; with pruning
    Hawks et al., arXiv:2102.11289), summed over the columns, each with its own b_a and f_p.
    """
    outputs, fan_in = layer.weight.shape
    nonzero = np.count_nonzero(layer.weight, axis=0)
    return math.fsum(
        int(left) * column.bits * weight_bits
        + outputs * (column.bits + weight_bits + math.log2(fan_in))
        for left, column in zip(nonzero, inputs, strict=True)
    )


def memory_bits(network: IntegerNetwork, contract: Contract) -> int:
    """Return the bits of the node memories of ``edge_gather.hpp`` and ``edge_aggregate.hpp``.

    A gather holds the state of every node slot; there is one before each edge update and one
    before the decoder. An aggregation holds an in- and an out-aggregate per node slot, as wide as
    its exact result. The registers of the open nodes are left out.
    """
    states, messages = _states(network)
    gathers = sum(len(state) * state[0].bits for state in states)
    aggregates = sum(
        2 * len(message) * _joined_bits(message[0], network, contract) for message in messages[1:]
    )
    return contract.partition.max_nodes * (gathers + aggregates)


def fifo_bits(network: IntegerNetwork, contract: Contract) -> int:
    """Return the capacity in bits of the FIFOs of the hls4ml project, ``export.fifo_depths``.

    There is one FIFO per output of: a layer (but the decoder's last, which leaves the design), a
    gather, an aggregation, its requantization, a concatenation (all columns in the smallest format
    that holds both parts), and a Clone. Most hold a few rows. Whole streams of max_nodes or
    max_edges rows are held where a later phase reads again: node states before the last iteration
    (by the node update), messages (by the next edge update or the decoder) and the edge index (by
    the next iteration or the decoder). The index also waits for the messages at each aggregation.
    """
    shape, mlps = contract.partition, list(network_mlps(network))
    states, messages = _states(network)
    node_row = sum(_bits(_row(layer)) for mlp in mlps if mlp.rows == "node" for layer in mlp.layers)
    edge_row = sum(_bits(_row(layer)) for mlp in mlps if mlp.rows == "edge" for layer in mlp.layers)
    edge_row -= _bits(_row(network.decoder[-1]))
    for state, message in zip(states, messages, strict=True):
        edge_row += _bits(state * 2) + _common_bits(state * 2, message)
    for state, message, out in zip(states[:-1], messages[1:], network.aggregates, strict=True):
        aggregate = (out,) * (2 * len(message))
        node_row += len(aggregate) * _joined_bits(message[0], network, contract)
        node_row += _bits(aggregate) + _common_bits(state, aggregate)
    index = 2 * index_format(contract).bits
    again_nodes = sum(_bits(state) for state in states[:-1])
    again_edges = sum(_bits(message) for message in messages[1:])
    indices = network.iterations * index
    waiting = sum(
        index * fifo_depth(shape.max_edges, len(update) + _BESIDE_UPDATE)
        for update in network.edge_updates
    )
    return (
        fifo_depth(shape.max_nodes) * (node_row + again_nodes)
        + fifo_depth(shape.max_edges) * (edge_row + again_edges + indices)
        + shape.max_nodes * again_nodes
        + shape.max_edges * (again_edges + indices)
        + waiting
    )


def cycles_per_edge(n_partitions: int, n_edges: int, interval: int) -> float:
    """Return the cycles per edge of an event: ``n_edges`` > 0 edges in ``n_partitions``."""
    return n_partitions * interval / n_edges


def classifier_estimates(
    network: IntegerNetwork, contract: Contract, clock_mhz: float
) -> list[HardwareNumber]:
    """Return ``classifier_cost`` as labelled figures, the interval also at ``clock_mhz``."""
    cost = classifier_cost(network, contract)
    edge, node = "edge encoder, updates, decoder", "node encoder, updates"
    left = "zero weights left out"
    formula = "arXiv:2102.11289"

    def estimate(name: str, value: float, unit: str, basis: str) -> HardwareNumber:
        return HardwareNumber(name=name, value=value, unit=unit, label="estimate", basis=basis)

    return [
        estimate("work per edge", cost.macs_per_edge, "MAC", edge),
        estimate("work per node", cost.macs_per_node, "MAC", node),
        estimate("pruned work per edge", cost.nonzero_macs_per_edge, "MAC", f"{edge}; {left}"),
        estimate("pruned work per node", cost.nonzero_macs_per_node, "MAC", f"{node}; {left}"),
        estimate("bit operations per edge", cost.bit_operations_per_edge, "BOP", formula),
        estimate("bit operations per node", cost.bit_operations_per_node, "BOP", formula),
        estimate("weights and biases", cost.weight_bits, "bit", "all layers, zeros included"),
        estimate("node memories", cost.memory_bits, "bit", "gathers and aggregations"),
        estimate("FIFOs", cost.fifo_bits, "bit", "whole streams only for later phases"),
        estimate(
            "interval", cost.interval, "cycles", "2 max_nodes + max_edges per partition and lane"
        ),
        estimate(
            "interval",
            cost.interval / clock_mhz,
            "us",
            f"the same at {clock_mhz:g} MHz, not synthesised",
        ),
    ]


@dataclass(frozen=True)
class _Work:
    macs: int
    nonzero_macs: int
    bit_operations: float
    weight_bits: int


def _work(network: IntegerNetwork, bits: NetworkBits, rows: str) -> _Work:
    """Sum over the MLPs that take one row per ``rows`` ("node" or "edge")."""
    layers = [
        (layer, inputs, getattr(bits, mlp.role))
        for mlp in network_mlps(network)
        if mlp.rows == rows
        for layer, inputs in mlp.layers_with_inputs()
    ]
    return _Work(
        macs=sum(layer.weight.size for layer, _, _ in layers),
        nonzero_macs=sum(int(np.count_nonzero(layer.weight)) for layer, _, _ in layers),
        bit_operations=sum(
            bit_operations(layer, inputs, role.weight) for layer, inputs, role in layers
        ),
        weight_bits=sum(
            layer.weight.size * role.weight + layer.bias.size * role.bias
            for layer, _, role in layers
        ),
    )


_Row = tuple[FixedPoint, ...]


def _row(layer: IntegerLayer) -> _Row:
    return (layer.output,) * len(layer.weight)


def _states(network: IntegerNetwork) -> tuple[list[_Row], list[_Row]]:
    """Return the rows of the node states and of the edge states, the encoders' first."""
    nodes = [_row(mlp[-1]) for mlp in (network.node_encoder, *network.node_updates)]
    edges = [_row(mlp[-1]) for mlp in (network.edge_encoder, *network.edge_updates)]
    return nodes, edges


def _bits(row: _Row) -> int:
    return sum(column.bits for column in row)


def _common_bits(one: _Row, two: _Row) -> int:
    """Bits of a concatenation: each column in the smallest format that holds both parts."""
    return (len(one) + len(two)) * common_format(one[0], two[0]).bits


def _joined_bits(message: FixedPoint, network: IntegerNetwork, contract: Contract) -> int:
    """Bits of the exact sum, or of the largest, of up to max_edges messages."""
    return aggregate_format(message, network.aggregation, contract.partition.max_edges).bits
