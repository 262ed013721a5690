"""Fixed-size partitions: every edge is owned once or reported, owned edges score exactly."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fpga_gnn.contract import (
    Aggregation,
    FixedPoint,
    IntegerLayer,
    IntegerNetwork,
    PartitionShape,
    Rounding,
    load_contract,
)
from fpga_gnn.events.sample import sample_store
from fpga_gnn.graphs.graph import Graph, build_event_graph
from fpga_gnn.graphs.map_learning import learn_module_map
from fpga_gnn.graphs.map_settings import MapSettings
from fpga_gnn.graphs.partition import pack, partition_graph
from fpga_gnn.models.scoring import student_scores
from fpga_gnn.models.student import Student
from fpga_gnn.reference.interaction_network import score
from fpga_gnn.training.data import graph_inputs, network_inputs

W8 = load_contract("w8")
UNPLACED = np.iinfo(np.int64).min
HIDDEN, NODE_FEATURES, EDGE_FEATURES = 6, 2, 2
MANY = settings(deadline=None, max_examples=150)


def make_graph(n_nodes: int, pairs: list[tuple[int, int]], seed: int = 0, spread: int = 4) -> Graph:
    """Graph of ``pairs`` in canonical order with random features and positions."""
    rng = np.random.default_rng(seed)
    src, dst = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2).T
    return Graph(
        node_features=rng.integers(-100, 101, (n_nodes, NODE_FEATURES)),
        edge_features=rng.integers(-100, 101, (len(pairs), EDGE_FEATURES)),
        src=src,
        dst=dst,
        position=rng.integers(-spread, spread, (n_nodes, 2)),
        n_saturated=0,
    )


def chain(n_edges: int, seed: int = 0) -> Graph:
    return make_graph(n_edges + 1, [(i, i + 1) for i in range(n_edges)], seed)


def star(n_edges: int) -> Graph:
    return make_graph(n_edges + 1, [(0, i) if i % 2 else (i, 0) for i in range(1, n_edges + 1)])


EMPTY = make_graph(3, [])
LOOPS = make_graph(2, [(0, 0)] * 3 + [(0, 1)] * 4 + [(1, 1)])


@st.composite
def graphs(draw) -> Graph:
    n_nodes = draw(st.integers(1, 14))
    node = st.integers(0, n_nodes - 1)
    pairs = draw(st.lists(st.tuples(node, node), max_size=30))
    return make_graph(n_nodes, pairs, draw(st.integers(0, 1000)), draw(st.integers(1, 50)))


AGGREGATIONS, ROUNDINGS = get_args(Aggregation), get_args(Rounding)
shapes = st.builds(PartitionShape, max_nodes=st.integers(2, 16), max_edges=st.integers(1, 32))


def random_network(
    iterations: int, seed: int, aggregation: Aggregation = "sum", rounding: Rounding = "half_even"
) -> IntegerNetwork:
    """A network whose states neither die out nor all saturate: most scores differ."""
    rng = np.random.default_rng(seed)
    state, relu = FixedPoint(bits=12, frac=0), FixedPoint(bits=12, frac=0, signed=False)

    def layer(inputs: int, outputs: int, output: FixedPoint, weight_frac: int) -> IntegerLayer:
        weight = rng.integers(-8, 9, (outputs, inputs))
        return IntegerLayer(weight, rng.integers(-20, 21, outputs), weight_frac, 0, output)

    def mlp(inputs: int) -> tuple[IntegerLayer, ...]:
        return layer(inputs, HIDDEN, relu, 4), layer(HIDDEN, HIDDEN, state, 3)

    return IntegerNetwork(
        features=FixedPoint(bits=8, frac=0),
        node_encoder=mlp(NODE_FEATURES),
        edge_encoder=mlp(EDGE_FEATURES),
        edge_updates=tuple(mlp(3 * HIDDEN) for _ in range(iterations)),
        aggregates=(FixedPoint(bits=13, frac=0),) * iterations,
        node_updates=tuple(mlp(3 * HIDDEN) for _ in range(iterations)),
        decoder=(
            layer(3 * HIDDEN, HIDDEN, relu, 4),
            layer(HIDDEN, 1, FixedPoint(bits=16, frac=0), 0),
        ),
        aggregation=aggregation,
        rounding=rounding,
    )


def whole_scores(network, graph):
    return score(network, graph.node_features, graph.edge_features, graph.src, graph.dst)


def part_scores(network, graph, part):
    nodes, edges = graph.node_features[part.nodes], graph.edge_features[part.edges]
    return score(network, nodes, edges, part.src, part.dst)


def merged_scores(network, partitioned):
    graph = partitioned.graph
    return partitioned.gather_scores(
        [part_scores(network, graph, part) for part in partitioned.partitions]
    )


def halo(graph: Graph, owned: set[int], hops: int) -> set[int]:
    """Return the edges within ``hops`` hops of ``owned``, by definition."""
    edges = set(owned)
    for _ in range(hops):
        nodes = {int(end[e]) for e in edges for end in (graph.src, graph.dst)}
        edges |= {
            e
            for e, ends in enumerate(zip(graph.src.tolist(), graph.dst.tolist(), strict=True))
            if nodes & set(ends)
        }
    return edges


def n_ends(graph: Graph, edges) -> int:
    return len({int(end[e]) for e in edges for end in (graph.src, graph.dst)})


def fits(graph: Graph, edges, shape: PartitionShape) -> bool:
    return len(edges) <= shape.max_edges and n_ends(graph, edges) <= shape.usable_nodes


def require_every_edge_once(partitioned):
    owned = [part.edges[part.owned] for part in partitioned.partitions]
    everything = np.sort(np.concatenate([*owned, partitioned.unplaced]))
    assert np.array_equal(everything, np.arange(partitioned.graph.n_edges))
    assert partitioned.n_owned == partitioned.graph.n_edges - partitioned.unplaced.size
    assert all(edges.size for edges in owned)


def require_valid_slots(partitioned):
    graph, shape = partitioned.graph, partitioned.shape
    for part in partitioned.partitions:
        assert part.nodes.size <= shape.usable_nodes
        assert part.edges.size <= shape.max_edges
        assert (np.diff(part.nodes) > 0).all()
        assert (np.diff(part.edges) > 0).all()  # the canonical order of the whole graph
        assert np.array_equal(part.nodes[part.src], graph.src[part.edges])
        assert np.array_equal(part.nodes[part.dst], graph.dst[part.edges])


@MANY
@given(graphs(), shapes, st.integers(0, 3))
@example(EMPTY, PartitionShape(max_nodes=2, max_edges=1), 1)
@example(LOOPS, PartitionShape(max_nodes=2, max_edges=3), 0)
@example(LOOPS, PartitionShape(max_nodes=3, max_edges=8), 2)
@example(star(9), PartitionShape(max_nodes=11, max_edges=8), 1)
@example(star(9), PartitionShape(max_nodes=11, max_edges=9), 3)
@example(chain(12), PartitionShape(max_nodes=7, max_edges=5), 2)
@example(chain(12), PartitionShape(max_nodes=9, max_edges=4), 0)
def test_every_edge_is_owned_once_or_reported(graph, shape, hops):
    partitioned = partition_graph(graph, shape, hops)
    require_every_edge_once(partitioned)
    require_valid_slots(partitioned)
    for part in partitioned.partitions:
        owned = set(part.edges[part.owned].tolist())
        assert set(part.edges.tolist()) == halo(graph, owned, hops)
    for edge in partitioned.unplaced.tolist():
        assert not fits(graph, halo(graph, {edge}, hops), shape)


@MANY
@given(
    graphs(),
    shapes,
    st.integers(1, 3),
    st.integers(0, 1000),
    st.sampled_from(AGGREGATIONS),
    st.sampled_from(ROUNDINGS),
)
@example(LOOPS, PartitionShape(max_nodes=3, max_edges=8), 2, 0, "sum", "half_even")
@example(star(9), PartitionShape(max_nodes=11, max_edges=9), 3, 0, "max", "half_even")
@example(chain(20), PartitionShape(max_nodes=9, max_edges=7), 3, 0, "max", "floor")
def test_owned_edges_score_as_in_the_whole_graph(
    graph, shape, iterations, seed, aggregation, rounding
):
    network = random_network(iterations, seed, aggregation, rounding)
    partitioned = partition_graph(graph, shape, network.iterations)
    expected = whole_scores(network, graph)
    expected[partitioned.unplaced] = UNPLACED
    assert np.array_equal(merged_scores(network, partitioned), expected)


@pytest.mark.parametrize("iterations", [1, 2, 3])
@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_one_hop_less_gives_other_scores(iterations, aggregation):
    """The halo is as small as it can be, and the comparison above can fail."""
    shape = PartitionShape(max_nodes=2 * iterations + 4, max_edges=2 * iterations + 2)
    for seed in range(5):
        graph, network = chain(20, seed), random_network(iterations, seed, aggregation)
        expected = whole_scores(network, graph)
        exact = partition_graph(graph, shape, iterations)
        assert len(exact.partitions) > 1
        assert np.array_equal(merged_scores(network, exact), expected)
        short = partition_graph(graph, shape, iterations - 1)
        assert short.unplaced.size == 0
        assert not np.array_equal(merged_scores(network, short), expected)


def test_a_graph_that_fits_is_one_partition():
    graph = chain(6)
    partitioned = partition_graph(graph, PartitionShape(max_nodes=8, max_edges=6), 2)
    (part,) = partitioned.partitions
    assert part.owned.all()
    assert part.nodes.tolist() == list(range(7))
    assert partitioned.n_splits == 0


def test_an_empty_graph_has_no_partition():
    partitioned = partition_graph(EMPTY, PartitionShape(max_nodes=2, max_edges=1), 2)
    assert partitioned.partitions == ()
    assert partitioned.unplaced.size == partitioned.n_splits == 0
    assert partitioned.gather_scores([]).shape == (0,)


def test_the_cut_runs_across_the_longer_side():
    pairs = [(i, i + 8) for i in range(8)]
    for axis in (0, 1):
        graph = make_graph(16, pairs)
        graph.position[:8, axis] = [5, 80, 10, 90, 15, 95, 20, 85]
        graph.position[:8, 1 - axis] = range(8)
        low, high = partition_graph(graph, PartitionShape(max_nodes=9, max_edges=4), 1).partitions
        assert low.edges.tolist() == [0, 2, 4, 6]
        assert high.edges.tolist() == [1, 3, 5, 7]


def test_an_edge_whose_halo_is_too_large_is_reported():
    graph = make_graph(12, [(0, i) for i in range(1, 10)] + [(10, 11)])
    partitioned = partition_graph(graph, PartitionShape(max_nodes=8, max_edges=8), 1)
    assert partitioned.unplaced.tolist() == list(range(9))
    assert partitioned.n_owned == 1
    network = random_network(1, 0)
    merged = merged_scores(network, partitioned)
    assert (merged[:9] == UNPLACED).all()
    assert merged[9] == whole_scores(network, graph)[9]


@MANY
@given(graphs(), shapes, st.integers(0, 1000), st.sampled_from(AGGREGATIONS))
def test_padding_lies_on_the_sacrificial_node_and_changes_no_score(graph, shape, seed, aggregation):
    network = random_network(2, seed, aggregation)
    for part in partition_graph(graph, shape, 2).partitions:
        packed = pack(part, graph, shape)
        n_nodes, n_edges = packed.n_nodes, packed.n_edges
        assert (n_nodes, n_edges) == (part.nodes.size, part.edges.size)
        assert packed.node_features.shape == (shape.max_nodes, NODE_FEATURES)
        assert packed.edge_features.shape == (shape.max_edges, EDGE_FEATURES)
        assert (packed.edge_index[n_edges:] == shape.max_nodes - 1).all()
        assert (packed.edge_index[:n_edges] < n_nodes).all()
        assert not packed.node_features[n_nodes:].any()
        assert not packed.edge_features[n_edges:].any()
        padded = score(network, packed.node_features, packed.edge_features, *packed.edge_index.T)
        assert np.array_equal(padded[:n_edges], part_scores(network, graph, part))


@pytest.fixture(scope="module")
def real_graphs() -> list[Graph]:
    """Graphs of two shipped events with the map of their own tracks."""
    events = [sample_store().read(event_id) for event_id in (4, 0)]
    module_map = learn_module_map(events, W8, settings=MapSettings(pooling="layer"))
    return [build_event_graph(event, module_map, W8).graph for event in events]


@pytest.fixture(scope="module")
def student(real_graphs) -> Student:
    torch.manual_seed(0)
    student = Student(W8)
    student.calibrate(graph_inputs(graph, W8) for graph in real_graphs)
    return student.eval()


@pytest.mark.parametrize("slots", [(512, 1024), (128, 160)])
def test_the_student_scores_real_events_the_same_in_partitions(real_graphs, student, slots):
    network = student.integer_network()
    shape = PartitionShape(max_nodes=slots[0], max_edges=slots[1])
    for graph in real_graphs:
        partitioned = partition_graph(graph, shape, W8.network.iterations)
        require_every_edge_once(partitioned)
        require_valid_slots(partitioned)
        assert len(partitioned.partitions) > 1
        expected = student_scores(student, graph_inputs(graph, W8), network.score)
        assert np.unique(expected).size > 10
        expected[partitioned.unplaced] = UNPLACED
        scores = []
        for part in partitioned.partitions:
            packed = pack(part, graph, shape)
            inputs = packed.node_features, packed.edge_features, *packed.edge_index.T
            padded = student_scores(student, network_inputs(*inputs, W8), network.score)
            scores.append(padded[: packed.n_edges])
        assert np.array_equal(partitioned.gather_scores(scores), expected)
        assert np.array_equal(merged_scores(network, partitioned), expected)


def test_the_shipped_shape_loses_no_edge_of_a_real_event(real_graphs):
    for graph in real_graphs:
        partitioned = partition_graph(graph, W8.partition, W8.network.iterations)
        assert partitioned.unplaced.size == 0
        assert partitioned.n_splits == len(partitioned.partitions) - 1
