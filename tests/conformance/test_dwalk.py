"""One suite for every backend of DWALK; its law, written out slowly, judges."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fpga_gnn.contract import load_contract
from fpga_gnn.errors import CapacityError, InputError
from fpga_gnn.hw.csim import CsimDwalk
from fpga_gnn.hw.records import (
    EDGES_WITH_CYCLE,
    OVERFLOW_EDGES,
    OVERFLOW_NODES,
    OVERFLOW_PASSES,
    pack_scored_edges,
)
from fpga_gnn.hw.vectors import read_vectors
from fpga_gnn.reference import dwalk as reference
from fpga_gnn.reference.dwalk import DwalkSettings
from fpga_gnn.reference.hit_lists import HitLists
from fpga_gnn.resources import resource_dir
from fpga_gnn.tracks.builder import Dwalk
from fpga_gnn.verify.compare import require_equal

W8 = load_contract("w8")


def with_shape(**shape: int):
    dwalk = W8.kernels.dwalk.model_copy(update=shape)
    return W8.model_copy(update={"kernels": W8.kernels.model_copy(update={"dwalk": dwalk})})


TINY = with_shape(max_nodes=12, max_edges=24, max_passes=6)
TWO_PASSES = with_shape(max_nodes=12, max_edges=24, max_passes=2)
HIGH = (1 << 31) - 1
BACKENDS = ("reference", "csim", "csim_tiny")


@pytest.fixture(scope="module", params=BACKENDS)
def build(request):
    """Return build(n_nodes, src, dst, score, settings) of one backend."""
    if request.param == "reference":
        return reference.build
    return CsimDwalk(TINY if request.param == "csim_tiny" else W8).build


@pytest.fixture(scope="module")
def tiny():
    return CsimDwalk(TINY)


@pytest.fixture(scope="module")
def csim():
    return CsimDwalk(W8)


def columns(edges):
    return np.array(edges, dtype=np.int64).reshape(-1, 3).T


def lists(tracks: HitLists) -> list[list[int]]:
    return [part.tolist() for part in np.split(tracks.nodes, tracks.start[1:-1])[: len(tracks)]]


def digraph(n_nodes, edges):
    graph = nx.DiGraph()
    graph.add_nodes_from(range(n_nodes))
    graph.add_weighted_edges_from(edges)
    return graph


def is_best(edge, edges, end):
    return edge == max((e for e in edges if e[end] == edge[end]), key=lambda e: e[2])


def law(n_nodes, edges, chosen: DwalkSettings):
    """Return the tracks, the heaviest path of the whole graph first, and its components [N]."""
    kept = digraph(n_nodes, [e for e in edges if e[2] > chosen.component_cut])
    tracks = []
    for nodes in nx.weakly_connected_components(kept):
        degrees = [d for n in nodes for d in (kept.in_degree(n), kept.out_degree(n))]
        if len(nodes) > 1 and max(degrees) == 1:
            tracks.append(list(nx.topological_sort(kept.subgraph(nodes))))
    kept.remove_nodes_from({node for track in tracks for node in track})
    rest = sorted(kept.edges.data("weight"))
    thin = digraph(
        n_nodes,
        [
            e
            for e in rest
            if e[2] > chosen.add_cut
            or (e[2] >= chosen.min_cut and is_best(e, rest, 0) and is_best(e, rest, 1))
        ],
    )
    while thin.edges:
        best, following = {}, {}
        for node in reversed(list(nx.topological_sort(thin))):
            ways = {
                child: (1 if chosen.by_length else thin[node][child]["weight"]) + best[child]
                for child in thin.successors(node)
            }
            following[node] = max(sorted(ways), key=ways.get, default=None)
            best[node] = ways.get(following[node], 0)
        roots = [n for n in thin if thin.in_degree(n) == 0 and following[n] is not None]
        path = [min(roots, key=lambda node: (-best[node], node))]
        while following[path[-1]] is not None:
            path.append(following[path[-1]])
        tracks.append(path)
        thin.remove_nodes_from(path)
    met = {node for track in tracks for node in track}
    tracks += [[node] for node in range(n_nodes) if node not in met]
    return [track for track in tracks if len(track) >= chosen.min_hits]


SCORES = st.sampled_from([0, 1, 10, HIGH]) | st.integers(0, 32)


@st.composite
def graphs(draw, acyclic=True, n_edges=24):
    n_nodes = draw(st.integers(0, 12))
    place = draw(st.permutations(range(n_nodes)))
    pairs = [(place[i], place[j]) for j in range(n_nodes) for i in range(j if acyclic else n_nodes)]
    kept = draw(st.sets(st.sampled_from(pairs), max_size=n_edges)) if pairs else set()
    return n_nodes, [(*pair, draw(SCORES)) for pair in sorted(kept)]


@st.composite
def settings_of(draw):
    low, middle = draw(st.integers(-1, 8)), draw(st.integers(-1, 16))
    high = draw(st.integers(middle, 32))
    return DwalkSettings(low, middle, high, draw(st.integers(1, 4)), draw(st.booleans()))


MANY = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
ALL = DwalkSettings(-1, -1, -1, 1, False)
STAR = [(0, n, HIGH) for n in range(1, 12)]


@MANY
@example((0, []), ALL)
@example((12, STAR), ALL)
@example((12, [(n, 0, s) for _, n, s in STAR]), ALL)
@example((12, [(n, n + 1, 0) for n in range(11)]), ALL)
@given(graphs(), settings_of())
def test_the_law(build, graph, chosen):
    walk = build(graph[0], *columns(graph[1]), chosen)
    assert sorted(lists(walk.tracks)) == sorted(law(*graph, chosen))


@MANY
@given(graphs(), settings_of())
def test_the_tracks_are_those_of_the_software_builder(build, graph, chosen):
    n_nodes, edges = graph
    software = Dwalk(
        component_cut=chosen.component_cut,
        min_cut=chosen.min_cut,
        add_cut=chosen.add_cut,
        min_hits=chosen.min_hits,
        metric="length" if chosen.by_length else "score",
    )
    walk = build(n_nodes, *columns(edges), chosen)
    assert np.array_equal(walk.tracks.labels(n_nodes), software.labels(n_nodes, *columns(edges)))


@MANY
@given(graphs(), settings_of())
def test_csim_writes_the_reference_in_its_order_after_as_many_steps(csim, graph, chosen):
    n_nodes, edges = graph
    got, expected = (b(n_nodes, *columns(edges), chosen) for b in (csim.build, reference.build))
    assert lists(got.tracks) == lists(expected.tracks)
    assert (got.n_passes, got.n_visits) == (expected.n_passes, expected.n_visits)


@MANY
@given(graphs(acyclic=False, n_edges=16), settings_of())
def test_a_cycle_above_the_component_cut_is_refused(build, graph, chosen):
    n_nodes, edges = graph
    kept = digraph(n_nodes, [e for e in edges if e[2] > chosen.component_cut])
    if nx.is_directed_acyclic_graph(kept):
        build(n_nodes, *columns(edges), chosen)
    else:
        with pytest.raises(InputError, match="edges above component_cut: found a cycle"):
            build(n_nodes, *columns(edges), chosen)


@pytest.mark.parametrize("seed", range(6))
def test_larger_graphs(csim, seed):
    rng = np.random.default_rng(seed)
    n_nodes, n_edges = 1500, 3000
    place, ends = rng.permutation(n_nodes), np.sort(rng.integers(0, n_nodes, (2, n_edges)), axis=0)
    pairs = np.unique(place[ends[:, ends[0] != ends[1]]], axis=1)
    scores = rng.integers(0, 12 if seed % 2 else HIGH, pairs.shape[1])
    cuts = (2, 4, 10) if seed % 2 else (HIGH // 8, HIGH // 2, HIGH // 8 * 7)
    graph = n_nodes, *pairs, scores, DwalkSettings(*cuts, 1 + seed % 3, seed < 2)
    got, expected = csim.build(*graph), reference.build(*graph)
    require_equal("dwalk", f"seed {seed}: start", expected.tracks.start, got.tracks.start)
    require_equal("dwalk", f"seed {seed}: nodes", expected.tracks.nodes, got.tracks.nodes)
    assert (got.n_passes, got.n_visits) == (expected.n_passes, expected.n_visits)


GOLDEN = read_vectors(resource_dir("sim") / "golden" / "dwalk.txt", "dwalk", W8)


@pytest.mark.parametrize("case", GOLDEN)
def test_golden_vectors(build, case, request):
    graph = GOLDEN[case]
    n_nodes, min_hits, by_length = (int(graph[k][0]) for k in ("n_nodes", "min_hits", "by_length"))
    chosen = DwalkSettings(*graph["cuts"].tolist(), min_hits, bool(by_length))
    arguments = n_nodes, graph["src"], graph["dst"], graph["score"], chosen
    if "csim_tiny" in request.node.callspec.id and n_nodes > 12:
        with pytest.raises(CapacityError):
            build(*arguments)
        return
    walk = build(*arguments)
    require_equal("dwalk", case, graph["track_start"], walk.tracks.start)
    require_equal("dwalk", case, graph["hits"], walk.tracks.nodes)
    require_equal("dwalk", case, graph["status"], [0, walk.n_passes, walk.n_visits])


@pytest.mark.parametrize("shape", ["chain", "shuffled chain", "comb", "star", "alone"])
def test_the_largest_graphs(csim, shape):
    """As many nodes as the kernel has slots; sums of the largest scores over all of them."""
    n_nodes = W8.kernels.dwalk.max_nodes
    order = np.arange(n_nodes)
    if shape == "shuffled chain":
        order = np.random.default_rng(1).permutation(n_nodes)
    half = n_nodes // 2
    spine, teeth = order[:half], order[half:]
    src, dst, expected = {
        "comb": (
            np.concatenate([spine[:-1], spine]),
            np.concatenate([spine[1:], teeth]),
            [np.append(spine, teeth[-1]), *teeth[:-1, None]],
        ),
        "star": (order[:1].repeat(n_nodes - 1), order[1:], [order[:2], *order[2:, None]]),
        "alone": (order[:0], order[:0], order[:, None]),
    }.get(shape, (order[:-1], order[1:], [order]))
    canonical = np.lexsort((dst, src))
    walk = csim.build(n_nodes, src[canonical], dst[canonical], np.full(src.size, HIGH), ALL)
    require_equal("dwalk", shape, np.concatenate(expected), walk.tracks.nodes)
    require_equal("dwalk", shape, np.cumsum([0, *map(len, expected)]), walk.tracks.start)


@pytest.mark.parametrize(("what", "n_nodes", "n_edges"), [("nodes", 13, 24), ("edges", 12, 25)])
def test_overflow_is_an_error_that_names_capacity_and_need(tiny, what, n_nodes, n_edges):
    src, dst = np.triu_indices(n_nodes, 1)
    graph = src[:n_edges], dst[:n_edges], src[:n_edges]
    need, capacity = {"nodes": (n_nodes, 12), "edges": (n_edges, 24)}[what]
    message = f"dwalk: {need} {what}, capacity {capacity}; raise kernels.dwalk.max_{what}"
    with pytest.raises(CapacityError, match=message):
        tiny.build(n_nodes, *graph, ALL)


def run_raw(kernel: CsimDwalk, n_nodes: int, edges):
    """Return the words that the kernel writes over -7; every edge stays."""
    start, hits = np.full(13, -7, dtype=np.int32), np.full(12, -7, dtype=np.int32)
    status = np.full(8, -7, dtype=np.int32)
    words = pack_scored_edges(*columns(edges))
    kernel._kernel(n_nodes, len(edges), -1, -1, -1, 1, 0, words, start, hits, status)
    return start, hits, status


@pytest.mark.parametrize(
    ("n_nodes", "edges", "errors"),
    [
        (13, [(0, 1, 1)], OVERFLOW_NODES),
        (12, [(n // 12, n % 12, 1) for n in range(25)], OVERFLOW_EDGES),
        (13, [(n // 12, n % 12, 1) for n in range(25)], OVERFLOW_NODES | OVERFLOW_EDGES),
        (4, [(0, 1, 1), (2, 3, 1), (3, 2, 1)], EDGES_WITH_CYCLE),
        (2, [(0, 0, 1)], EDGES_WITH_CYCLE),
    ],
)
def test_an_error_writes_nothing_but_the_status(tiny, n_nodes, edges, errors):
    start, hits, status = run_raw(tiny, n_nodes, edges)
    assert {*start, *hits} == {-7}
    assert status.tolist() == [0, 0, errors, 0, 0, 0, 0, 0]


CROWD = [(n, 4 + m, 10 + n) for n in range(4) for m in range(4)]
"""Each of four paths of one component takes a pass."""


def test_passes_used_up_are_counted_and_named():
    kernel = CsimDwalk(TWO_PASSES)
    message = "dwalk: 4 edges left after 2 passes; raise kernels.dwalk.max_passes"
    with pytest.raises(CapacityError, match=message):
        kernel.build(8, *columns(CROWD), ALL)
    start, hits, status = run_raw(kernel, 8, CROWD)
    assert start.tolist() == [0, 2, *[-7] * 11]
    assert hits.tolist() == [3, 4, 2, 5, *[-7] * 8]
    assert status.tolist()[:4] == [2, 4, OVERFLOW_PASSES, 2]
    assert status[5] == 4


def test_as_many_passes_as_the_kernel_makes(tiny):
    walk = tiny.build(8, *columns(CROWD), ALL)
    assert lists(walk.tracks) == [[3, 4], [2, 5], [1, 6], [0, 7]]
    assert walk.n_passes == 4


@pytest.mark.parametrize(
    ("n_nodes", "edges", "message"),
    [
        (-1, [], "n_nodes: found -1"),
        (2, [(0, 2, 0)], r"dst\[0\]: found 2, expected 0\.\.1"),
        (2, [(0, 1, -1)], r"score\[0\]: found -1, expected 0\.\.2147483647"),
        (2, [(0, 1, HIGH + 1)], r"score\[0\]: found 2147483648"),
        (2, [(0, 1, 0), (0, 1, 0)], r"edge 1: found \(0, 1\) after \(0, 1\)"),
    ],
)
def test_bad_edges_are_named(build, n_nodes, edges, message):
    with pytest.raises(InputError, match=message):
        build(n_nodes, *columns(edges), ALL)


@pytest.mark.parametrize(
    ("header", "old", "new"),
    [
        ("dwalk.hpp", "score > set.add_cut", "score >= set.add_cut"),
        ("dwalk.hpp", "score >= set.min_cut", "score > set.min_cut"),
        ("dwalk.hpp", "|| weight > best.weight)", "|| weight >= best.weight)"),
        ("dwalk.hpp", "best.weight == rival.value && node < rival.node", "false"),
        ("dwalk.hpp", "SCORE_BITS - 1 + width_of(CFG::MAX_NODES - 1)>", "SCORE_BITS>"),
        ("dwalk.hpp", "{0, before.left - 1, before.one}", "before"),
        ("dwalk.hpp", "rows.row.chain && before.one", "rows.row.chain"),
        ("dwalk.hpp", "components.parent[high] = low;", ""),
        ("delayed_writes.hpp", "waiting |= waiting_[stage].valid", "waiting |= false"),
    ],
)
def test_a_changed_kernel_fails_its_bench(run_changed, header, old, new):
    assert run_changed("dwalk", header, old, new).returncode != 0
