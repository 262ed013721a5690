"""Every track builder against its definition, written out slowly, on small random graphs."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

import networkx as nx
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fpga_gnn.tracks.builder import BUILDERS, builder
from fpga_gnn.tracks.junction_removal import without_junctions

MANY = settings(deadline=None, max_examples=100)
SCALE = 32
SCORES = st.sampled_from([8, 16, 24]) | st.integers(0, SCALE)
WALKS = ("walkthrough", "fast-walkthrough", "dwalk")


@dataclass(frozen=True)
class Scored:
    """An acyclic graph in canonical order; scores are integers, 0..32 for probabilities 0..1."""

    n_nodes: int
    edges: dict[tuple[int, int], int]

    def columns(self):
        src, dst = np.array(sorted(self.edges), dtype=np.int64).reshape(-1, 2).T
        score = np.array([self.edges[edge] for edge in sorted(self.edges)], dtype=np.int64)
        return self.n_nodes, src, dst, score

    def above(self, cut: int) -> dict[tuple[int, int], int]:
        return {edge: score for edge, score in self.edges.items() if score > cut}


@st.composite
def graphs(draw) -> Scored:
    """Edges lead from a lower to a higher place; places have nothing to do with node numbers."""
    n_nodes = draw(st.integers(0, 9))
    place = draw(st.permutations(range(n_nodes)))
    pairs = [(place[i], place[j]) for j in range(n_nodes) for i in range(j)]
    n_edges = draw(st.integers(0, min(len(pairs), 24)))
    kept = draw(st.permutations(pairs))[:n_edges]
    return Scored(n_nodes, {pair: draw(SCORES) for pair in kept})


@st.composite
def settings_of(draw, name: str) -> dict[str, object]:
    cut = st.integers(-1, SCALE)
    chosen = {"min_hits": draw(st.integers(1, 4))}
    if name in ("cc", "cc-jr"):
        return chosen | {"cut": draw(cut)}
    if name == "cc-jr-acorn":
        hits = draw(st.integers(1, 5))
        return chosen | {"chain_cut": draw(cut), "min_chain_hits": hits, "junction_cut": draw(cut)}
    low, middle = draw(st.integers(-1, 8)), draw(st.integers(0, 16))
    high = draw(st.integers(middle, SCALE))
    chosen |= {"component_cut": low, "min_cut": middle, "add_cut": high}
    if name == "dwalk":
        chosen["metric"] = draw(st.sampled_from(["score", "length"]))
    return chosen


def cases(name: str):
    return st.tuples(graphs(), settings_of(name))


def numbered(n_nodes: int, candidates, min_hits: int) -> list[int]:
    labels = [-1] * n_nodes
    long = [set(nodes) for nodes in candidates if len(nodes) >= min_hits]
    for number, nodes in enumerate(sorted(long, key=min)):
        for node in nodes:
            assert labels[node] == -1
            labels[node] = number
    return labels


def digraph(n_nodes: int, edges) -> nx.DiGraph:
    graph = nx.DiGraph()
    graph.add_nodes_from(range(n_nodes))
    graph.add_edges_from(edges)
    return graph


def components(n_nodes: int, edges):
    return list(nx.weakly_connected_components(digraph(n_nodes, edges)))


def is_chain(nodes, edges) -> bool:
    inside = [edge for edge in edges if edge[0] in nodes]
    ends = [{edge[end] for edge in inside} for end in (0, 1)]
    return len(ends[0]) == len(ends[1]) == len(inside)


def cc(graph: Scored, cut: int):
    return components(graph.n_nodes, graph.above(cut))


def cc_jr(graph: Scored, cut: int):
    """ACTS' words: mark all but the best edge at every node of two or more edges in (out)."""
    edges = graph.above(cut)
    marked = set()
    for end in (0, 1):
        for node in range(graph.n_nodes):
            here = sorted(edge for edge in edges if edge[end] == node)
            if len(here) >= 2:
                best = max(here, key=lambda edge: edges[edge])  # the first of equal ones
                marked |= set(here) - {best}
    return components(graph.n_nodes, set(edges) - marked)


def cc_jr_acorn(graph: Scored, chain_cut: int, min_chain_hits: int, junction_cut: int):
    good = graph.above(chain_cut)
    chains = [
        nodes
        for nodes in components(graph.n_nodes, good)
        if len(nodes) >= min_chain_hits and is_chain(nodes, good)
    ]
    used = set().union(*chains)
    rest = {edge for edge in graph.above(junction_cut) if not used & {*edge}}
    n_out = defaultdict(int)
    for source, _ in rest:
        n_out[source] += 1
    stay = {(s, d) for s, d in rest if n_out[s] <= 1 or (d in n_out and n_out[d] <= 1)}
    joined = components(graph.n_nodes, stay)
    return chains + [nodes for nodes in joined if not nodes <= used]


