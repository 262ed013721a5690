from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from fpga_gnn.contract import CandidateRecords, HitRecords
from fpga_gnn.events.event import NO_PARTICLE, Event, Hits, Particles
from fpga_gnn.graphs.graph import EventGraph, Graph
from fpga_gnn.graphs.hits import QuantizedHits


@pytest.fixture(scope="session")
def make_event() -> Callable[..., Event]:
    def make(owners: Sequence[int], secondary: Sequence[int] = ()) -> Event:
        """An event with one hit per owner; all particles but the secondary ones are targets
        if they have three hits."""
        hits = {name: np.zeros(len(owners)) for name in Hits.DTYPES}
        hits |= {"hit_id": np.arange(len(owners)), "particle_id": np.array(owners, dtype=int)}
        ids = np.array(sorted({*owners} - {NO_PARTICLE}), dtype=int)
        columns = {name: np.zeros(ids.size) for name in Particles.DTYPES}
        columns |= {"particle_id": ids, "px": columns["px"] + 2, "charge": columns["charge"] + 1}
        columns |= {"primary": ~np.isin(ids, secondary)}
        return Event(0, Hits(**hits), Particles(**columns))

    return make


@pytest.fixture(scope="session")
def make_event_graph() -> Callable[..., EventGraph]:
    def make(rows: Sequence[int], edges: Sequence[tuple[int, int]]) -> EventGraph:
        """A graph without features; node ``n`` is row ``rows[n]`` of the event's hits."""
        n = len(rows)
        src, dst = np.array(edges, dtype=np.int64).reshape(-1, 2).T
        graph = Graph(np.zeros((n, 1)), np.zeros((src.size, 1)), src, dst, np.zeros((n, 2)), 0)
        hits = QuantizedHits(HitRecords(*[np.zeros(n)] * 6, [0, n]), np.array(rows, dtype=int), 0)
        ones = np.ones(src.size)
        return EventGraph(graph, hits, CandidateRecords(src, dst, 0 * ones, ones))

    return make
