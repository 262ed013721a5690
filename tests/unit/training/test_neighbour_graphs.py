"""Radius and quality of graphs from an embedding, on events one can check by eye."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fpga_gnn.errors import InputError
from fpga_gnn.events.event import NO_PARTICLE, Event, Hits, Particles
from fpga_gnn.events.targets import TargetSelection
from fpga_gnn.models.embedding import Embedding, EmbeddingConfig
from fpga_gnn.training.neighbour_graphs import choose_radius, embed, graph_quality


class Flat(torch.nn.Module):
    """Stands in for an embedding: the point of a hit is ln(r / 100 mm), on one axis."""

    def forward(self, features):
        return features[:, :1]


def make_event(radii, owners, modules=None):
    """Hits on the x axis at ``radii`` of target particles ``owners``."""
    n = len(radii)
    zero = np.zeros(n)
    modules = np.arange(n) if modules is None else modules
    hits = Hits(
        np.arange(n), np.array(radii), zero, zero, zero + 8, zero + 2, np.array(modules), owners
    )
    ids = np.setdiff1d(owners, [NO_PARTICLE])
    columns = {name: np.zeros(ids.size) for name in Particles.DTYPES}
    ones = np.ones(ids.size)
    columns |= {"particle_id": ids, "pdg_id": 211 * ones, "px": 2 * ones, "charge": ones}
    return Event(0, hits, Particles(**(columns | {"primary": ones})))


def test_the_radius_is_the_least_that_finds_the_efficiency():
    # points: ln(r / 100 mm); the four segments are 0.1, 0.2, 0.3 and 0.4 long
    radii = 100 * np.exp([0.0, 0.1, 0.3, 0.6, 1.0])
    event = make_event(radii, [1] * 5)
    for efficiency, expected in ((0.25, 0.1), (0.26, 0.2), (0.5, 0.2), (0.75, 0.3), (1.0, 0.4)):
        radius = choose_radius(Flat(), [event], TargetSelection(), efficiency)
        assert expected <= radius < expected + 2.1e-4
        (summary,) = graph_quality(Flat(), [event], TargetSelection(), [radius])
        assert summary.efficiency.value >= efficiency


def test_segments_no_edge_can_find_limit_the_efficiency():
    # hits 1 and 2 are on one module
    event = make_event([100.0, 110.0, 120.0, 130.0], [1] * 4, modules=[0, 1, 1, 2])
    assert choose_radius(Flat(), [event], TargetSelection(), 0.66) < 0.1
    with pytest.raises(InputError, match=r"target efficiency: found 0.67, expected less: 0.6667"):
        choose_radius(Flat(), [event], TargetSelection(), 0.67)


def test_without_target_segments_there_is_no_radius():
    event = make_event([100.0, 110.0], [NO_PARTICLE] * 2)
    with pytest.raises(InputError, match="no target segment"):
        choose_radius(Flat(), [event], TargetSelection(), 0.9)


def test_quality_counts_what_one_can_check_by_eye():
    # particle 1: hits 0, 1, 3; noise: hit 2
    radii = 100 * np.exp([0.0, 0.1, 0.15, 0.3])
    event = make_event(radii, [1, 1, NO_PARTICLE, 1])
    small, large = graph_quality(Flat(), [event, event], TargetSelection(), [0.11, 0.31])
    # 0-1 (target), 1-2; and with the larger radius 0-2, 2-3, 1-3 (target), 0-3 (ignored)
    assert (small.n_edges, small.n_events) == (4, 2)
    assert (small.efficiency.passed, small.efficiency.total) == (2, 4)
    assert (small.purity.passed, small.purity.total) == (2, 4)
    assert (large.n_edges, large.edges_per_event) == (12, 6)
    assert (large.efficiency.passed, large.efficiency.total) == (4, 4)
    assert (large.purity.passed, large.purity.total) == (4, 10)


def test_a_hit_on_the_beam_has_no_embedding():
    event = make_event([100.0, 0.0], [1, 1])
    with pytest.raises(InputError, match=r"event 0: hit 1: found x = y = 0"):
        embed(Embedding(EmbeddingConfig()), event)
