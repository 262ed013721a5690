from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpga_gnn.events.targets import TargetSelection
from fpga_gnn.graphs.truth import EdgeLabels, label_edges
from fpga_gnn.tracks.edge_metrics import (
    curve_cuts,
    edge_curve,
    edge_particles,
    summarize_edges,
    summarize_graphs,
)

FAKE, TARGET, IGNORED = range(3)


def labels(kinds, n_target_segments):
    kind = np.array(kinds, dtype=np.int64)
    target, ignored = kind == TARGET, kind == IGNORED
    return EdgeLabels(target | ignored, target, ignored, n_target_segments)


def test_rates_by_hand():
    kinds = [TARGET, TARGET, TARGET, FAKE, FAKE, IGNORED, IGNORED]
    found = summarize_edges([[5, 3, 1, 4, 0, 9, 3]], [labels(kinds, 4)], cut=2)
    assert (found.n_events, found.n_edges, found.n_target_edges) == (1, 7, 3)
    assert found.graph_efficiency == 3 / 4
    assert found.graph_purity == 3 / 5
    assert found.efficiency == 2 / 3
    assert found.purity == 2 / 3
    # of the six target-fake pairs (5 3 1 against 4 0) four are in order
    assert found.auc == 4 / 6


def test_a_score_at_the_cut_does_not_pass():
    found = summarize_edges([[2, 3]], [labels([TARGET, TARGET], 2)], cut=2)
    assert found.efficiency == 1 / 2


def test_ignored_edges_count_for_nothing():
    with_them = summarize_edges([[1, 9, 3]], [labels([TARGET, IGNORED, FAKE], 1)], cut=0)
    without = summarize_edges([[1, 3]], [labels([TARGET, FAKE], 1)], cut=0)
    assert with_them.n_edges == 3
    for name in ("graph_efficiency", "graph_purity", "efficiency", "purity", "auc"):
        assert getattr(with_them, name) == getattr(without, name)


def test_equal_scores_are_worth_half():
    found = summarize_edges([[7, 7, 7]], [labels([TARGET, FAKE, FAKE], 1)], cut=0)
    assert found.auc == 0.5


@pytest.mark.parametrize(
    ("kinds", "undefined"),
    [
        ([], {"efficiency", "purity", "auc", "graph_purity", "graph_efficiency"}),
        ([FAKE], {"efficiency", "auc", "graph_efficiency"}),
        ([TARGET], {"auc"}),
        ([IGNORED], {"efficiency", "purity", "auc", "graph_purity", "graph_efficiency"}),
    ],
)
def test_a_rate_without_denominator_is_nan(kinds, undefined):
    found = summarize_edges([[5] * len(kinds)], [labels(kinds, kinds.count(TARGET))], cut=0)
    rates = {"efficiency", "purity", "auc", "graph_purity", "graph_efficiency"}
    assert {name for name in rates if math.isnan(getattr(found, name))} == undefined


edges = st.lists(st.tuples(st.integers(-4, 4), st.sampled_from([FAKE, TARGET, IGNORED])))


def same(found, part, whole):
    return found == part / whole if whole else math.isnan(found)


@settings(deadline=None)
@given(st.lists(edges, min_size=1, max_size=3), st.integers(-5, 5), st.integers(0, 5))
def test_rates_against_counting(events, cut, lost):
    n_segments = [sum(kind == TARGET for _, kind in event) + lost for event in events]
    found = summarize_edges(
        [[score for score, _ in event] for event in events],
        [labels([kind for _, kind in e], n) for e, n in zip(events, n_segments, strict=True)],
        cut,
    )
    pooled = [edge for event in events for edge in event]
    target = [score for score, kind in pooled if kind == TARGET]
    fake = [score for score, kind in pooled if kind == FAKE]
    good, bad = (sum(score > cut for score in scores) for scores in (target, fake))
    won = sum((t > f) + (t == f) / 2 for t in target for f in fake)
    assert (found.n_edges, found.n_target_edges) == (len(pooled), len(target))
    assert same(found.graph_efficiency, len(target), sum(n_segments))
    assert same(found.graph_purity, len(target), len(target) + len(fake))
    assert same(found.efficiency, good, len(target))
    assert same(found.purity, good, good + bad)
    assert same(found.auc, won, len(target) * len(fake))


