"""The MLPs of an integer network in firmware order, and the formats and FIFOs between them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from fpga_gnn.contract.config import Aggregation, Contract
from fpga_gnn.contract.fixed_point import FixedPoint
from fpga_gnn.contract.network import IntegerLayer, IntegerNetwork

Role = Literal["node_encoder", "edge_encoder", "edge_update", "node_update", "decoder"]
"""What an MLP is for: a field of ``NetworkBits``."""

PIPELINE_ROWS = 32
"""Most rows that one firmware process may hold in its pipeline, one per cycle of its latency."""

_FIFO_ROWS = 2


@dataclass(frozen=True, eq=False)
class Mlp:
    """One MLP as the firmware instantiates it; it takes one row per node or per edge.

    ``inputs`` holds the format of each input column.
    """

    name: str
    role: Role
    rows: Literal["node", "edge"]
    layers: tuple[IntegerLayer, ...]
    inputs: tuple[FixedPoint, ...]

    def layers_with_inputs(self) -> Iterator[tuple[IntegerLayer, tuple[FixedPoint, ...]]]:
        """Yield every layer with the format of each of its input columns."""
        inputs = self.inputs
        for layer in self.layers:
            yield layer, inputs
            inputs = (layer.output,) * len(layer.weight)


def network_mlps(network: IntegerNetwork) -> Iterator[Mlp]:
    """Yield the MLPs of ``network``: every iteration has its own, shared weights or not."""
    features = network.features
    encoder = network.node_encoder
    yield Mlp("node_encoder", "node_encoder", "node", encoder, (features,) * _width_in(encoder))
    encoder = network.edge_encoder
    yield Mlp("edge_encoder", "edge_encoder", "edge", encoder, (features,) * _width_in(encoder))
    x, e = _columns(network.node_encoder), _columns(network.edge_encoder)
    for i, (edge_update, aggregate, node_update) in enumerate(
        zip(network.edge_updates, network.aggregates, network.node_updates, strict=True)
    ):
        yield Mlp(f"edge_updates[{i}]", "edge_update", "edge", edge_update, (*x, *x, *e))
        e = _columns(edge_update)
        a = (aggregate,) * (_width_in(node_update) - len(x))
        yield Mlp(f"node_updates[{i}]", "node_update", "node", node_update, (*x, *a))
        x = _columns(node_update)
    yield Mlp("decoder", "decoder", "edge", network.decoder, (*x, *x, *e))


def _width_in(layers: tuple[IntegerLayer, ...]) -> int:
    return int(layers[0].weight.shape[1])


def _columns(layers: tuple[IntegerLayer, ...]) -> tuple[FixedPoint, ...]:
    return (layers[-1].output,) * len(layers[-1].weight)


def fifo_depth(rows: int, stages: int = 0) -> int:
    """Return the depth of a FIFO, passed by ``rows`` rows, whose reader keeps step with its writer.

    Where the reader also waits for rows of the same process that come through ``stages`` others,
    these may first fill their pipelines.
    """
    return min(rows, _FIFO_ROWS + stages * PIPELINE_ROWS)


def index_format(contract: Contract) -> FixedPoint:
    """Return the format of a node slot's number."""
    return FixedPoint(bits=math.ceil(math.log2(contract.partition.max_nodes)), frac=0, signed=False)


def aggregate_format(message: FixedPoint, aggregation: Aggregation, n_edges: int) -> FixedPoint:
    """Return the exact format of up to ``n_edges`` messages' sum, or of their largest."""
    carries = math.ceil(math.log2(n_edges)) if aggregation == "sum" else 0
    return FixedPoint(bits=message.bits + carries, frac=message.frac, signed=message.signed)


def common_format(one: FixedPoint, two: FixedPoint) -> FixedPoint:
    """Return the smallest format that holds all values of both."""
    signed, frac = one.signed or two.signed, max(one.frac, two.frac)
    integer = max(f.bits - f.frac + (signed and not f.signed) for f in (one, two))
    return FixedPoint(bits=integer + frac, frac=frac, signed=signed)
