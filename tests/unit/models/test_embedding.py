"""The embedding: its inputs, its shape, and that turning the event changes no distance."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from fpga_gnn.models.embedding import Embedding, EmbeddingConfig, hit_features


def test_inputs_of_hits_one_can_check_by_eye():
    features = hit_features([100.0, 0.0], [0.0, -200.0], [0.0, 2000.0])
    expected = [
        [0.0, 0.0, 0.0, 1.0, 0.0],
        [np.log(2), 2.0, np.arcsinh(10) / 2, 0.0, -1.0],
    ]
    assert features.dtype == torch.float32
    assert features.tolist() == pytest.approx(np.array(expected), abs=1e-6)


def test_one_point_per_hit():
    network = Embedding(EmbeddingConfig(hidden=5, layers=2, dimensions=7, turning_pairs=3))
    assert network(hit_features([30.0] * 4, [1.0] * 4, [2.0] * 4)).shape == (4, 7)
    assert network(hit_features([], [], [])).shape == (0, 7)
    linear = [layer for layer in network.mlp if isinstance(layer, torch.nn.Linear)]
    assert [layer.out_features for layer in linear] == [5, 5, 7]


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 1000),
    angle=st.floats(-4, 4),
    pairs=st.integers(1, 4),
)
def test_turning_the_event_changes_no_distance(seed, angle, pairs):
    torch.manual_seed(seed)
    network = Embedding(EmbeddingConfig(hidden=8, turning_pairs=pairs)).double()
    x, y, z = np.random.default_rng(seed).uniform(20, 500, (3, 12))
    turned = x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle)
    one, two = (network(hit_features(*xy, z).double()) for xy in ((x, y), turned))
    assert torch.allclose(torch.cdist(one, one), torch.cdist(two, two), atol=1e-4)
    assert torch.allclose(one[:, 2 * pairs :], two[:, 2 * pairs :], atol=1e-5)


def test_phi_moves_a_hit():
    torch.manual_seed(0)
    network = Embedding(EmbeddingConfig())
    first, second = network(hit_features([100.0, 0.0], [0.0, 100.0], [5.0, 5.0]))
    assert torch.linalg.vector_norm(first - second) > 0.1


@pytest.mark.parametrize(
    "wrong",
    [{"dimensions": 5, "turning_pairs": 3}, {"hidden": 0}, {"turning_pairs": 0}, {"depth": 3}],
)
def test_a_wrong_shape_is_refused(wrong):
    with pytest.raises(ValidationError):
        EmbeddingConfig(**wrong)
