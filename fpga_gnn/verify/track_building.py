"""Rungs of the track-building kernels on the same scores: numba == integer reference == C
simulation for connected components, the track builder and DWALK."""

from __future__ import annotations

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.graphs.graph import Graph
from fpga_gnn.tracks.connected_components import label
from fpga_gnn.training.run import Run
from fpga_gnn.verify.rung import Rung, chain
from fpga_gnn.verify.track_kernels import TrackKernels

_NAMES = ("numba", "integer reference", "csim")
_KERNELS = {"cc-jr": "track builder", "dwalk": "dwalk"}
"""The kernel of each builder whose tracks are hit lists."""


class TrackBuildingRungs:
    """Holds the kernels against the track builders of ``run`` at its working points.

    Raises ``InputError`` for a run without a working point of one of them.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._reference = TrackKernels.reference(run.contract)
        self._csim = TrackKernels.csim(run.contract)
        self._components = chain("connected components", "nodes", *_NAMES)
        self._builders = {name: run.builder(name) for name in _KERNELS}
        self._lists = {
            name: (
                Rung(kernel, *_NAMES[:2], "nodes"),
                Rung(kernel, *_NAMES[1:], "tracks"),
            )
            for name, kernel in _KERNELS.items()
        }

    @property
    def rungs(self) -> list[Rung]:
        """All rungs with their counts so far."""
        return [*self._components, *(rung for pair in self._lists.values() for rung in pair)]

    def compare(self, graph: Graph, scores: Int64, case: str) -> None:
        """Hold every implementation against the next on ``graph`` with integer ``scores`` [E]."""
        self._compare_components(graph, scores, case)
        for name in self._builders:
            self._compare_hit_lists(name, graph, scores, case)

    def _compare_components(self, graph: Graph, scores: Int64, case: str) -> None:
        edges = graph.n_nodes, graph.src, graph.dst, scores > self._run.score_cut
        expected = label(*edges)
        for rung, kernels in zip(self._components, (self._reference, self._csim), strict=True):
            with rung.timed():
                got = kernels.components(*edges)
            rung.n_compared += rung.hold(case, expected, got)

    def _compare_hit_lists(self, name: str, graph: Graph, scores: Int64, case: str) -> None:
        builder, (labels, lists) = self._builders[name], self._lists[name]
        edges = graph.n_nodes, graph.src, graph.dst, self._run.builder_scores(name, scores)
        with labels.timed():
            expected = self._reference.hit_lists(builder, *edges)
        labels.n_compared += labels.hold(
            case, builder.labels(*edges), expected.labels(graph.n_nodes)
        )
        with lists.timed():
            got = self._csim.hit_lists(builder, *edges)
        for column in ("start", "nodes"):
            lists.hold(f"{case} {column}", getattr(expected, column), getattr(got, column))
        lists.n_compared += len(expected)