def simple_and_rest(graph: Scored, cut: int):
    edges = graph.above(cut)
    simple = [c for c in components(graph.n_nodes, edges) if is_chain(c, edges)]
    used = set().union(*simple)
    return simple, {e: s for e, s in edges.items() if e[0] not in used}, used


def kahn(n_nodes: int, edges):
    for generation in nx.topological_generations(digraph(n_nodes, edges)):
        yield from sorted(generation)


def longest(roads):
    return min(roads, key=lambda road: (-len(road), road))


def walkthrough(graph: Scored, component_cut: int, min_cut: int, add_cut: int):
    simple, rest, used = simple_and_rest(graph, component_cut)
    tracks = list(simple)

    def roads(node):
        children = {d: score for (s, d), score in rest.items() if s == node and d not in used}
        best = min(children, key=lambda child: (-children[child], child), default=None)
        if best is None or children[best] <= min_cut:
            return [[node]]
        following = {best} | {child for child, score in children.items() if score > add_cut}
        return [[node, *road] for child in following for road in roads(child)]

    for node in kahn(graph.n_nodes, graph.above(component_cut)):
        if node not in used:
            tracks.append(longest(roads(node)))
            used |= {*tracks[-1]}
    return tracks


def is_best(edge, edges, end: int) -> bool:
    rivals = sorted(other for other in edges if other[end] == edge[end])
    return max(rivals, key=lambda other: edges[other]) == edge


def fast_walkthrough(graph: Scored, component_cut: int, min_cut: int, add_cut: int):
    simple, rest, used = simple_and_rest(graph, component_cut)
    tracks = list(simple)
    thin = {e for e, s in rest.items() if (is_best(e, rest, 0) and s >= min_cut) or s > add_cut}

    def paths(node):
        children = [d for s, d in thin if s == node and d not in used]
        return [[node, *path] for child in children for path in paths(child)] or [[node]]

    for node in kahn(graph.n_nodes, thin):
        if node not in used:
            tracks.append(longest(paths(node)))
            used |= {*tracks[-1]}
    return tracks


def dwalk(graph: Scored, component_cut: int, min_cut: int, add_cut: int, metric: str):
    simple, rest, used = simple_and_rest(graph, component_cut)
    good_out = {e for e, s in rest.items() if (is_best(e, rest, 0) and s >= min_cut) or s > add_cut}
    good_in = {e for e, s in rest.items() if (is_best(e, rest, 1) and s >= min_cut) or s > add_cut}
    tracks, thin = list(simple), digraph(graph.n_nodes, good_out & good_in)
    thin.remove_nodes_from(used)
    while thin.edges:
        best, following = {}, {}
        for node in reversed(list(nx.topological_sort(thin))):
            weight = {
                child: (rest[node, child] if metric == "score" else 1) + best[child]
                for child in thin.successors(node)
            }
            best[node] = max(weight.values(), default=0)
            following[node] = min((c for c in weight if weight[c] == best[node]), default=None)
        roots = [
            min((n for n in nodes if thin.in_degree(n) == 0), key=lambda n: (-best[n], n))
            for nodes in nx.weakly_connected_components(thin)
            if len(nodes) > 1
        ]
        for node in roots:
            path = [node]
            while following[path[-1]] is not None:
                path.append(following[path[-1]])
            tracks.append(path)
            thin.remove_nodes_from(path)
    return tracks + [[node] for node in thin]


REFERENCES = {
    "cc": cc,
    "cc-jr": cc_jr,
    "cc-jr-acorn": cc_jr_acorn,
    "walkthrough": walkthrough,
    "fast-walkthrough": fast_walkthrough,
    "dwalk": dwalk,
}


def labels(name, graph, chosen):
    return builder(name, **chosen).labels(*graph.columns())


def test_every_builder_has_a_reference():
    assert list(REFERENCES) == list(BUILDERS)


@pytest.mark.parametrize("name", BUILDERS)
@MANY
@given(st.data())
def test_a_builder_is_its_definition(name, data):
    graph, chosen = data.draw(cases(name))
    cuts = {key: value for key, value in chosen.items() if key != "min_hits"}
    candidates = REFERENCES[name](graph, **cuts)
    expected = numbered(graph.n_nodes, candidates, chosen["min_hits"])
    assert labels(name, graph, chosen).tolist() == expected


@pytest.mark.parametrize("name", BUILDERS)
@MANY
@given(st.data())
def test_tracks_are_numbered_by_their_smallest_node_and_have_enough_hits(name, data):
    graph, chosen = data.draw(cases(name))
    found = labels(name, graph, chosen)
    assert found.dtype == np.int64
    assert found.shape == (graph.n_nodes,)
    numbers, first, n_hits = np.unique(found[found >= 0], return_index=True, return_counts=True)
    assert numbers.tolist() == list(range(numbers.size))
    assert (np.diff(first) > 0).all()
    assert (n_hits >= chosen["min_hits"]).all()


