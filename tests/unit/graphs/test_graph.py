from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from fpga_gnn.contract import CandidateRecords, HitRecords, parse_contract
from fpga_gnn.graphs.graph import build_event_graph, graph_from_candidates


def hit_records(contract, **columns):
    n = len(next(iter(columns.values())))
    zeros = dict.fromkeys(("x", "y", "z", "r", "phi", "eta"), np.zeros(n))
    return HitRecords(**zeros | columns, module_start=[0, n])


def candidates(*pairs, tagged=None):
    src, dst = zip(*pairs, strict=True)
    return CandidateRecords(src, dst, [0] * len(src), tagged or [1] * len(src))


@pytest.fixture(scope="module")
def plain(w8):
    """All features, without rounding."""
    data = w8.model_dump() | {
        "features": {
            "format": {"bits": 20, "frac": 11},
            "node": dict.fromkeys(("r", "phi", "z", "eta"), 0),
            "edge": dict.fromkeys(("dr", "dphi", "dz", "deta"), 0),
        }
    }
    return parse_contract(data, "plain")


def test_features_by_hand(plain):
    hits = hit_records(plain, r=[10, 25], phi=[-3, 4], z=[100, -50], eta=[7, 9])
    graph = graph_from_candidates(hits, candidates((0, 1), (1, 0)), plain)
    assert graph.node_features.tolist() == [[10, -3, 100, 7], [25, 4, -50, 9]]
    # dr, dphi, dz run from source to destination, deta the other way
    assert graph.edge_features.tolist() == [[15, 7, -150, -2], [-15, -7, 150, 2]]
    assert graph.position.tolist() == [[-3, 7], [4, 9]]
    assert (graph.n_nodes, graph.n_edges, graph.n_saturated) == (2, 2, 0)


def test_only_tagged_candidates_become_edges(plain):
    hits = hit_records(plain, r=[1, 2, 3])
    pairs = candidates((0, 1), (0, 2), (1, 2), tagged=[0, 1, 1])
    graph = graph_from_candidates(hits, pairs, plain)
    assert (graph.src.tolist(), graph.dst.tolist()) == ([0, 1], [2, 2])
    assert graph.n_nodes == 3
    none = graph_from_candidates(hits, candidates((0, 1), tagged=[0]), plain)
    assert none.edge_features.shape == (0, 4)


def test_dphi_wraps(plain):
    phi = plain.hit.phi
    hits = hit_records(plain, phi=[phi.max_int, phi.min_int])
    graph = graph_from_candidates(hits, candidates((0, 1), (1, 0)), plain)
    assert graph.edge_features[:, 1].tolist() == [1, -1]


def test_shifts_round_half_to_even_and_clipped_features_are_counted(w8):
    shift, limit = w8.features.node["z"], w8.features.format.max_int
    half = 1 << (shift - 1)
    z = [half, 3 * half, -half, (limit + 1) << shift, -(limit + 3) << shift]
    graph = graph_from_candidates(hit_records(w8, z=z), candidates((0, 1), (3, 4)), w8)
    column = list(w8.features.node).index("z")
    assert graph.node_features[:, column].tolist() == [0, 2, 0, limit, -limit - 1]
    dz = graph.edge_features[:, list(w8.features.edge).index("dz")]
    assert dz.tolist() == [round(Fraction(2 * half, 1 << w8.features.edge["dz"])), -limit - 1]
    assert graph.n_saturated == 3


def test_graph_of_a_real_event(real_event, real_map, w8):
    built = build_event_graph(real_event, real_map, w8)
    graph, hits = built.graph, built.hits.records
    order = np.lexsort((graph.dst, graph.src))
    assert np.array_equal(order, np.arange(graph.n_edges))
    assert graph.n_nodes == len(real_event.hits)
    assert graph.n_edges == built.candidates.tagged.sum() > 800
    assert graph.n_saturated == 0
    features, src, dst = w8.features, graph.src, graph.dst
    exact = {"dr": hits.r[dst] - hits.r[src], "dz": hits.z[dst] - hits.z[src]}
    exact |= {"r": hits.r, "z": hits.z, "eta": hits.eta, "deta": hits.eta[src] - hits.eta[dst]}
    for shifts, table in (
        (features.node, graph.node_features),
        (features.edge, graph.edge_features),
    ):
        for column, (name, shift) in enumerate(shifts.items()):
            if name in exact:
                rounded = [round(Fraction(int(v), 1 << shift)) for v in exact[name][:500]]
                assert table[:500, column].tolist() == rounded
