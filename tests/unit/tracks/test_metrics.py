from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpga_gnn.events.event import NO_PARTICLE
from fpga_gnn.events.targets import TargetSelection, target_mask
from fpga_gnn.tracks.metrics import match_tracks, summarize

TARGETS = TargetSelection()
RATES = ("efficiency", "efficiency_two_way", "fake_rate", "strict_fake_rate", "duplicate_rate")


def rates(event, track):
    summary = summarize([match_tracks(event, np.array(track, dtype=np.int64), TARGETS)])
    return {name: getattr(summary, name) for name in RATES}


def test_perfect_tracks(make_event):
    assert rates(make_event([1, 1, 1, 2, 2, 2]), [0, 0, 0, 1, 1, 1]) == {
        "efficiency": 1,
        "efficiency_two_way": 1,
        "fake_rate": 0,
        "strict_fake_rate": 0,
        "duplicate_rate": 0,
    }


def test_an_event_without_hits_has_no_rates(make_event):
    found = match_tracks(make_event([]), np.zeros(0, dtype=np.int64), TARGETS)
    assert found.matched.size == found.target.size == 0
    summary = summarize([found])
    assert (summary.n_events, summary.n_targets, summary.n_tracks) == (1, 0, 0)
    assert all(math.isnan(getattr(summary, name)) for name in RATES)


def test_without_tracks_nothing_is_found(make_event):
    found = rates(make_event([1, 1, 1]), [-1, -1, -1])
    assert (found["efficiency"], found["efficiency_two_way"]) == (0, 0)
    assert all(math.isnan(found[name]) for name in ("fake_rate", "duplicate_rate"))


def test_a_split_track_is_found_twice_but_not_two_way(make_event):
    assert rates(make_event([1, 1, 1, 1]), [0, 0, 1, 1]) == {
        "efficiency": 1,
        "efficiency_two_way": 0,
        "fake_rate": 0,
        "strict_fake_rate": 0.5,
        "duplicate_rate": 1,
    }


def test_the_larger_half_of_a_split_track_is_found_two_way(make_event):
    found = rates(make_event([1] * 5), [0, 0, 0, 1, 1])
    assert (found["efficiency_two_way"], found["duplicate_rate"]) == (1, 1)


def test_merged_tracks_belong_to_the_majority(make_event):
    event = make_event([1, 1, 1, 1, 2, 2, 2])
    match = match_tracks(event, np.zeros(7, dtype=np.int64), TARGETS)
    assert match.matched.tolist() == [0]
    assert match.found.tolist() == match.found_two_way.tolist() == [True, False]
    assert rates(event, [0] * 7)["efficiency"] == 0.5


def test_exactly_half_is_no_match(make_event):
    event = make_event([1, 1, 1, 2, 2, 2])
    match = match_tracks(event, np.zeros(6, dtype=np.int64), TARGETS)
    assert match.matched.tolist() == [-1]
    assert not match.found.any()
    assert rates(event, [0] * 6)["fake_rate"] == 1


def test_half_of_the_particles_hits_is_not_two_way(make_event):
    found = rates(make_event([1, 1, 1, 1]), [0, 0, -1, -1])
    assert (found["efficiency"], found["efficiency_two_way"]) == (1, 0)


@pytest.mark.parametrize("owners", [[0, 0, 0], [0, 0, 0, 1, 1], [0, 0, 1, 1], [1, 2, 3]])
def test_tracks_without_majority_are_fakes(make_event, owners):
    found = rates(make_event(owners), [0] * len(owners))
    assert (found["fake_rate"], found["strict_fake_rate"]) == (1, 1)


def test_noise_counts_as_hits_of_the_track(make_event):
    event = make_event([1, 1, 1, NO_PARTICLE, NO_PARTICLE, NO_PARTICLE])
    assert rates(event, [0] * 5 + [-1])["efficiency"] == 1
    assert rates(event, [0] * 6)["efficiency"] == 0


def test_particles_that_are_no_targets_match_but_count_not_as_found(make_event):
    event = make_event([1, 1, 1, 2, 2, 2, 3, 3], secondary=[2])
    summary = summarize([match_tracks(event, np.array([-1] * 3 + [0] * 3 + [1] * 2), TARGETS)])
    assert (summary.n_targets, summary.n_found, summary.n_matched) == (1, 0, 2)
    assert summary.fake_rate == summary.efficiency == 0


def test_matched_rows_follow_the_particle_table(make_event):
    event = make_event([9, 9, 9, 4, 4, 4])
    match = match_tracks(event, np.array([1, 1, 1, 0, 0, 0]), TARGETS)
    assert event.particles.particle_id[match.matched].tolist() == [4, 9]
    assert match.pt.tolist() == [2, 2]
    assert match.eta.tolist() == [0, 0]


def test_summaries_add_up_and_particles_of_two_events_are_distinct(make_event):
    one = match_tracks(make_event([1, 1, 1, 2, 2, 2]), np.array([0, 0, 0, 1, 2, 2]), TARGETS)
    two = match_tracks(make_event([1, 1, 1]), np.array([0, 0, 0]), TARGETS)
    total = summarize([one, two])
    assert (total.n_events, total.n_targets, total.n_found) == (2, 3, 3)
    assert (total.n_tracks, total.n_matched, total.n_distinct) == (4, 4, 3)
    assert total.n_found_two_way == 3
    assert total.duplicate_rate == 1 / 3
    assert total.strict_fake_rate == 1 / 4


def test_no_events_have_no_rates():
    assert summarize([]).n_events == 0


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-1, 4)), max_size=25), st.data())
def test_matching_against_counting(make_event, hits, data):
    owners, track = [owner for owner, _ in hits], [number for _, number in hits]
    secondary = data.draw(st.sets(st.integers(1, 4)))
    event = make_event(owners, list(secondary))
    match = match_tracks(event, np.array(track, dtype=np.int64), TARGETS)
    ids = event.particles.particle_id.tolist()
    found, found_two_way, matched = set(), set(), []
    for number in range(max(track, default=-1) + 1):
        inside = Counter(owner for owner, t in hits if t == number)
        particle, shared = max(inside.items(), key=lambda item: item[1], default=(0, 0))
        if particle == NO_PARTICLE or 2 * shared <= inside.total():
            matched.append(-1)
            continue
        matched.append(ids.index(particle))
        found.add(particle)
        if 2 * shared > owners.count(particle):
            found_two_way.add(particle)
    assert match.matched.tolist() == matched
    assert match.found.tolist() == [particle in found for particle in ids]
    assert match.found_two_way.tolist() == [particle in found_two_way for particle in ids]
    targets = [p not in secondary and owners.count(p) >= 3 for p in ids]
    assert match.target.tolist() == target_mask(event, TARGETS).tolist() == targets
