from __future__ import annotations

import numpy as np

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


def test_edge_order_only_orders_the_scores():
    generator = np.random.default_rng(0)
    nodes, edges = generator.integers(-5, 6, (6, 1)), generator.integers(-5, 6, (20, 1))
    src, dst = generator.integers(0, 6, (2, 20))
    order = generator.permutation(20)
    found = score(chain(2), nodes, edges[order], src[order], dst[order])
    assert np.array_equal(found, score(chain(2), nodes, edges, src, dst)[order])


def test_features_outside_their_format_saturate():
    nodes, edges = np.array([[1000]]), np.array([[-1000]])
    here = np.array([0])
    expected = score(chain(), np.array([[127]]), np.array([[-128]]), here, here)
    assert np.array_equal(score(chain(), nodes, edges, here, here), expected)


def test_empty_graphs():
    none, rows = np.zeros(0, dtype=np.int64), np.zeros((0, 1), dtype=np.int64)
    assert score(chain(), np.array([[1]]), rows, none, none).shape == (0,)
    assert score(chain(), rows, rows, none, none).shape == (0,)
