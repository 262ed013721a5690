from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpga_gnn.events.event import NO_PARTICLE
from fpga_gnn.events.targets import TargetSelection, target_mask
from fpga_gnn.tracks.candidates import Tracks
from fpga_gnn.tracks.fit import Perigee
from fpga_gnn.tracks.metrics import (
    CHEP_2024,
    TrackSelection,
    match_tracks,
    select_tracks,
    summarize,
)

TARGETS = TargetSelection()
RATES = (
    "efficiency",
    "efficiency_two_way",
    "efficiency_lhc",
    "fake_rate",
    "strict_fake_rate",
    "duplicate_rate",
)


def lists(*hits):
    """Tracks of lists of hit rows."""
    start = np.cumsum([0, *(len(rows) for rows in hits)])
    return Tracks(start, np.array([row for rows in hits for row in rows], dtype=np.int64))


def match(event, track):
    """Match tracks given as a track number per hit."""
    return match_tracks(event, Tracks.from_labels(np.array(track, dtype=np.int64)), TARGETS)


def rates(event, track):
    summary = summarize([match(event, track)])
    return {name: getattr(summary, name) for name in RATES}


def test_perfect_tracks(make_event):
    assert rates(make_event([1, 1, 1, 2, 2, 2]), [0, 0, 0, 1, 1, 1]) == {
        "efficiency": 1,
        "efficiency_two_way": 1,
        "efficiency_lhc": 1,
        "fake_rate": 0,
        "strict_fake_rate": 0,
        "duplicate_rate": 0,
    }


def test_an_event_without_hits_has_no_rates(make_event):
    found = match(make_event([]), [])
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
        "efficiency_lhc": 1,
        "fake_rate": 0,
        "strict_fake_rate": 0.5,
        "duplicate_rate": 1,
    }


def test_the_larger_half_of_a_split_track_is_found_two_way(make_event):
    found = rates(make_event([1] * 5), [0, 0, 0, 1, 1])
    assert (found["efficiency_two_way"], found["duplicate_rate"]) == (1, 1)


def test_merged_tracks_belong_to_the_majority(make_event):
    event = make_event([1, 1, 1, 1, 2, 2, 2])
    found = match(event, [0] * 7)
    assert found.matched.tolist() == [0]
    assert found.found.tolist() == found.found_two_way.tolist() == [True, False]
    assert not found.found_lhc.any()
    assert rates(event, [0] * 7)["efficiency"] == 0.5


def test_exactly_half_is_no_match(make_event):
    event = make_event([1, 1, 1, 2, 2, 2])
    found = match(event, [0] * 6)
    assert found.matched.tolist() == [-1]
    assert not found.found.any()
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
    summary = summarize([match(event, [-1] * 3 + [0] * 3 + [1] * 2)])
    assert (summary.n_targets, summary.n_found, summary.n_matched) == (1, 0, 2)
    assert summary.fake_rate == summary.efficiency == 0


def test_matched_rows_follow_the_particle_table(make_event):
    event = make_event([9, 9, 9, 4, 4, 4])
    found = match(event, [1, 1, 1, 0, 0, 0])
    assert event.particles.particle_id[found.matched].tolist() == [4, 9]
    assert found.pt.tolist() == [2, 2]
    assert found.eta.tolist() == [0, 0]


def test_summaries_add_up_and_particles_of_two_events_are_distinct(make_event):
    one = match(make_event([1, 1, 1, 2, 2, 2]), [0, 0, 0, 1, 2, 2])
    two = match(make_event([1, 1, 1]), [0, 0, 0])
    total = summarize([one, two])
    assert (total.n_events, total.n_targets, total.n_found) == (2, 3, 3)
    assert (total.n_tracks, total.n_matched, total.n_distinct) == (4, 4, 3)
    assert total.n_found_two_way == 3
    assert total.duplicate_rate == 1 / 3
    assert total.strict_fake_rate == 1 / 4


def test_exactly_three_quarters_is_no_lhc_match(make_event):
    event = make_event([1, 1, 1, 1, 2])
    assert match(event, [0, 0, 0, -1, 0]).found_lhc.tolist() == [False, False]
    assert match(event, [0, 0, 0, 0, 0]).found_lhc.tolist() == [True, False]


def test_tracks_may_share_hits(make_event):
    event = make_event([1, 1, 1, 1, 2, 2, 2])
    found = match_tracks(event, lists([0, 1, 2, 3], [3, 4, 5, 6], [2, 3, 4], [3, 4]), TARGETS)
    assert found.matched.tolist() == [0, 1, 0, -1]
    assert found.found_lhc.tolist() == [True, False]
    summary = summarize([found])
    assert (summary.n_tracks, summary.n_matched, summary.n_distinct) == (4, 3, 2)
    assert (summary.efficiency, summary.duplicate_rate) == (1, 1 / 2)


