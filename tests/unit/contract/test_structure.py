"""Which MLPs the firmware has, and what enters their columns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fpga_gnn.contract import FixedPoint, IntegerLayer, IntegerNetwork
from fpga_gnn.contract.structure import network_mlps

INPUT = FixedPoint(bits=12, frac=11)


def chain(*widths, frac):
    """An MLP of the given widths; its hidden layers have 5 bits, its output 6 bits, ``frac``."""
    outputs = [FixedPoint(bits=5, frac=0, signed=False)] * (len(widths) - 2)
    outputs.append(FixedPoint(bits=6, frac=frac))
    return tuple(
        IntegerLayer(np.ones((n_out, n_in), np.int64), np.zeros(n_out, np.int64), 0, 0, output)
        for n_in, n_out, output in zip(widths, widths[1:], outputs, strict=False)
    )


NETWORK = IntegerNetwork(
    features=INPUT,
    node_encoder=chain(3, 2, frac=1),
    edge_encoder=chain(4, 2, frac=2),
    edge_updates=(chain(6, 7, 2, frac=3), chain(6, 7, 2, frac=4)),
    aggregates=(FixedPoint(bits=9, frac=5), FixedPoint(bits=9, frac=6)),
    node_updates=(chain(6, 2, frac=7), chain(6, 2, frac=8)),
    decoder=chain(6, 1, frac=9),
)


def test_order_roles_and_rows():
    assert [(mlp.name, mlp.role, mlp.rows) for mlp in network_mlps(NETWORK)] == [
        ("node_encoder", "node_encoder", "node"),
        ("edge_encoder", "edge_encoder", "edge"),
        ("edge_updates[0]", "edge_update", "edge"),
        ("node_updates[0]", "node_update", "node"),
        ("edge_updates[1]", "edge_update", "edge"),
        ("node_updates[1]", "node_update", "node"),
        ("decoder", "decoder", "edge"),
    ]


def test_formats_of_the_columns():
    fracs = {mlp.name: [column.frac for column in mlp.inputs] for mlp in network_mlps(NETWORK)}
    assert fracs == {
        "node_encoder": [11] * 3,
        "edge_encoder": [11] * 4,
        "edge_updates[0]": [1, 1, 1, 1, 2, 2],
        "node_updates[0]": [1, 1, 5, 5, 5, 5],
        "edge_updates[1]": [7, 7, 7, 7, 3, 3],
        "node_updates[1]": [7, 7, 6, 6, 6, 6],
        "decoder": [8, 8, 8, 8, 4, 4],
    }


def test_a_layer_takes_the_output_of_the_one_before():
    update = next(mlp for mlp in network_mlps(NETWORK) if mlp.role == "edge_update")
    bits = [[column.bits for column in inputs] for _, inputs in update.layers_with_inputs()]
    assert bits == [[6] * 6, [5] * 7]


def test_hash_of_a_network_is_that_of_its_weights_and_formats():
    copy = replace(NETWORK, decoder=tuple(replace(layer) for layer in NETWORK.decoder))
    assert copy.sha256 == NETWORK.sha256
    (*rest, last) = NETWORK.decoder
    others = (
        replace(NETWORK, rounding="floor"),
        replace(NETWORK, decoder=(*rest, replace(last, weight=last.weight + 1))),
        replace(NETWORK, decoder=(*rest, replace(last, bias_frac=last.bias_frac + 1))),
        replace(NETWORK, features=FixedPoint(bits=9, frac=1)),
    )
    assert len({network.sha256 for network in (NETWORK, *others)}) == 5
