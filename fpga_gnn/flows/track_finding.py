"""Events to tracks on one backend: graph construction, edge scores, track building."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.events.event import Event
from fpga_gnn.flows.backends import Backend, BuiltGraph, GraphScores
from fpga_gnn.report.reconstruction import STAGES


@dataclass(frozen=True, eq=False)
class FoundTracks:
    """What each stage made of an event; ``labels`` [N] is the track of each node, -1 for none."""

    built: BuiltGraph
    scored: GraphScores
    labels: Int64


def find_tracks(
    backend: Backend, builder: str, events: Sequence[Event]
) -> tuple[list[FoundTracks], dict[str, float]]:
    """Return the tracks of each of ``events`` and the seconds of each of ``STAGES``.

    The edges of all events are scored in one call.
    """
    times = [time.perf_counter()]
    built = [backend.graph(event) for event in events]
    times.append(time.perf_counter())
    scored = backend.scores([one.graph for one in built])
    times.append(time.perf_counter())
    pairs = list(zip(built, scored, strict=True))
    labels = [backend.labels(builder, one.graph, scores) for one, scores in pairs]
    times.append(time.perf_counter())
    found = [FoundTracks(*pair, label) for pair, label in zip(pairs, labels, strict=True)]
    return found, dict(zip(STAGES, np.diff(times).tolist(), strict=True))