def test_the_same_track_twice_is_a_duplicate(make_event):
    summary = summarize([match_tracks(make_event([1] * 3), lists([0, 1, 2], [2, 1, 0]), TARGETS)])
    assert (summary.efficiency, summary.fake_rate) == (1, 0)
    assert (summary.duplicate_rate, summary.strict_fake_rate) == (1, 0.5)


def test_purity_is_the_largest_share_and_noise_is_of_no_particle(make_event):
    event = make_event([1, 1, 1, 2, NO_PARTICLE, NO_PARTICLE])
    found = match_tracks(event, lists([0, 1, 2], [0, 1, 3, 4], [4, 5], []), TARGETS)
    assert found.purity.tolist() == [1, 0.5, 0, 0]
    assert found.n_hits.tolist() == [3, 4, 2, 0]
    assert found.matched.tolist() == [0, -1, -1, -1]


def test_rates_carry_their_counts_and_names(make_event):
    summary = summarize([match(make_event([1, 1, 1, 2, 2, 2]), [0, 0, 0, 1, -1, -1])])
    assert {name: (rate.passed, rate.total) for name, rate in summary.rates.items()} == {
        "efficiency": (2, 2),
        "efficiency_two_way": (1, 2),
        "efficiency_lhc": (2, 2),
        "fake_rate": (0, 2),
        "strict_fake_rate": (0, 2),
    }
    assert all(getattr(summary, name) == rate.value for name, rate in summary.rates.items())


def perigee(**columns):
    n = len(next(iter(columns.values())))
    values = {name: np.zeros(n) for name in ("d0", "z0", "phi", "theta")} | {"q_over_pt": [0.5] * n}
    return Perigee(**{name: np.array(v) for name, v in (values | columns).items()})


def test_cuts_on_the_perigee_are_strict_and_symmetric():
    tracks = lists(*[range(8)] * 6)
    nan = float("nan")
    for name, limit in (("d0", 20.0), ("z0", 250.0)):
        fit = perigee(**{name: [0, limit, -limit, -limit + 1, limit + 1, nan]})
        kept = select_tracks(tracks, fit, CHEP_2024)
        assert kept.tolist() == [True, False, False, True, False, False]
    fit = perigee(q_over_pt=[0.0, 1.0, -1.0, -0.9, 1.1, nan])
    kept = select_tracks(tracks, fit, CHEP_2024)
    assert kept.tolist() == [True, False, False, True, False, False]


def test_short_tracks_are_not_selected():
    tracks = lists(range(2), range(3), range(7), range(8))
    assert select_tracks(tracks, None, TrackSelection()).tolist() == [False, True, True, True]
    long_ones = select_tracks(tracks, perigee(d0=[0.0] * 4), CHEP_2024)
    assert long_ones.tolist() == [False, False, False, True]
    # without a cut on the perigee, a track without one stays
    lost = perigee(d0=[float("nan")] * 4, q_over_pt=[float("nan")] * 4)
    assert select_tracks(tracks, lost, TrackSelection()).tolist() == [False, True, True, True]


@pytest.mark.parametrize("cut", [{"max_abs_d0": 1.0}, {"max_abs_z0": 1.0}, {"min_pt": 1.0}])
def test_cuts_on_a_perigee_need_one(cut):
    with pytest.raises(ValueError, match="perigee"):
        select_tracks(lists(range(8)), None, TrackSelection(**cut))


def test_no_events_have_no_rates():
    assert summarize([]).n_events == 0


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-1, 4)), max_size=25), st.data())
def test_matching_against_counting(make_event, hits, data):
    owners, track = [owner for owner, _ in hits], [number for _, number in hits]
    secondary = data.draw(st.sets(st.integers(1, 4)))
    event = make_event(owners, list(secondary))
    result = match(event, track)
    ids = event.particles.particle_id.tolist()
    found, found_two_way, found_lhc, matched = set(), set(), set(), []
    for number in range(max(track, default=-1) + 1):
        inside = Counter(owner for owner, t in hits if t == number)
        particle, shared = max(inside.items(), key=lambda item: item[1], default=(0, 0))
        if particle == NO_PARTICLE or 2 * shared <= inside.total():
            matched.append(-1)
            continue
        matched.append(ids.index(particle))
        found.add(particle)
        if 4 * shared > 3 * inside.total():
            found_lhc.add(particle)
        if 2 * shared > owners.count(particle):
            found_two_way.add(particle)
    assert result.matched.tolist() == matched
    assert result.found.tolist() == [particle in found for particle in ids]
    assert result.found_two_way.tolist() == [particle in found_two_way for particle in ids]
    assert result.found_lhc.tolist() == [particle in found_lhc for particle in ids]
    targets = [p not in secondary and owners.count(p) >= 3 for p in ids]
    assert result.target.tolist() == target_mask(event, TARGETS).tolist() == targets
