"""Cycles of the DWALK kernel, counted in its loops, against the bound in its header.

``python tests/conformance/test_dwalk_cycles.py STORE N`` counts the first N events of a store,
pixel hits, with the shipped model: the numbers of docs/kernels.md.
"""

from __future__ import annotations

import ctypes
import sys
import tempfile
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from fpga_gnn.contract import load_contract
from fpga_gnn.events.sample import sample_store
from fpga_gnn.events.store import EventStore
from fpga_gnn.events.view import EventView
from fpga_gnn.graphs.graph import build_event_graph
from fpga_gnn.hw.csim import CsimDwalk, compile_bridge, load_library
from fpga_gnn.hw.kernels import hls_dir, load_kernels
from fpga_gnn.models.scoring import student_scores
from fpga_gnn.reference.dwalk import DwalkSettings, Walk
from fpga_gnn.training.data import graph_inputs
from fpga_gnn.training.run import default_run, load_run

COUNTING = Path(__file__).parent / "loop_counts"
W8 = load_contract("w8")
SEQUENTIAL = (
    *("clear_words", "load_edges", "find_heads", "thin_edges", "resolve_components"),
    *("find_paths", "take_paths", "send_tracks"),
)
"""The functions that run one after the other; join_components runs beside thin_edges."""
ALL = DwalkSettings(-1, -1, -1, 1, False)


class CountedDwalk(CsimDwalk):
    """DWALK with loops that count: ``cycles`` [function] of the last call."""

    def __init__(self, folder: Path) -> None:
        super().__init__(W8)
        arguments = self._kernel.argtypes
        path = folder / "dwalk.so"
        bridge = hls_dir() / load_kernels().kernels["dwalk"].bridge
        compile_bridge(bridge, W8, path, ("-iquote", COUNTING))
        library = load_library(path, W8)
        self._kernel, self._take = library.dwalk, library.take_cycles
        self._kernel.argtypes, self._kernel.restype = arguments, None
        self._take.argtypes, self._take.restype = [ctypes.c_char_p], ctypes.c_int64

    def build(self, *graph) -> Walk:
        walk = super().build(*graph)
        self.cycles = {name: self._take(name.encode()) for name in SEQUENTIAL}
        return walk


@pytest.fixture(scope="module")
def dwalk(tmp_path_factory):
    return CountedDwalk(tmp_path_factory.mktemp("counted"))


def bound(n_nodes, src, dst, score, settings: DwalkSettings, walk: Walk) -> dict[str, int]:
    """Return what the header says that the functions take at most, if all sources are roots."""
    counts = score > settings.component_cut
    graph = nx.DiGraph(zip(src[counts].tolist(), dst[counts].tolist(), strict=True))
    words, n_edges = -(-n_nodes // 64), graph.number_of_edges()
    n_heads = sum(graph.in_degree(node) == 0 for node in graph)
    depth = nx.dag_longest_path_length(graph) + 1
    return {
        "clear_words": words,
        "load_edges": max(src.size + 1, n_nodes),
        "find_heads": n_heads + words + 4,
        "thin_edges": n_edges + 13 * depth + 13,
        "resolve_components": 2 * (np.unique(src[counts]).size + words + 4),
        "passes": 2 * (n_edges + walk.n_visits) + (walk.n_passes + 1) * (6 * depth + 30),
        "send_tracks": n_nodes + words + 68,
    }


def require_bound(dwalk: CountedDwalk, *graph) -> None:
    expected = bound(*graph, dwalk.build(*graph))
    cycles = dict(dwalk.cycles)
    cycles["passes"] = cycles.pop("find_paths") + cycles.pop("take_paths")
    assert {name: n for name, n in cycles.items() if n > expected[name]} == {}


def random_graph(seed):
    rng = np.random.default_rng(seed)
    n_nodes = int(rng.integers(2, 1000))
    n_edges = int(rng.integers(1, 4 * n_nodes))
    place, ends = rng.permutation(n_nodes), np.sort(rng.integers(0, n_nodes, (2, n_edges)), axis=0)
    src, dst = np.unique(place[ends[:, ends[0] != ends[1]]], axis=1)
    cuts = np.sort(rng.integers(-1, 12, 3)).tolist()
    settings = DwalkSettings(*cuts, int(rng.integers(1, 4)), bool(rng.integers(2)))
    return n_nodes, src, dst, rng.integers(0, 12, src.size), settings


@pytest.mark.parametrize("seed", range(40))
def test_random_graphs_stay_below_the_bound(dwalk, seed):
    require_bound(dwalk, *random_graph(seed))


@pytest.mark.parametrize("width", [1, 2, 5, 12])
def test_layers_stay_below_the_bound(dwalk, width):
    """Joined fully, layer by layer: nodes wait for their parents, and every path takes a pass."""
    src = np.arange(40 * width).repeat(width)
    dst = (src // width + 1) * width + np.arange(src.size) % width
    scores = np.random.default_rng(width).integers(0, 50, src.size)
    require_bound(dwalk, 41 * width, src, dst, scores, ALL)


def test_a_chain_with_a_branch_stays_below_the_bound(dwalk):
    """Every node waits for its parent, the longest wait that there is."""
    src = np.append([0], np.arange(999))
    dst = np.append([2], np.arange(1, 1000))
    canonical = np.lexsort((dst, src))
    require_bound(dwalk, 1000, src[canonical], dst[canonical], np.ones(1000, dtype=np.int64), ALL)
    assert dwalk.cycles["thin_edges"] > 12 * 999


def event_problems(store: EventStore, n_events: int):
    """Yield the number of nodes, source, destination and score of the edges, and the settings."""
    run = load_run(default_run())
    chosen = run.builder("dwalk")
    settings = DwalkSettings(
        chosen.component_cut,
        chosen.min_cut,
        chosen.add_cut,
        chosen.min_hits,
        chosen.metric == "length",
    )
    for event in EventView.of(store, "pixel", n_events):
        graph = build_event_graph(event, run.module_map, run.contract).graph
        scores = student_scores(run.student, graph_inputs(graph, run.contract), run.grid.score)
        yield (
            *(graph.n_nodes, graph.src, graph.dst),
            *(run.builder_scores("dwalk", scores), settings),
        )


def test_four_cycles_per_edge_are_enough_for_the_shipped_events(dwalk):
    for problem in event_problems(sample_store(), 3):
        require_bound(dwalk, *problem)
        assert sum(dwalk.cycles.values()) < 4 * problem[1].size


def main(store: str, n_events: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        dwalk = CountedDwalk(Path(folder))
        for problem in event_problems(EventStore.open(Path(store)), int(n_events)):
            n_nodes, src = problem[:2]
            walk = dwalk.build(*problem)
            at_most = sum(bound(*problem, walk).values())
            cycles = " ".join(f"{name} {n / src.size:.2f}" for name, n in dwalk.cycles.items())
            total = sum(dwalk.cycles.values())
            print(
                f"{n_nodes} nodes, {src.size} edges, {walk.n_passes} passes: "
                f"{total / src.size:.2f} per edge, at most {at_most / src.size:.2f} ({cycles})"
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
