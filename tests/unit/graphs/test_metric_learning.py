"""Fixed-radius edges: the ones brute force finds, outwards, in canonical order, none lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpga_gnn.errors import CapacityError, InputError
from fpga_gnn.graphs import metric_learning
from fpga_gnn.graphs.metric_learning import embedding_distance, is_outward, neighbour_edges


def found(edges):
    return list(zip(edges.src.tolist(), edges.dst.tolist(), strict=True))


def line(*distances):
    return [(float(d), 0.0, 0.0) for d in distances]


def sensors(n):
    return [(0, module) for module in range(n)]


def brute_force(points, hits, radius_squared):
    """Pairs within the radius, by the definition and in integers."""
    r = [int(x) ** 2 + int(y) ** 2 + int(z) ** 2 for x, y, z in zip(hits.x, hits.y, hits.z)]  # noqa: B905
    pairs = [
        (i, j)
        for i in range(len(points))
        for j in range(len(points))
        if (r[i], i) < (r[j], j)
        and hits.module_key[i] != hits.module_key[j]
        and sum((int(a) - int(b)) ** 2 for a, b in zip(points[i], points[j])) <= radius_squared  # noqa: B905
    ]
    return sorted(pairs)


def test_hits_within_the_radius_are_joined(make_event):
    event = make_event(line(30, 60, 90, 120), sensors(4))
    edges = neighbour_edges(np.array([[0.0], [1.0], [2.5], [3.5]]), event.hits, 1.0)
    assert found(edges) == [(0, 1), (2, 3)]
    assert edges.distance.tolist() == [1.0, 1.0]
    assert edges.n_lost == 0
    assert edges.src.dtype == edges.dst.dtype == np.int64


def test_an_edge_leads_away_from_the_origin(make_event):
    event = make_event([(0, 90, 0), (30, 0, -200), (0, -60, 0)], sensors(3))
    assert found(neighbour_edges(np.zeros((3, 2)), event.hits, 1.0)) == [(0, 1), (2, 0), (2, 1)]


def test_at_one_distance_the_lower_row_is_the_source(make_event):
    event = make_event([(0, 30, 0), (30, 0, 0), (0, 0, -30)], sensors(3))
    assert found(neighbour_edges(np.zeros((3, 2)), event.hits, 1.0)) == [(0, 1), (0, 2), (1, 2)]


def test_hits_of_one_module_are_not_joined(make_event):
    event = make_event(line(30, 31, 60, 61), [(2, 1), (2, 1), (4, 1), (4, 1)])
    expected = [(0, 2), (0, 3), (1, 2), (1, 3)]
    assert found(neighbour_edges(np.zeros((4, 3)), event.hits, 1.0)) == expected


def test_hits_at_one_place_on_two_modules_are_joined_once(make_event):
    event = make_event(line(30, 30), sensors(2))
    assert found(neighbour_edges(np.ones((2, 2)), event.hits, 0.5)) == [(0, 1)]


@pytest.mark.parametrize("n", [0, 1])
def test_an_event_without_pairs_has_no_edge(make_event, n):
    edges = neighbour_edges(np.zeros((n, 8)), make_event(line(*range(10, 10 + n))).hits, 1.0)
    assert edges.src.shape == edges.dst.shape == edges.distance.shape == (0,)
    assert edges.n_lost == 0


def test_the_cap_keeps_the_nearest_and_counts_the_others(make_event):
    event = make_event(line(10, 20, 30, 40, 50), sensors(5))
    points = np.array([[0.0], [3.0], [-1.0], [1.0], [4.0]])
    edges = neighbour_edges(points, event.hits, 4.0, max_neighbours=2)
    # hit 0: hits 2 and 3 at 1, not 1 at 3 and 4 at 4; hit 1: 4 at 1, 3 at 2, not 2 at 4
    assert found(edges) == [(0, 2), (0, 3), (1, 3), (1, 4), (2, 3), (3, 4)]
    assert edges.n_lost == 3
    tied = neighbour_edges(points, event.hits, 4.0, max_neighbours=1)
    assert found(tied) == [(0, 2), (1, 4), (2, 3), (3, 4)]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_edges_are_those_of_brute_force(make_event, data):
    """Whole numbers, so that the tree and the definition round nothing."""
    n = data.draw(st.integers(0, 24))
    numbers = st.integers(-4, 4)
    points = np.array(data.draw(st.lists(st.tuples(numbers, numbers), min_size=n, max_size=n)))
    places = data.draw(
        st.lists(st.tuples(numbers, numbers, numbers), min_size=n, max_size=n), label="places"
    )
    modules = data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    event = make_event(places, [(0, module) for module in modules])
    squared = data.draw(st.integers(1, 40))
    points = points.reshape(n, 2).astype(np.float32)
    edges = neighbour_edges(points, event.hits, np.sqrt(squared + 0.5))
    assert found(edges) == brute_force(points, event.hits, squared)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), radius=st.floats(0.05, 0.6), cap=st.integers(1, 5))
def test_order_direction_and_cap_hold_for_any_embedding(make_event, seed, radius, cap):
    draw = np.random.default_rng(seed)
    n = 60
    event = make_event(
        draw.uniform(-100, 100, (n, 3)).tolist(), draw.integers(0, 9, (n, 2)).tolist()
    )
    points = draw.random((n, 3))
    every = neighbour_edges(points, event.hits, radius)
    assert (np.diff(every.src * n + every.dst) > 0).all()
    assert is_outward(event.hits, every.src, every.dst).all()
    assert (every.distance <= radius).all()
    capped = neighbour_edges(points, event.hits, radius, max_neighbours=cap)
    assert set(found(capped)) <= set(found(every))
    assert capped.n_lost == every.src.size - capped.src.size
    degree = np.bincount(every.src, minlength=n)
    assert np.bincount(capped.src, minlength=n).tolist() == np.minimum(degree, cap).tolist()
    smaller = neighbour_edges(points, event.hits, radius / 2)
    near = every.distance <= radius / 2
    assert found(smaller) == [pair for pair, keep in zip(found(every), near, strict=True) if keep]


def test_distances_are_euclidean():
    points = np.array([[0.0, 0.0], [3.0, 4.0], [3.0, 0.0]], dtype=np.float32)
    assert embedding_distance(points, np.array([0, 1]), np.array([1, 2])).tolist() == [5.0, 4.0]


@pytest.mark.parametrize(
    ("points", "radius", "message"),
    [
        (np.zeros((3, 2)), 1.0, r"embedding: found shape \(3, 2\), expected \(2, D\)"),
        (np.zeros(2), 1.0, "embedding: found shape"),
        (np.array([[0.0], [np.nan]]), 1.0, "a point that is not finite"),
        (np.zeros((2, 2)), 0.0, "radius: found 0.0"),
        (np.zeros((2, 2)), np.nan, "radius: found nan"),
        (np.zeros((2, 2)), np.inf, "radius: found inf"),
    ],
)
def test_wrong_input_is_refused(make_event, points, radius, message):
    event = make_event(line(10, 20), sensors(2))
    with pytest.raises(InputError, match=message):
        neighbour_edges(points, event.hits, radius)


def test_a_radius_that_joins_everything_is_refused_before_it_fills_the_memory(
    make_event, monkeypatch
):
    event = make_event(line(*range(1, 201)), sensors(200))
    assert neighbour_edges(np.zeros((200, 2)), event.hits, 1.0).src.size == 19_900
    monkeypatch.setattr(metric_learning, "_MAX_PAIRS", 19_000)
    with pytest.raises(CapacityError, match=r"radius 1: about 19900 pairs of 200 hits"):
        neighbour_edges(np.zeros((200, 2)), event.hits, 1.0)
