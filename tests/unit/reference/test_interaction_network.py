from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from fpga_gnn.contract import FixedPoint, IntegerLayer, IntegerNetwork
from fpga_gnn.reference.interaction_network import score

S8 = FixedPoint(bits=8, frac=0)
S16 = FixedPoint(bits=16, frac=0)


def take(*weights, output=S8):
    """One layer without rounding: the weighted sum of its inputs."""
    return (IntegerLayer(np.array([weights]), np.array([0]), 0, 0, output),)


def chain(iterations=1, features=S8):
    """Hidden width 1. Node state: the node feature, later the out-sum; edge state: src + e."""
    return IntegerNetwork(
        features=features,
        node_encoder=take(1),
        edge_encoder=take(1),
        edge_updates=(take(1, 0, 1),) * iterations,
        aggregates=(S8,) * iterations,
        node_updates=(take(0, 0, 1),) * iterations,
        decoder=take(100, 10, 1, output=S16),
    )


def test_one_iteration_by_hand():
    nodes, edges = np.array([[1], [2], [3]]), np.array([[10], [20], [30]])
    src, dst = np.array([0, 0, 1]), np.array([1, 2, 2])
    # e = x_src + e = 11, 21, 32; x = sum over out-edges = 32, 32, 0
    found = score(chain(), nodes, edges, src, dst)
    assert found.tolist() == [3200 + 320 + 11, 3200 + 21, 3200 + 32]


def test_one_iteration_with_the_largest_message_by_hand():
    nodes, edges = np.array([[1], [2], [3]]), np.array([[10], [-20], [-30]])
    src, dst = np.array([0, 0, 1]), np.array([1, 2, 2])
    # e = x_src + e = 11, -19, -28; x = largest over out-edges and zero = 11, 0, 0
    found = score(dataclasses.replace(chain(), aggregation="max"), nodes, edges, src, dst)
    assert found.tolist() == [1100 + 11, 1100 - 19, -28]


def test_every_activation_rounds_as_the_network_says():
    half = tuple(dataclasses.replace(layer, weight_frac=1) for layer in take(1))
    network = dataclasses.replace(
        chain(),
        edge_encoder=half,
        aggregates=(FixedPoint(bits=8, frac=-1),),
        decoder=take(100, 10, 1, output=FixedPoint(bits=16, frac=-1)),
        rounding="floor",
    )
    here = np.array([0])
    # e = floor(7 / 2) = 3 and 3 + x_src = 4; x = floor(4 / 2) * 2 = 4; floor((440 + 4) / 2)
    assert score(network, np.array([[1]]), np.array([[7]]), here, here).tolist() == [222]
    # e = 2 1/2 + 1 -> 3; x = floor(3 / 2) * 2 = 2; floor((220 + 3) / 2)
    assert score(network, np.array([[1]]), np.array([[5]]), here, here).tolist() == [111]
    # half to even: e = 2 + 1 = 3; x = 2 * 2 = 4; (440 + 3) / 2 -> 222
    even = dataclasses.replace(network, rounding="half_even")
    assert score(even, np.array([[1]]), np.array([[5]]), here, here).tolist() == [222]


@pytest.mark.parametrize("aggregation", ["sum", "max"])
def test_edge_order_only_orders_the_scores(aggregation):
    generator = np.random.default_rng(0)
    nodes, edges = generator.integers(-5, 6, (6, 1)), generator.integers(-5, 6, (20, 1))
    src, dst = generator.integers(0, 6, (2, 20))
    order = generator.permutation(20)
    network = dataclasses.replace(chain(2), aggregation=aggregation)
    found = score(network, nodes, edges[order], src[order], dst[order])
    assert np.array_equal(found, score(network, nodes, edges, src, dst)[order])


def test_features_outside_their_format_saturate():
    nodes, edges = np.array([[1000]]), np.array([[-1000]])
    here = np.array([0])
    expected = score(chain(), np.array([[127]]), np.array([[-128]]), here, here)
    assert np.array_equal(score(chain(), nodes, edges, here, here), expected)


def test_empty_graphs():
    none, rows = np.zeros(0, dtype=np.int64), np.zeros((0, 1), dtype=np.int64)
    assert score(chain(), np.array([[1]]), rows, none, none).shape == (0,)
    assert score(chain(), rows, rows, none, none).shape == (0,)
