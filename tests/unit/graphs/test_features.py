from __future__ import annotations

from dataclasses import replace
from math import asinh, atan2, pi
from typing import get_args

import numpy as np
import pytest

from fpga_gnn.contract import config
from fpga_gnn.graphs.features import (
    ALL_EDGE_FEATURES,
    ALL_NODE_FEATURES,
    ODD_IN_PHI,
    ODD_IN_Z,
    edge_features,
    node_features,
)

TWO = np.arange(2)
FIRST, SECOND = np.array([0]), np.array([1])


def edge(event, *names):
    """Return the features of the edge from the event's first hit to its second."""
    return edge_features(event, TWO, FIRST, SECOND, names or ALL_EDGE_FEATURES)[0]


def test_node_features_by_hand(make_event):
    event = make_event([(30, 40, 100), (0, -60, -80)])
    found = node_features(event, TWO, ("r", "phi", "z", "eta"))
    expected = [
        [50 / 200, atan2(40, 30) / pi, 100 / 1000, asinh(2) / 3],
        [60 / 200, -1 / 2, -80 / 1000, asinh(-80 / 60) / 3],
    ]
    assert found == pytest.approx(np.array(expected), rel=1e-6)
    assert found.dtype == np.float32


def test_edge_features_by_hand(make_event):
    # dr 10, dz 10, dphi 0.002: rphislope is slope times the mean radius 65
    event = make_event([(60, 0, 30), (70 * np.cos(0.002), 70 * np.sin(0.002), 40)])
    expected = {
        "dr": 10 / 50,
        "dphi": 0.002 * 20,
        "dz": 10 / 200,
        "deta": (asinh(30 / 60) - asinh(40 / 70)) * 5,
        "phislope": 0.0002 * 2000,
        "rphislope": 65 * 0.0002 * 20,
        "theta": pi / 4,
        "z0": (30 - 60) / 100,
    }
    assert tuple(expected) == ALL_EDGE_FEATURES
    assert edge(event) == pytest.approx(np.array(list(expected.values())), rel=1e-3)


def test_features_come_in_the_order_asked_for(make_event):
    event = make_event([(60, 0, 30), (70, 0, 40)])
    assert edge(event, "z0", "dr") == pytest.approx([-0.3, 0.2])
    rows = np.array([1, 0])
    nodes = node_features(event, rows, ("z", "r"))
    assert nodes == pytest.approx(np.array([[0.04, 0.35], [0.03, 0.3]]))
    turned = edge_features(event, rows, FIRST, SECOND, ("dr", "dz"))
    assert turned == pytest.approx(np.array([[-0.2, -0.05]]))


def test_dphi_takes_the_short_way_round(make_event):
    event = make_event([(-30, 0.3, 0), (-30, -0.3, 0)])
    assert edge(event, "dphi") == pytest.approx([2 * 0.01 * 20], rel=1e-3)


def test_equal_radii_give_the_limit(make_event):
    up = make_event([(30, 40, 10), (40, 30, 20)])
    # dphi < 0, dz > 0: z0 = z1 - r1 dz / dr is at minus infinity
    assert edge(up, "phislope", "rphislope", "z0").tolist() == [-5, -5, -5]
    assert edge(up, "theta") == pytest.approx([pi / 2])
    down = make_event([(40, 30, 20), (30, 40, 10)])
    assert edge(down, "phislope", "rphislope", "z0").tolist() == [5, 5, 5]
    same = make_event([(30, 40, 10), (30, 40, 10)])
    assert edge(same).tolist() == pytest.approx([0, 0, 0, 0, 0, 0, 0, 0])


def test_features_are_clipped(make_event):
    event = make_event([(30, 0, 0), (0, 31, 9000)])
    assert edge(event, "dphi", "dz", "phislope", "z0").tolist() == [5, 5, 5, -5]
    assert node_features(event, SECOND, ("z",)).tolist() == [[5]]


def mirrored(event, axis):
    return replace(event, hits=replace(event.hits, **{axis: -getattr(event.hits, axis)}))


@pytest.mark.parametrize(("axis", "odd"), [("z", ODD_IN_Z), ("y", ODD_IN_PHI)])
def test_mirrored_events_have_mirrored_features(real_event, axis, odd):
    rng = np.random.default_rng(1)
    rows = rng.permutation(len(real_event.hits))[:500]
    src, dst = rng.integers(0, 500, (2, 400))
    radius = node_features(real_event, rows, ("r",))[:, 0]
    inwards = radius[src] > radius[dst]
    src, dst = np.where(inwards, dst, src), np.where(inwards, src, dst)
    mirror = mirrored(real_event, axis)
    for name in ALL_NODE_FEATURES:
        sign = -1 if name in odd else 1
        before, after = (node_features(e, rows, (name,)) for e in (real_event, mirror))
        assert np.abs(before).max() > 0
        assert after == pytest.approx(sign * before, abs=1e-6), name
    for name in ALL_EDGE_FEATURES:
        sign = -1 if name in odd else 1
        before, after = (edge_features(e, rows, src, dst, (name,)) for e in (real_event, mirror))
        assert np.abs(before).max() > 0
        assert after == pytest.approx(sign * before, abs=1e-4), name


def test_every_odd_feature_exists():
    integer = {*get_args(config.NodeFeature), *get_args(config.EdgeFeature)}
    assert {*ALL_NODE_FEATURES, *ALL_EDGE_FEATURES} | integer > ODD_IN_Z | ODD_IN_PHI


def test_no_hit_and_no_edge_give_no_row(make_event):
    none = np.zeros(0, dtype=np.int64)
    event = make_event([])
    assert node_features(event, none, ("r", "z")).shape == (0, 2)
    assert edge_features(event, none, none, none, ("dr",)).shape == (0, 1)
