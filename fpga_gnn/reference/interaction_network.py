"""Score every edge of a graph with the integer interaction network."""

from __future__ import annotations

from fpga_gnn.contract.fixed_point import Int64, requantize
from fpga_gnn.contract.network import IntegerNetwork
from fpga_gnn.reference.aggregate import aggregate
from fpga_gnn.reference.gather import gather
from fpga_gnn.reference.mlp import concatenate, mlp


def score(
    network: IntegerNetwork, node_features: Int64, edge_features: Int64, src: Int64, dst: Int64
) -> Int64:
    """Return the edges' logits [E] in LSB of ``network.score``.

    ``node_features`` [N, Fn] and ``edge_features`` [E, Fe] are in LSB of ``network.features``
    (larger values saturate), ``src`` and ``dst`` [E] are node indices. The graph may be a whole
    event or a partition.
    """
    features, rounding = network.features, network.rounding
    x = mlp(network.node_encoder, features.saturate(node_features), features.frac, rounding)
    e = mlp(network.edge_encoder, features.saturate(edge_features), features.frac, rounding)
    x_frac = network.node_encoder[-1].output.frac
    e_frac = network.edge_encoder[-1].output.frac
    for edge_update, sums, node_update in zip(
        network.edge_updates, network.aggregates, network.node_updates, strict=True
    ):
        e = mlp(edge_update, *concatenate([(gather(x, src, dst), x_frac), (e, e_frac)]), rounding)
        e_frac = edge_update[-1].output.frac
        a = aggregate(e, src, dst, len(x), network.aggregation)
        a = requantize(a, e_frac, sums, rounding)
        x = mlp(node_update, *concatenate([(x, x_frac), (a, sums.frac)]), rounding)
        x_frac = node_update[-1].output.frac
    edges = concatenate([(gather(x, src, dst), x_frac), (e, e_frac)])
    return mlp(network.decoder, *edges, rounding)[:, 0]