def test_graph_construction_by_hand():
    one = labels([TARGET, TARGET, FAKE, IGNORED], 3)
    two = labels([FAKE, FAKE], 1)
    found = summarize_graphs([one, two])
    assert (found.n_events, found.n_edges, found.edges_per_event) == (2, 6, 3)
    assert (found.efficiency.passed, found.efficiency.total) == (2, 4)
    assert (found.purity.passed, found.purity.total) == (2, 5)
    assert math.isnan(summarize_graphs([]).efficiency.value)


def test_curve_by_hand():
    kinds = [TARGET, TARGET, TARGET, FAKE, FAKE, IGNORED]
    found = edge_curve([[5, 3, 1, 4, 0, 9]], [labels(kinds, 3)], [4, 2, -1, 5])
    assert found.cuts.tolist() == [-1, 2, 4, 5]
    assert found.efficiency.tolist() == [1, 2 / 3, 1 / 3, 0]
    assert found.fake_efficiency.tolist() == [1, 1 / 2, 0, 0]
    assert found.purity[:3].tolist() == [3 / 5, 2 / 3, 1]
    assert math.isnan(found.purity[3])


@settings(deadline=None)
@given(st.lists(edges, min_size=1, max_size=3))
def test_the_curve_is_the_summary_at_every_cut(events):
    scores = [[score for score, _ in event] for event in events]
    truth = [labels([kind for _, kind in event], 0) for event in events]
    found = edge_curve(scores, truth, range(-5, 6))
    for i, cut in enumerate(range(-5, 6)):
        at_cut = summarize_edges(scores, truth, cut)
        assert np.array_equal(found.efficiency[i], at_cut.efficiency, equal_nan=True)
        assert np.array_equal(found.purity[i], at_cut.purity, equal_nan=True)


@settings(deadline=None)
@given(st.lists(edges, min_size=1, max_size=3))
def test_the_area_under_the_roc_curve_is_the_auc(events):
    scores = [[score for score, _ in event] for event in events]
    truth = [labels([kind for _, kind in event], 0) for event in events]
    auc = summarize_edges(scores, truth, 0).auc
    roc = edge_curve(scores, truth, np.arange(-5, 6))
    area = -np.trapezoid(roc.efficiency, roc.fake_efficiency)
    assert math.isclose(area, auc, abs_tol=1e-12) or math.isnan(auc)


def test_cuts_reach_from_the_lowest_to_the_highest_score_and_crowd_with_them():
    rng = np.random.default_rng(0)
    score = np.concatenate([rng.normal(10, 0.1, 500), rng.normal(-10, 0.1, 500)])
    truth = [labels([TARGET] * 500 + [FAKE] * 500, 500)]
    cuts = curve_cuts([score], truth, n=20)
    assert (cuts[0], cuts[-1]) == (score.min(), score.max())
    assert (np.diff(cuts) > 0).all()
    assert (np.abs(cuts) > 9.5).sum() >= 38
    assert curve_cuts([[3.0]], [labels([IGNORED], 0)]).size == 0
    assert curve_cuts([[3.0, 3.0]], [labels([TARGET, FAKE], 0)]).tolist() == [3]


def test_each_target_edge_knows_its_particle(make_event):
    event = make_event([7, 0, 5, 7, 5, 7, 5], secondary=[])
    rows = np.array([6, 5, 4, 3, 2, 1, 0])
    src, dst = np.array([6, 3, 4, 0]), np.array([3, 1, 2, 5])
    truth = label_edges(event, TargetSelection(), rows, src, dst)
    assert truth.target.tolist() == [True, True, True, False]
    found = edge_particles(event, rows, src, truth)
    assert event.particles.particle_id[found].tolist() == [7, 7, 5]
