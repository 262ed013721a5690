from __future__ import annotations

from fractions import Fraction
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpga_gnn.contract import CandidateRecords, HitRecords, load_contract, parse_contract
from fpga_gnn.contract.config import EdgeFeature, NodeFeature
from fpga_gnn.graphs.features import ODD_IN_PHI, ODD_IN_Z
from fpga_gnn.graphs.graph import build_event_graph, graph_from_candidates, graph_of_edges

RATIOS = ("phi_slope", "r_phi_slope", "z0", "direction")


def hit_records(contract, **columns):
    n = len(next(iter(columns.values())))
    zeros = dict.fromkeys(("x", "y", "z", "r", "phi", "eta"), np.zeros(n))
    return HitRecords(**zeros | columns, module_start=[0, n])


def candidates(*pairs, tagged=None):
    src, dst = zip(*pairs, strict=True)
    return CandidateRecords(src, dst, [0] * len(src), tagged or [1] * len(src))


def with_features(shifts, bits=20):
    """The default contract with all node features and the edge features of ``shifts``."""
    features = {
        "format": {"bits": bits, "frac": 11},
        "node": dict.fromkeys(get_args(NodeFeature), 0),
        "edge": shifts,
    }
    return parse_contract(load_contract("w8").model_dump() | {"features": features}, "features")


@pytest.fixture(scope="module")
def plain():
    """All coordinates and their differences, without rounding."""
    return with_features(dict.fromkeys(("dr", "dphi", "dz", "deta"), 0))


def edge_row(contract, **columns):
    """Features of the edge between the two hits of ``columns``, and how many saturated."""
    graph = graph_from_candidates(hit_records(contract, **columns), candidates((0, 1)), contract)
    return graph.edge_features[0].tolist(), graph.n_saturated


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


def test_negative_shifts_multiply():
    contract = with_features({"dr": -8, "dphi": -1, "dz": -3, "deta": 1})
    hits = {"r": [10, 25], "phi": [-3, 4], "z": [100, -50], "eta": [7, 12]}
    assert edge_row(contract, **hits) == ([15 * 256, 7 * 2, -150 * 8, -2], 0)


@pytest.mark.parametrize(
    ("shift", "expected"),
    [
        (
            0,
            [1024, 282, 200, 43691],
        ),  # dphi / dr in 2**-12; 1128 / 4; 700 - 1000 / 2; 1/3 in 2**-17
        (2, [256, 70, 50, 10923]),  # 282 / 4 is a tie
        (-3, [8192, 2256, 1600, 349525]),
        (17, [0, 0, 0, 0]),
    ],
)
def test_ratios_by_hand(shift, expected):
    contract = with_features(dict.fromkeys(RATIOS, shift))
    # dr 256, dphi 64, dz 128
    assert edge_row(contract, r=[1000, 1256], phi=[100, 164], z=[700, 828]) == (expected, 0)
    inwards = edge_row(contract, r=[1256, 1000], phi=[164, 100], z=[828, 700])
    assert inwards == ([*expected[:3], -expected[3]], 0)


def test_a_ratio_is_rounded_once():
    contract = with_features({"r_phi_slope": 1})
    # 2 r = 3, dphi / dr = 5 / 3: 2.5 / 2 = 1.25; 2.5 rounded first to 2 or 3 gives 1 or 2
    assert edge_row(contract, r=[0, 3], phi=[0, 5]) == ([1], 0)
    # 7.5 / 2 = 3.75; dphi / dr rounded first gives (2 * 3 / 2) / 2
    assert edge_row(contract, r=[3, 6], phi=[0, 5]) == ([4], 0)


def test_dphi_wraps_in_ratios():
    contract = with_features({"phi_slope": 0, "r_phi_slope": 0})
    phi = contract.hit.phi
    hits = {"r": [10, 12], "phi": [phi.max_int - 1, phi.min_int + 1]}
    assert edge_row(contract, **hits) == ([3 * 2048, 16], 0)  # 11 * 3 / 2 is a tie


