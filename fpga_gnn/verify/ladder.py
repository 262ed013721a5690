"""The verification ladder: every implementation of every stage on the same events, held to ``==``.

Its rungs are those of the module map, the edge classifier and the track-building kernels, in the
modules of these names. The first difference raises ``MismatchError``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.events.event import Event
from fpga_gnn.export.firmware import Firmware
from fpga_gnn.graphs.graph import EventGraph, build_event_graph
from fpga_gnn.graphs.partition import PartitionedGraph
from fpga_gnn.training.run import Run
from fpga_gnn.verify.edge_classifier import EdgeClassifierRungs
from fpga_gnn.verify.module_map import ModuleMapRungs
from fpga_gnn.verify.rung import Rung
from fpga_gnn.verify.track_building import TrackBuildingRungs


@dataclass(frozen=True)
class ScoredEvent:
    """An event on top of the ladder: its graph and its firmware scores [E] (integers)."""

    event: Event
    event_graph: EventGraph
    partitioned: PartitionedGraph
    scores: Int64


class Ladder:
    """Climbs the ladder with one trained ``run`` and its ``firmware``."""

    def __init__(self, run: Run, firmware: Firmware) -> None:
        self._run = run
        self._map = ModuleMapRungs(run.contract, run.module_map)
        self._classifier = EdgeClassifierRungs(run, firmware)
        self._tracks = TrackBuildingRungs(run)

    @property
    def rungs(self) -> list[Rung]:
        """All rungs with their counts so far."""
        return [*self._map.rungs, *self._classifier.rungs, *self._tracks.rungs]

    @property
    def n_edges(self) -> int:
        """Edges compared on every rung of the edge classifier."""
        return min(rung.n_compared for rung in self._classifier.rungs)

    def climb(
        self,
        events: Iterable[Event],
        *,
        min_edges: int | None,
        progress: Callable[[int], None],
    ) -> list[ScoredEvent]:
        """Compare ``events`` until ``min_edges`` edges stood every rung (None: all events).

        ``progress`` is called with the number of edges compared so far.
        """
        scored = []
        for event in events:
            scored.append(self._event(event, progress))
            if min_edges is not None and self.n_edges >= min_edges:
                break
        return scored

    def _event(self, event: Event, progress: Callable[[int], None]) -> ScoredEvent:
        case = f"event {event.event_id}"
        event_graph = build_event_graph(event, self._run.module_map, self._run.contract)
        self._map.compare(event_graph, case)
        partitioned, scores = self._classifier.compare(event_graph.graph, case, progress)
        self._tracks.compare(event_graph.graph, scores, case)
        return ScoredEvent(event, event_graph, partitioned, scores)
