from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpga_gnn.graphs.truth import EdgeLabels
from fpga_gnn.tracks.edge_metrics import summarize_edges

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
