from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpga_gnn.errors import InputError
from fpga_gnn.tracks.connected_components import label, simple_components, tracks_from_labels


@st.composite
def graphs(draw):
    n_nodes = draw(st.integers(1, 12))
    node = st.integers(0, n_nodes - 1)
    return n_nodes, draw(st.lists(st.tuples(node, node, st.booleans()), max_size=20))


@settings(deadline=None)
@given(graphs())
def test_label_is_the_smallest_node_that_can_be_reached(graph):
    n_nodes, edges = graph
    components = [{node} for node in range(n_nodes)]
    for one, two, keep in edges:
        joined = components[one] | components[two]
        for node in joined if keep else ():
            components[node] = joined
    src, dst, keep = np.array(edges, dtype=np.int64).reshape(-1, 3).T
    assert label(n_nodes, src, dst, keep).tolist() == [min(nodes) for nodes in components]


def test_many_copies_of_an_edge_are_still_an_edge():
    ends = np.zeros(512, dtype=np.int64)
    assert label(2, ends, ends + 1, np.ones(512)).tolist() == [0, 0]


def test_graphs_without_edges_or_nodes():
    assert label(3, [], [], []).tolist() == [0, 1, 2]
    assert label(0, [], [], []).tolist() == []


@pytest.mark.parametrize(
    ("labels", "min_hits", "tracks"),
    [
        ([], 1, []),
        ([0, 1, 0, 3, 3, 0], 1, [0, 1, 0, 2, 2, 0]),
        ([0, 1, 0, 3, 3, 0], 2, [0, -1, 0, 1, 1, 0]),
        ([0, 1, 0, 3, 3, 0], 3, [0, -1, 0, -1, -1, 0]),
        ([0, 1, 0, 3, 3, 0], 4, [-1] * 6),
    ],
)
def test_components_of_enough_hits_are_numbered_by_label(labels, min_hits, tracks):
    assert tracks_from_labels(labels, min_hits).tolist() == tracks


@settings(deadline=None)
@given(st.lists(st.integers(0, 5)), st.integers(1, 4))
def test_track_numbers_against_counting(labels, min_hits):
    counts = Counter(labels)
    kept = sorted(value for value in counts if counts[value] >= min_hits)
    expected = [kept.index(value) if value in kept else -1 for value in labels]
    assert tracks_from_labels(labels, min_hits).tolist() == expected


@pytest.mark.parametrize(
    ("src", "dst", "keep", "message"),
    [
        ([0, 3], [1, 1], [1, 0], r"src: found nodes 0\.\.3, expected nodes 0\.\.2"),
        ([0], [-1], [1], r"dst: found nodes -1\.\.-1"),
        ([0, 1], [1], [1], "edges: found shapes"),
        ([0], [1], [1, 1], "edges: found shapes"),
    ],
)
def test_edges_outside_the_graph_are_refused(src, dst, keep, message):
    with pytest.raises(InputError, match=message):
        label(3, src, dst, keep)


def test_simple_components_are_chains_and_single_nodes():
    # chain 0-4-1, fork 2-(3, 5), merge (6, 7)-8, single 9
    src, dst = np.array([0, 2, 2, 4, 6, 7]), np.array([4, 3, 5, 1, 8, 8])
    labels, simple = simple_components(10, src, dst)
    assert labels.tolist() == [0, 0, 2, 2, 0, 2, 6, 6, 6, 9]
    assert simple.tolist() == [True, True, False, False, True, False, False, False, False, True]