@pytest.mark.parametrize("name", ["cc-jr", *WALKS])
@MANY
@given(st.data())
def test_tracks_are_paths_of_edges_above_the_cut(name, data):
    graph, chosen = data.draw(cases(name))
    found = labels(name, graph, chosen)
    edges = graph.above(chosen.get("cut", chosen.get("component_cut")))
    order = list(kahn(graph.n_nodes, edges))
    for number in range(found.max(initial=-1) + 1):
        nodes = sorted(np.flatnonzero(found == number).tolist(), key=order.index)
        assert all(step in edges for step in pairwise(nodes))


@MANY
@given(graphs())
def test_junction_removal_leaves_at_most_one_edge_in_and_one_out(graph):
    n_nodes, src, dst, score = graph.columns()
    stays = without_junctions(n_nodes, src, dst, score)
    assert len({*src[stays]}) == len({*dst[stays]}) == stays.sum()
    assert stays.sum() >= (src.size > 0)


@pytest.mark.parametrize("name", BUILDERS)
@MANY
@given(st.data())
def test_probabilities_and_integers_of_the_same_order_give_the_same_tracks(name, data):
    graph, chosen = data.draw(cases(name))
    n_nodes, src, dst, score = graph.columns()
    scaled = {k: v / SCALE if k.endswith("cut") else v for k, v in chosen.items()}
    found = builder(name, **scaled).labels(n_nodes, src, dst, score / SCALE)
    assert np.array_equal(found, labels(name, graph, chosen))


@pytest.mark.parametrize("name", [name for name in BUILDERS if name != "dwalk"])
@MANY
@given(st.data())
def test_scores_are_only_compared(name, data):
    graph, chosen = data.draw(cases(name))
    bent = Scored(graph.n_nodes, {e: 3 * s**3 - 5 for e, s in graph.edges.items()})
    cuts = {k: 3 * v**3 - 5 if k.endswith("cut") else v for k, v in chosen.items()}
    assert np.array_equal(labels(name, bent, cuts), labels(name, graph, chosen))


@pytest.mark.parametrize("name", ["cc", "cc-jr", "cc-jr-acorn", "dwalk"])
@MANY
@given(st.data())
def test_the_numbering_of_the_nodes_does_not_matter_without_ties(name, data):
    """Walkthroughs start at the lowest node of a generation, so numbers matter there."""
    graph, chosen = data.draw(cases(name))
    chosen |= {"metric": "score"} if name == "dwalk" else {}
    powers = data.draw(st.permutations([1 << bit for bit in range(len(graph.edges))]))
    distinct = Scored(graph.n_nodes, dict(zip(graph.edges, powers, strict=True)))
    number = data.draw(st.permutations(range(graph.n_nodes)))
    renamed = Scored(
        graph.n_nodes, {(number[s], number[d]): score for (s, d), score in distinct.edges.items()}
    )
    found = labels(name, distinct, chosen)
    again = labels(name, renamed, chosen)[np.array(number, dtype=int)]
    assert tracks(found) == tracks(again)


def tracks(found) -> set[frozenset[int]]:
    return {
        frozenset(np.flatnonzero(found == track).tolist())
        for track in range(found.max(initial=-1) + 1)
    }


def layers(n_layers: int, width: int) -> Scored:
    """All nodes of a layer are joined to all nodes of the next, with the same score."""
    steps = [(layer * width, (layer + 1) * width) for layer in range(n_layers - 1)]
    return Scored(
        n_layers * width,
        {(s + i, d + j): SCALE for s, d in steps for i in range(width) for j in range(width)},
    )


@pytest.mark.parametrize("name", WALKS)
def test_a_graph_of_more_roads_than_can_be_counted_is_walked(name):
    """4^39 roads from every first node; ties leave the k-th nodes of all layers to track k."""
    graph = layers(40, 4)
    found = builder(name, component_cut=1, min_cut=2, add_cut=3).labels(*graph.columns())
    assert found.tolist() == [0, 1, 2, 3] * 40


@MANY
@given(graphs(), st.integers(1, 3))
@example(Scored(0, {}), 1)
@example(Scored(3, {}), 1)
def test_without_edges_above_the_cuts_every_node_is_alone(graph, min_hits):
    alone = list(range(graph.n_nodes)) if min_hits == 1 else [-1] * graph.n_nodes
    for name, kind in BUILDERS.items():
        cuts = {key: SCALE + 1 for key in kind.model_fields if key.endswith("cut")}
        assert labels(name, graph, cuts | {"min_hits": min_hits}).tolist() == alone
