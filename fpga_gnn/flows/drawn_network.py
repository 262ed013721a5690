"""A network drawn at random in the formats of a contract: for estimates before any training."""

from __future__ import annotations

import numpy as np

from fpga_gnn.contract import Contract, FixedPoint, IntegerLayer, IntegerNetwork, MlpBits
from fpga_gnn.contract.structure import Role


def drawn_network(contract: Contract, density: float, seed: int = 0) -> IntegerNetwork:
    """Return a network with normally distributed weights, of which the largest stay.

    ``density`` is the share of nonzero weights; a hidden layer's share is larger where that leaves
    an output without any. Binary points are those of trained students: states reach to 8, weights
    to 1. Equal arguments draw equal networks.
    """
    rng, bits = np.random.default_rng(seed), contract.network.bits
    hidden, features = contract.network.hidden, contract.features

    def layer(inputs: int, outputs: int, widths: MlpBits, output: FixedPoint) -> IntegerLayer:
        weight = rng.normal(size=(outputs, inputs))
        left = max(round(density * weight.size), outputs)
        size = np.abs(weight)
        weight[size < np.partition(size, -left, axis=None)[-left]] = 0
        top = 2 ** (widths.weight - 1) - 1
        weight *= rng.uniform(0.5, 1.0) * top / size.max()
        half = 2 ** (widths.bias - 1)
        return IntegerLayer(
            weight=np.rint(weight).astype(np.int64),
            bias=rng.integers(1 - half, half, outputs),
            weight_frac=widths.weight - 1,
            bias_frac=widths.bias - 3,
            output=output,
        )

    def mlp(role: Role, inputs: int, outputs: int) -> tuple[IntegerLayer, ...]:
        widths: MlpBits = getattr(bits, role)
        inside = FixedPoint(bits=widths.hidden, frac=widths.hidden - 3, signed=False)
        output = FixedPoint(bits=widths.output, frac=widths.output - 4)
        columns = [inputs, *[hidden] * contract.network.mlp_layers]
        layers = [layer(n, hidden, widths, inside) for n in columns[:-1]]
        return *layers, layer(columns[-1], outputs, widths, output)

    iterations = range(contract.network.iterations)
    return IntegerNetwork(
        features=features.format,
        node_encoder=mlp("node_encoder", len(features.node), hidden),
        edge_encoder=mlp("edge_encoder", len(features.edge), hidden),
        edge_updates=tuple(mlp("edge_update", 3 * hidden, hidden) for _ in iterations),
        aggregates=tuple(
            FixedPoint(bits=bits.aggregate, frac=bits.aggregate - 5) for _ in iterations
        ),
        node_updates=tuple(mlp("node_update", 3 * hidden, hidden) for _ in iterations),
        decoder=mlp("decoder", 3 * hidden, 1),
        aggregation=contract.network.aggregation,
        rounding=contract.network.rounding,
    )