@pytest.mark.parametrize(
    ("dphi", "dz", "expected", "n_saturated"),
    [
        (0, 0, [0, 0, 0, 0], 0),
        (3, 0, [2047, 2047, 0, 0], 2),
        (-3, 0, [-2048, -2048, 0, 0], 2),
        (0, 7, [0, 0, -2048, 1024], 1),  # z0 = z1 - r1 dz / dr
        (0, -7, [0, 0, 2047, -1024], 1),
    ],
)
def test_pairs_of_equal_radius_saturate_with_their_sign(dphi, dz, expected, n_saturated):
    contract = with_features({"phi_slope": 0, "r_phi_slope": 17, "z0": -8, "direction": 7}, bits=12)
    assert edge_row(contract, r=[9, 9], phi=[1, 1 + dphi], z=[5, 5 + dz]) == (expected, n_saturated)


@st.composite
def random_hits(draw):
    """40 hits, and 60 edges between any of them; small ranges give equal radii and ties."""
    generator = np.random.default_rng(draw(st.integers(0, 10**6)))
    limit = draw(st.sampled_from([4, 100, 65535]))  # less than a quarter turn: dphi never wraps
    columns = {name: generator.integers(-limit, limit + 1, 40) for name in ("phi", "z", "eta")}
    columns["r"] = generator.integers(1, limit + 1, 40)
    return columns, generator.integers(0, 40, (2, 60))


def real_ratios(hits, src, dst):
    """The ratio features in float64, in units of shift 0; equal radii give inf or nan."""
    r, phi, z = (hits[name].astype(np.float64) for name in ("r", "phi", "z"))
    dr, dphi, dz = (column[dst] - column[src] for column in (r, phi, z))
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "phi_slope": dphi / dr * 2**12,
            "r_phi_slope": (r[src] + r[dst]) / 2 * dphi / dr,
            "z0": z[src] - r[src] * dz / dr,
            "direction": dz / (abs(dr) + abs(dz)) * 2**17,
        }


@settings(deadline=None, max_examples=100)
@given(random_hits(), st.fixed_dictionaries(dict.fromkeys(RATIOS, st.integers(-8, 17))))
def test_ratios_are_the_real_ones_within_half_an_lsb(drawn, shifts):
    columns, (src, dst) = drawn
    contract = with_features(shifts)
    found = graph_of_edges(hit_records(contract, **columns), src, dst, contract).edge_features
    fixed = contract.features.format
    for column, (name, real) in enumerate(real_ratios(columns, src, dst).items()):
        real = np.clip(np.nan_to_num(np.ldexp(real, -shifts[name])), fixed.min_int, fixed.max_int)
        assert np.abs(found[:, column] - real).max() <= 0.5 + 1e-6, name


@settings(deadline=None, max_examples=100)
@given(
    random_hits(),
    st.fixed_dictionaries(dict.fromkeys(get_args(EdgeFeature), st.integers(-8, 17))),
    st.sampled_from([(("z", "eta"), ODD_IN_Z), (("phi",), ODD_IN_PHI)]),
    st.sampled_from([12, 32]),
)
def test_mirrored_hits_have_mirrored_features(drawn, shifts, mirror, bits):
    (columns, (src, dst)), (axes, odd) = drawn, mirror
    contract = with_features(shifts, bits)
    flipped = columns | {name: -columns[name] for name in axes}
    before, after = (
        graph_of_edges(hit_records(contract, **hits), src, dst, contract)
        for hits in (columns, flipped)
    )
    fixed, features = contract.features.format, contract.features
    for names, one, two in (
        (features.node, before.node_features, after.node_features),
        (features.edge, before.edge_features, after.edge_features),
    ):
        for column, name in enumerate(names):
            value, mirrored = one[:, column], two[:, column]
            if name in odd:
                inside = (value > fixed.min_int) & (value < fixed.max_int)
                assert np.array_equal(mirrored[inside], -value[inside]), name
                assert (np.abs(value + mirrored)[~inside] <= 1).all(), name
            else:
                assert np.array_equal(mirrored, value), name


def test_graph_of_a_real_event(real_event, real_map, w8):
    built = build_event_graph(real_event, real_map, w8)
    graph, hits = built.graph, built.hits.records
    order = np.lexsort((graph.dst, graph.src))
    assert np.array_equal(order, np.arange(graph.n_edges))
    assert graph.n_nodes == len(real_event.hits)
    assert graph.n_edges == built.candidates.tagged.sum() > 800
    ratios = [list(w8.features.edge).index(name) for name in ("phi_slope", "r_phi_slope", "z0")]
    ends = w8.features.format.min_int, w8.features.format.max_int
    assert graph.n_saturated <= np.isin(graph.edge_features[:, ratios], ends).sum()
    assert graph.n_saturated < 0.01 * graph.edge_features.size
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
