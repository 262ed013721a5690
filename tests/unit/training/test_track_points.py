"""The cuts of the track builders: chosen on validation events, most targets at few fakes."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpga_gnn.events.event import Event, Hits, Particles
from fpga_gnn.events.sample import sample_store
from fpga_gnn.events.targets import TargetSelection
from fpga_gnn.graphs.construction import HitGraph
from fpga_gnn.tracks.builder import BUILDERS, builder, tracks_of
from fpga_gnn.tracks.metrics import TrackSelection, TrackSummary, match_tracks, summarize
from fpga_gnn.training import track_points
from fpga_gnn.training.track_points import (
    MOST_FAKES,
    ScoredGraph,
    choose_settings,
    merit,
    n_settings,
    track_summary,
    working_points,
)

TARGETS = TargetSelection()


def chain(owners, scores):
    """Hits of ``owners`` in a row, each joined to the next with one of ``scores``."""
    n = len(owners)
    hits = {name: np.zeros(n) for name in Hits.DTYPES}
    hits |= {"hit_id": np.arange(n), "particle_id": np.array(owners)}
    ids = np.unique(owners)
    columns = {name: np.zeros(ids.size) for name in Particles.DTYPES}
    columns |= {"particle_id": ids, "px": columns["px"] + 2, "charge": columns["charge"] + 1}
    columns |= {"primary": np.ones(ids.size, dtype=bool)}
    event = Event(0, Hits(**hits), Particles(**columns))
    graph = HitGraph(np.arange(n), np.arange(n - 1), np.arange(1, n))
    return ScoredGraph(event, graph, np.array(scores, dtype=float))


@pytest.fixture
def two_tracks():
    """Hits 0-2 and 3-5 are tracks; edge 2 would merge them."""
    return chain([1, 1, 1, 2, 2, 2], [0.7, 0.8, 0.3, 0.9, 0.75])


@pytest.mark.parametrize(("cut", "n_found"), [(0.2, 0), (0.5, 2), (0.72, 1), (0.95, 0)])
def test_tracks_at_a_cut(two_tracks, cut, n_found):
    summary = track_summary("cc", {"min_hits": 3, "cut": cut}, [two_tracks], TARGETS)
    assert (summary.n_targets, summary.n_found) == (2, n_found)
    twice = track_summary("cc", {"min_hits": 3, "cut": cut}, [two_tracks] * 2, TARGETS)
    assert (twice.n_events, twice.n_found) == (2, 2 * n_found)


def test_the_cut_separates_true_from_merging_edges(two_tracks):
    settings, summary = choose_settings("cc", [two_tracks], 3, TARGETS)
    assert (summary.efficiency, summary.fake_rate) == (1.0, 0.0)
    # of the cuts that do, the first: logits -4, -3.9, ... and the first above that of 0.3 is -0.8
    assert settings == {"min_hits": 3, "cut": round(1 / (1 + math.exp(0.8)), 4)}


def test_the_cut_is_chosen_over_all_graphs(two_tracks):
    low = replace(two_tracks, score=two_tracks.score - 0.25)
    settings, summary = choose_settings("cc", [two_tracks, low], 3, TARGETS)
    assert 0.3 <= settings["cut"] < 0.45
    assert summary.n_found == 4


def test_without_any_track_the_first_cut_is_chosen():
    noise = chain([1, 2, 3], [0.9, 0.9])
    settings, summary = choose_settings("cc", [noise], 3, TARGETS)
    assert settings["cut"] == round(1 / (1 + math.exp(4)), 4)
    assert summary.n_targets == 0


def test_every_builder_gets_its_working_point(two_tracks):
    calls = []
    tracks = TrackSelection(min_hits=3)
    points = working_points(
        [two_tracks], list(BUILDERS), tracks, TARGETS, lambda *n: calls.append(n)
    )
    assert list(points) == list(BUILDERS)
    total = n_settings(BUILDERS)
    assert calls == [(i + 1, total) for i in range(total)]
    for name, point in points.items():
        labels = builder(name, **point.settings).labels(
            6, two_tracks.graph.src, two_tracks.graph.dst, two_tracks.score
        )
        match = match_tracks(two_tracks.event, tracks_of(labels, two_tracks.graph.rows), TARGETS)
        summary = summarize([match])
        assert (point.efficiency, point.fake_rate) == (summary.efficiency, summary.fake_rate)
    assert points["cc"].efficiency == 1.0


def test_only_the_asked_builders_are_tried(two_tracks):
    points = working_points([two_tracks], ["cc"], TrackSelection(min_hits=4), TARGETS)
    assert list(points) == ["cc"]
    assert points["cc"].settings["min_hits"] == 4
    assert points["cc"].efficiency == 0.0
    assert n_settings(["cc"]) + n_settings(["dwalk"]) == n_settings(["cc", "dwalk"])


@given(
    pure=st.floats(0, MOST_FAKES),
    impure=st.floats(MOST_FAKES, 1, exclude_min=True),
    efficiencies=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_purity_comes_first_then_efficiency(pure, impure, efficiencies):
    low, high = sorted(efficiencies)
    assert merit(low, pure) > merit(high, impure)
    assert merit(high, pure) >= merit(low, 0.0)
    assert merit(high, impure) >= merit(low, impure)


def test_rates_without_denominator_are_the_worst():
    assert merit(math.nan, math.nan) == merit(0.0, 1.0) == (False, 0.0)


def test_truth_as_score_finds_the_targets(graphs):
    event, labelled = sample_store().read(0), graphs[0]
    perfect = ScoredGraph(event, labelled.hit_graph, labelled.labels.target.astype(np.float64))
    for name in BUILDERS:
        settings, summary = choose_settings(name, [perfect], 3, TARGETS)
        assert summary.efficiency > 0.9
        assert summary.fake_rate == 0
        assert settings["min_hits"] == 3


@pytest.mark.parametrize(
    ("fakes_at", "chosen"),
    [
        (lambda cut: 0.10 if cut < 0.5 else 0.04, 0.5),  # the loosest cut that is pure enough
        (lambda cut: 0.10, 0.018),  # none is: most efficiency x (1 - fakes)
    ],
)
def test_the_working_point_finds_most_below_the_wanted_fakes(monkeypatch, fakes_at, chosen):
    def summary(name, settings, scored, targets):
        found = round(1000 * (1 - settings["cut"] / 10))
        fakes = round(1000 * fakes_at(settings["cut"]))
        return TrackSummary(1, 1000, found, found, found, 1000, 1000 - fakes, 1000 - fakes)

    monkeypatch.setattr(track_points, "track_summary", summary)
    settings, best = choose_settings("cc", [], 3, TARGETS)
    assert settings == {"min_hits": 3, "cut": chosen}
    assert best.fake_rate == fakes_at(chosen)
