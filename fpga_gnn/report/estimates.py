"""First figures of the edge classifier's firmware, from its structure alone: all estimates."""

from __future__ import annotations

from collections.abc import Iterator

from fpga_gnn.contract import Contract, IntegerLayer, IntegerNetwork
from fpga_gnn.report.summary import HardwareNumber


def classifier_estimates(
    network: IntegerNetwork, contract: Contract, clock_mhz: float
) -> list[HardwareNumber]:
    """Estimate work per edge and node, stored weights, and time per partition.

    One row enters each stage per cycle (reuse factor 1). An aggregation clears its node memory,
    takes all edges and sends all nodes, so it takes 2 max_nodes + max_edges cycles; no stage takes
    longer, and a new partition can start that often.
    """
    node_macs = _macs((network.node_encoder, *network.node_updates))
    edge_macs = _macs((network.edge_encoder, *network.edge_updates, network.decoder))
    layers = list(_layers(network))
    bits = contract.network
    weight_bits = sum(
        layer.weight.size * bits.weight_bits + layer.bias.size * bits.bias_bits for layer in layers
    )
    shape = contract.partition
    interval = 2 * shape.max_nodes + shape.max_edges

    def estimate(name: str, value: float, unit: str, basis: str) -> HardwareNumber:
        return HardwareNumber(name=name, value=value, unit=unit, label="estimate", basis=basis)

    return [
        estimate("work per edge", edge_macs, "MAC", "edge encoder, updates, decoder"),
        estimate("work per node", node_macs, "MAC", "node encoder, updates"),
        estimate("weights and biases", weight_bits, "bit", "all layers, zeros included"),
        estimate("interval", interval, "cycles", "2 max_nodes + max_edges per partition and lane"),
        estimate(
            "interval",
            interval / clock_mhz,
            "us",
            f"the same at {clock_mhz:g} MHz, not synthesised",
        ),
    ]


def _layers(network: IntegerNetwork) -> Iterator[IntegerLayer]:
    for mlp in (
        network.node_encoder,
        network.edge_encoder,
        *network.edge_updates,
        *network.node_updates,
        network.decoder,
    ):
        yield from mlp


def _macs(mlps: tuple[tuple[IntegerLayer, ...], ...]) -> int:
    return sum(int(layer.weight.size) for mlp in mlps for layer in mlp)
