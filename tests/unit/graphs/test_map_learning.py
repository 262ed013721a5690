from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import pairwise
from math import ceil, cos, floor, radians, sin

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpga_gnn.contract import DOUBLET_WINDOWS, TRIPLET_WINDOWS
from fpga_gnn.errors import InputError
from fpga_gnn.events.event import NO_PARTICLE
from fpga_gnn.events.sample import map_store
from fpga_gnn.events.targets import TargetSelection
from fpga_gnn.graphs import map_learning
from fpga_gnn.graphs.hits import quantize_hits
from fpga_gnn.graphs.map_learning import learn_module_map
from fpga_gnn.graphs.map_settings import MapSettings
from fpga_gnn.graphs.module_map import build_candidates
from fpga_gnn.graphs.truth import truth_segments

TWO_HITS = TargetSelection(min_hits=2)
FEW = settings(deadline=None, max_examples=40)


def sensor(name: str) -> tuple[int, int]:
    """Layer and module of ``name``: capital letters are modules of layer 1, others of layer 0."""
    return int(name.isupper()), ord(name)


def key_of(name: str) -> int:
    layer, module = sensor(name)
    return (8 << 40) | (layer << 24) | module


@pytest.fixture(scope="session")
def tracks(make_event):
    """Return tracks(paths, points=None): one target per path, a hit per letter (its module).

    ``points`` holds one list of points per path; by default each path is a straight line.
    """

    def make(paths, points=None):
        lines = points or [
            [(30 * i * cos(n), 30 * i * sin(n), 9.0 * i * n) for i in range(1, len(path) + 1)]
            for n, path in enumerate(paths)
        ]
        return make_event(
            [point for line in lines for point in line],
            [sensor(name) for path in paths for name in path],
            [n for n, path in enumerate(paths, start=1) for _ in path],
        )

    return make


def doublets_of(module_map):
    """Return {(source key, target key): (count, {window name: [low, high]})}."""
    records, keys = module_map.records, module_map.modules.tolist()
    source = np.repeat(np.arange(records.n_modules), np.diff(records.doublet_start))
    return {
        (keys[source[row]], keys[records.doublet_target[row]]): (
            int(module_map.doublet_count[row]),
            dict(zip(DOUBLET_WINDOWS, records.doublet_windows[row].tolist(), strict=True)),
        )
        for row in range(records.n_doublets)
    }


def triplets_of(module_map):
    """Return {(key, key, key): (count, {window name: [low, high]})}."""
    records, pairs = module_map.records, list(doublets_of(module_map))
    inner = np.repeat(np.arange(records.n_doublets), np.diff(records.triplet_start))
    return {
        (*pairs[inner[row]], pairs[records.triplet_outer[row]][1]): (
            int(module_map.triplet_count[row]),
            dict(zip(TRIPLET_WINDOWS, records.triplet_windows[row].tolist(), strict=True)),
        )
        for row in range(records.n_triplets)
    }


def names(entries):
    """Return the letters of the modules of each entry with its count."""
    return {
        "".join(chr(key & 0xFFFF) for key in keys): count for keys, (count, _) in entries.items()
    }


def exact_doublet(hits, contract, a, b):
    """Return the exact variables of a hit pair in LSB of their windows (dr is not zero)."""
    r1, r2, z1, z2 = (int(v) for v in (hits.r[a], hits.r[b], hits.z[a], hits.z[b]))
    half = 1 << (contract.hit.phi.bits - 1)
    dphi = (int(hits.phi[b] - hits.phi[a]) + half) % (2 * half) - half
    return {
        "z0": z1 - Fraction(r1 * (z2 - z1), r2 - r1),
        "dphi": Fraction(dphi),
        "deta": Fraction(int(hits.eta[a] - hits.eta[b])),
        "phi_slope": Fraction(dphi << contract.windows.phi_slope.frac, r2 - r1),
    }


def exact_triplet(hits, contract, a, b, c):
    x, y, z, r = (
        [int(column[h]) for h in (a, b, c)] for column in (hits.x, hits.y, hits.z, hits.r)
    )
    dydx = Fraction(y[1] - y[0], x[0] - x[1]) - Fraction(y[1] - y[2], x[1] - x[2])
    dzdr = Fraction(z[1] - z[0], r[1] - r[0]) - Fraction(z[2] - z[1], r[2] - r[1])
    inner, outer = exact_doublet(hits, contract, a, b), exact_doublet(hits, contract, b, c)
    return (
        {f"inner_{name}": value for name, value in inner.items()}
        | {f"outer_{name}": value for name, value in outer.items()}
        | {
            "dydx": dydx * (1 << contract.windows.dydx.frac),
            "dzdr": dzdr * (1 << contract.windows.dzdr.frac),
        }
    )


def envelope(values):
    """Return {name: [floor of the lowest, ceiling of the highest]} of rows of variables."""
    return {
        name: [floor(min(row[name] for row in values)), ceil(max(row[name] for row in values))]
        for name in values[0]
    }


def at(degrees, radius, z=9.0):
    """Return the point of this azimuth."""
    return (radius * cos(radians(degrees)), radius * sin(radians(degrees)), z)


BENT = [
    [(30, 1, 5), (61, -3, 14), (89, -12, 30)],
    [(29, 4, -7), (60, 8, -9), (92, 16, -14)],
    [(31, -6, 50), (63, -2, 101), (90, 11, 151)],
]


def test_windows_are_the_exact_range_rounded_outwards(tracks, w8):
    event = tracks(["abc"] * 3, BENT)
    learned = learn_module_map([event], w8)
    hits = quantize_hits(event, learned.modules, w8).records
    rows = [(n, 3 + n, 6 + n) for n in range(3)]  # sorted by module
    doublets, triplets = doublets_of(learned), triplets_of(learned)
    for ends, name in (((0, 1), "ab"), ((1, 2), "bc")):
        values = [exact_doublet(hits, w8, row[ends[0]], row[ends[1]]) for row in rows]
        assert doublets[tuple(map(key_of, name))] == (3, envelope(values))
    values = [exact_triplet(hits, w8, *row) for row in rows]
    assert triplets == {tuple(map(key_of, "abc")): (3, envelope(values))}
    assert (learned.info.n_tracks, learned.info.n_events) == (3, 1)


def test_windows_join_over_events(tracks, w8):
    together = learn_module_map([tracks(["abc"] * 3, BENT)], w8)
    apart = learn_module_map([tracks(["abc"], [line]) for line in BENT], w8)
    assert doublets_of(apart) == doublets_of(together)
    assert triplets_of(apart) == triplets_of(together)
    assert (apart.info.n_tracks, apart.info.n_events) == (3, 3)


def test_a_ratio_without_denominator_opens_its_bound(tracks, w8):
    z0, slope = w8.windows.z0, w8.windows.phi_slope
    up, down = [(30, 0, 10), (30, 0, 20)], [(30, 0, -10), (30, 0, -20)]
    leans = [(30, 0, 10), (60, 0, 20)]
    windows = doublets_of(learn_module_map([tracks(["ab"], [up])], w8, TWO_HITS))
    ((_, window),) = windows.values()
    assert window["z0"] == [z0.max_int, z0.max_int]
    assert window["phi_slope"] == [slope.max_int, slope.max_int]
    windows = doublets_of(learn_module_map([tracks(["ab"], [down])], w8, TWO_HITS))
    ((_, window),) = windows.values()
    assert window["z0"] == [z0.min_int, z0.min_int]
    windows = doublets_of(learn_module_map([tracks(["ab"] * 2, [up, leans])], w8, TWO_HITS))
    ((_, window),) = windows.values()
    assert window["z0"] == [0, z0.max_int]


def test_tracks_with_infinite_ratios_pass_their_own_map(tracks, w8):
    flat = [(30, 0, 10), (30, 0, 20), (30, 0, 40)]
    vertical = [(40, 1, 10), (40, 5, 30), (40, 9, 20)]
    inwards = [(-60, 0, -50), (-50, 0, -70), (-40, 0, -90)]
    for points in (flat, vertical, inwards):
        for pooling in ("module", "layer"):
            event = tracks(["abc"], [points])
            learned = learn_module_map([event], w8, settings=MapSettings(pooling=pooling))
            hits = quantize_hits(event, learned.modules, w8).records
            found = build_candidates(hits, learned.records, w8)
            assert found.tagged.tolist() == [1, 1]


def test_tables_are_sorted_and_counted(tracks, w8):
    learned = learn_module_map([tracks(["abd", "abc", "acd", "abd", "bcd"])], w8)
    doublets, triplets = doublets_of(learned), triplets_of(learned)
    assert list(doublets) == sorted(doublets)
    assert list(triplets) == sorted(triplets)
    assert names(doublets) == {"ab": 3, "ac": 1, "bc": 2, "bd": 2, "cd": 2}
    assert names(triplets) == {"abc": 1, "abd": 2, "acd": 1, "bcd": 1}
    assert learned.modules.tolist() == [key_of(name) for name in "abcd"]


def test_rare_entries_are_dropped_and_counted(tracks, w8):
    event = tracks(["abc", "abc", "bcd", "xab"])
    learned = learn_module_map([event], w8, settings=MapSettings(min_occurrence=2))
    assert names(doublets_of(learned)) == {"ab": 3, "bc": 3}
    assert names(triplets_of(learned)) == {"abc": 2}
    assert learned.modules.tolist() == [key_of(name) for name in "abc"]
    assert learned.info.n_rare_doublets == 2
    assert learned.info.n_dropped_triplets == 2
    assert learned.info.min_occurrence == 2


def test_the_rarest_doublet_of_a_cycle_goes_with_its_triplets(tracks, w8):
    event = tracks(["ab", "ab", "ab", "bc", "cab", "da"])
    learned = learn_module_map([event], w8, TWO_HITS)
    # a -> b (4), b -> c (1), c -> a (1) is a cycle; d -> a (1) is on none
    assert names(doublets_of(learned)) == {"ab": 4, "ca": 1, "da": 1}
    assert names(triplets_of(learned)) == {"cab": 1}
    assert (learned.info.n_cycle_doublets, learned.info.n_dropped_triplets) == (1, 0)
    event = tracks(["ab", "ab", "bc", "bc", "cab"])
    learned = learn_module_map([event], w8, TWO_HITS)
    assert names(doublets_of(learned)) == {"ab": 3, "bc": 2}
    assert names(triplets_of(learned)) == {}
    assert (learned.info.n_cycle_doublets, learned.info.n_dropped_triplets) == (1, 1)


def without_cycles(counts):
    """Drop the rarest pair that lies on a cycle, first of equals, until there is none."""
    kept = dict(sorted(counts.items()))
    while True:
        reach = {a: {a} for pair in kept for a in pair}
        for _ in reach:
            for a, b in kept:
                for reached in reach.values():
                    if a in reached:
                        reached.add(b)
        on_cycle = [pair for pair in kept if pair[0] in reach[pair[1]]]
        if not on_cycle:
            return kept
        del kept[min(on_cycle, key=lambda pair: kept[pair])]


@FEW
@given(
    st.lists(
        st.permutations("abcde").flatmap(lambda p: st.sampled_from([p[:2], p[:3]])), min_size=1
    )
)
def test_no_cycle_is_left_and_no_more_is_dropped(tracks, w8, paths):
    points = [[at(ord(name), 30 + i) for i, name in enumerate(path)] for path in paths]
    learned = learn_module_map([tracks(paths, points)], w8, TWO_HITS)
    counts = Counter("".join(pair) for path in paths for pair in pairwise(path))
    assert names(doublets_of(learned)) == without_cycles(counts)
    assert learned.info.n_cycle_doublets == len(counts) - learned.records.n_doublets


@FEW
@given(st.lists(st.floats(0, 3), min_size=2, max_size=4).map(sorted))
def test_widening_grows_windows_by_a_share_of_their_width(tracks, w8, widenings):
    event = tracks(["abc"] * 3, BENT)
    plain = learn_module_map([event], w8).records
    before = plain
    for widening in widenings:
        wide = learn_module_map([event], w8, settings=MapSettings(widening=widening)).records
        for name, variables in (("doublet", DOUBLET_WINDOWS), ("triplet", TRIPLET_WINDOWS)):
            now, last, own = (getattr(r, f"{name}_windows") for r in (wide, before, plain))
            assert (now[..., 0] <= last[..., 0]).all()
            assert (now[..., 1] >= last[..., 1]).all()
            for index, variable in enumerate(variables):
                fixed = w8.windows.of(variable)
                for (low, high), found in zip(own[:, index], now[:, index], strict=True):
                    margin = ceil(widening * int(high - low))
                    exact = [max(low - margin, fixed.min_int), min(high + margin, fixed.max_int)]
                    assert found.tolist() == exact
        before = wide


def test_the_smallest_widening_rounds_outwards(tracks, w8):
    plain, wide = (
        learn_module_map([tracks(["abc"] * 3, BENT)], w8, settings=MapSettings(widening=w))
        for w in (0.0, 1e-300)
    )
    before, after = plain.records.triplet_windows, wide.records.triplet_windows
    assert np.array_equal(after[..., 0], before[..., 0] - 1)
    assert np.array_equal(after[..., 1], before[..., 1] + 1)


def pointing_back_to(*heights):
    """Return lines of two points that meet the beam axis at each of ``heights`` (mm)."""
    return [[(32, 0, z0 + 8), (64, 0, z0 + 16)] for z0 in heights]


def z0_windows(learned):
    return {
        "".join(chr(key & 0xFFFF) for key in keys): windows["z0"]
        for keys, (_, windows) in doublets_of(learned).items()
    }


LSB = 32
"""Of z0, per mm."""


def test_rms_windows_by_hand(tracks, w8):
    # mean 1 mm, root mean square 3 mm about it; and one of which the rms is no integer
    event = tracks(["ab"] * 2 + ["cd"] * 3, pointing_back_to(-2, 4, -4, 0, 4))

    def windows(**options):
        return z0_windows(learn_module_map([event], w8, TWO_HITS, MapSettings(**options)))

    assert windows() == {"ab": [-2 * LSB, 4 * LSB], "cd": [-4 * LSB, 4 * LSB]}
    rms = 4 * LSB * (2 / 3) ** 0.5
    assert windows(spread="rms", n_rms=2) == {
        "ab": [(1 - 6) * LSB, (1 + 6) * LSB],
        "cd": [floor(-2 * rms), ceil(2 * rms)],
    }
    # widened by half of 12 mm on both sides
    assert windows(spread="rms", n_rms=2, widening=0.5)["ab"] == [-11 * LSB, 13 * LSB]


def test_rms_windows_are_those_of_numpy(tracks, w8):
    event = tracks(["abc"] * 3, BENT)
    learned = learn_module_map([event], w8, settings=MapSettings(spread="rms", n_rms=1.5))
    hits = quantize_hits(event, learned.modules, w8).records
    values = [exact_triplet(hits, w8, n, 3 + n, 6 + n) for n in range(3)]
    ((_, windows),) = triplets_of(learned).values()
    for name, window in windows.items():
        middle = [(floor(row[name]) + ceil(row[name])) / 2 for row in values]
        mean, rms = np.mean(middle), np.std(middle)
        assert window == [floor(mean - 1.5 * rms), ceil(mean + 1.5 * rms)]


def test_layers_share_the_mean_of_all_their_tracks(tracks, w8):
    event = tracks(["aA", "aA", "bA", "bB"], pointing_back_to(0, 0, 8, 8))
    layers = MapSettings(pooling="layer", spread="rms", n_rms=1)
    learned = learn_module_map([event], w8, TWO_HITS, layers)
    assert z0_windows(learned) == {key: [0, 8 * LSB] for key in ("aA", "bA", "bB")}
    assert learned.doublet_count.tolist() == [2, 1, 1]
    layers = MapSettings(pooling="layer", small_sample=1)
    learned = learn_module_map([event], w8, TWO_HITS, layers)
    # four tracks share a window of 8 mm
    assert z0_windows(learned) == {key: [-2 * LSB, 10 * LSB] for key in ("aA", "bA", "bB")}


def test_entries_of_few_tracks_grow_by_the_width_of_well_known_ones(tracks, w8):
    # 20 tracks of aA are 4 mm wide; bA, cA with their one track and bB with two are no measure
    paths = ["aA"] * 20 + ["bA", "cA", "bB", "bB"]
    event = tracks(paths, pointing_back_to(*[0, 4] * 10, 0, 1, 0, 40))
    learned = learn_module_map([event], w8, TWO_HITS, MapSettings(small_sample=2))
    width = 4 * LSB
    assert z0_windows(learned) == {
        "aA": [-ceil(2 * width / 20), width + ceil(2 * width / 20)],
        "bA": [-2 * width, 2 * width],
        "cA": [LSB - 2 * width, LSB + 2 * width],
        "bB": [-width, 40 * LSB + width],
    }


def test_layers_without_well_known_entries_take_the_median_of_all(tracks, w8):
    # widths in the layers: 4 mm of aA, 0 of bA, 2 mm of cA; the other layers' do not count
    event = tracks(
        ["aA"] * 2 + ["bA"] + ["cA"] * 2 + ["ab"] * 2, pointing_back_to(0, 4, 0, 0, 2, 0, 40)
    )
    settings = MapSettings(small_sample=1, widening=0.25)
    learned = learn_module_map([event], w8, TWO_HITS, settings)
    assert z0_windows(learned) == {
        "aA": [-2 * LSB, 6 * LSB],  # 1 mm of its own width and 2 mm / 2 tracks
        "bA": [-2 * LSB, 2 * LSB],  # 2 mm / 1 track
        "cA": [-3 * LSB // 2, 2 * LSB + 3 * LSB // 2],
        "ab": [-30 * LSB, 70 * LSB],
    }


AROUND = {"a": 10, "b": 100, "c": 190, "d": 280}
LOCAL = {"e": 40, "f": 42, "g": 44, "p": 179, "q": 181, "x": -1, "y": 1}


def test_a_ring_around_the_beam_is_no_cycle(tracks, w8):
    paths = ["ab", "bc", "cd", "da"]
    points = [[at(AROUND[n], 30 + i) for i, n in enumerate(path)] for path in paths]
    learned = learn_module_map([tracks(paths, points)], w8, TWO_HITS)
    assert names(doublets_of(learned)) == dict.fromkeys(paths, 1)
    assert learned.info.n_cycle_doublets == 0


def test_local_cycles_beside_a_ring_lose_their_rarest_doublet(tracks, w8):
    # p and q lie on either side of one cut of the detector, x and y of the other
    counts = {"ab": 1, "bc": 1, "cd": 1, "da": 1, "ef": 3, "fg": 3, "ge": 2}
    counts |= {"pq": 2, "qp": 1, "xy": 1, "yx": 1, "ae": 1}
    paths = [path for path, count in counts.items() for _ in range(count)]
    where = AROUND | LOCAL
    points = [[at(where[n], 30 + i) for i, n in enumerate(path)] for path in paths]
    learned = learn_module_map([tracks(paths, points)], w8, TWO_HITS)
    gone = {"ge", "qp", "xy"}
    assert names(doublets_of(learned)) == {p: n for p, n in counts.items() if p not in gone}
    assert learned.info.n_cycle_doublets == len(gone)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_learning_in_batches_equals_learning_at_once(tracks, w8, monkeypatch, size):
    paths = ["abc", "abd", "bcd", "abc", "abc"]
    points = [BENT[i % 3] for i in range(5)]
    events = [tracks([path], [line]) for path, line in zip(paths, points, strict=True)]
    settings = MapSettings(spread="rms", widening=0.1, small_sample=0.3)
    together = learn_module_map([tracks(paths, points)], w8, settings=settings)
    monkeypatch.setattr(map_learning, "_EVENTS_PER_MERGE", size)
    apart = learn_module_map(iter(events), w8, settings=settings)
    assert doublets_of(apart) == doublets_of(together)
    assert triplets_of(apart) == triplets_of(together)
    assert (apart.info.n_events, apart.info.n_tracks) == (5, 5)


def test_widening_keeps_closed_bounds_of_infinite_ratios(tracks, w8):
    points = [(30, 0, 10), (30, 0, 20)]
    event = tracks(["ab"], [points])
    plain, wide = (
        learn_module_map([event], w8, TWO_HITS, MapSettings(widening=w, small_sample=w))
        for w in (0.0, 0.5)
    )
    assert doublets_of(plain) == doublets_of(wide)


def test_layers_share_windows_and_make_triplets_of_their_doublets(tracks, w8):
    # layer 0: a b, layer 1: A B; the third hit lies on layer 0 again
    event = tracks(["aAc", "bAd", "bBc"], BENT)
    by_module = learn_module_map([event], w8)
    by_layer = learn_module_map([event], w8, settings=MapSettings(pooling="layer"))
    assert names(doublets_of(by_layer)) == names(doublets_of(by_module))
    hits = quantize_hits(event, by_layer.modules, w8)
    node = {int(row): n for n, row in enumerate(hits.rows)}
    rows = [tuple(node[3 * track + i] for i in range(3)) for track in range(3)]
    for ends in ((0, 1), (1, 2)):
        values = [exact_doublet(hits.records, w8, r[ends[0]], r[ends[1]]) for r in rows]
        for pair, (_, windows) in doublets_of(by_layer).items():
            if (pair[0] >> 24) & 1 == ends[0]:
                assert windows == envelope(values)
    assert names(triplets_of(by_module)) == {"aAc": 1, "bAd": 1, "bBc": 1}
    assert names(triplets_of(by_layer)) == {"aAc": 1, "aAd": 0, "bAc": 0, "bAd": 1, "bBc": 1}
    joint = envelope([exact_triplet(hits.records, w8, *row) for row in rows])
    dydx = w8.windows.dydx
    joint["dydx"] = [dydx.min_int, dydx.max_int]
    assert all(windows == joint for _, windows in triplets_of(by_layer).values())
    assert by_layer.info.n_dropped_triplets == 0


def test_layers_make_no_triplet_that_no_track_crossed(tracks, w8):
    event = tracks(["ab", "bC"])
    learned = learn_module_map([event], w8, TWO_HITS, MapSettings(pooling="layer"))
    assert names(doublets_of(learned)) == {"ab": 1, "bC": 1}
    assert triplets_of(learned) == {}


def test_two_hits_on_one_module_make_no_doublet(tracks, w8):
    learned = learn_module_map([tracks(["aabc"])], w8)
    assert names(doublets_of(learned)) == {"ab": 1, "bc": 1}
    assert names(triplets_of(learned)) == {"abc": 1}


def test_only_targets_teach(tracks, w8):
    event = tracks(["abc", "bcd", "ab"])
    assert names(doublets_of(learn_module_map([event], w8))) == {"ab": 1, "bc": 2, "cd": 1}
    selection = TargetSelection(min_hits=4)
    with pytest.raises(InputError, match="module map: found no target track"):
        learn_module_map([event], w8, selection)


def test_nothing_to_learn_from_is_an_error(make_event, w8):
    noise = make_event([(10, 0, 0), (20, 0, 0)], owners=[NO_PARTICLE] * 2)
    with pytest.raises(InputError, match="found no event"):
        learn_module_map([], w8)
    for events in ([make_event([])], [noise]):
        with pytest.raises(InputError, match="found no target track"):
            learn_module_map(events, w8)


def test_info_says_how_the_map_was_made(tracks, w8):
    chosen = MapSettings(pooling="layer", spread="rms", n_rms=3, widening=0.25, dydx="physical")
    learned = learn_module_map([tracks(["abc"])], w8, TWO_HITS, chosen, {"events": "hand-made"})
    info = learned.info.model_dump()
    assert info.items() >= chosen.model_dump().items()
    assert info["source"] == {"events": "hand-made"}
    assert (info["contract"], info["map_sha256"]) == (w8.name, w8.map_sha256)
    assert learned.info.selection == TWO_HITS


@pytest.mark.parametrize("pooling", ["module", "layer"])
@pytest.mark.parametrize("min_occurrence", [1, 2])
def test_training_tracks_pass_their_own_map(real_event, w8, pooling, min_occurrence):
    """Every training segment in a triplet that the map keeps is a tagged edge; the others belong
    to doublets and triplets whose number the map states."""
    events = [real_event, map_store().read(1)]
    chosen = MapSettings(pooling=pooling, min_occurrence=min_occurrence)
    learned = learn_module_map(events, w8, settings=chosen)
    doublets, triplets = set(doublets_of(learned)), set(triplets_of(learned))
    crossed_pairs, crossed_triples, n_refound = set(), set(), 0
    for event in events:
        key = event.hits.module_key
        found = truth_segments(event, TargetSelection())
        pairs = np.stack([found.inner, found.outer], axis=1)[found.target]
        pairs = pairs[key[pairs[:, 0]] != key[pairs[:, 1]]]
        chained = pairs[:-1, 1] == pairs[1:, 0]
        triples = np.column_stack([pairs[:-1][chained], pairs[1:, 1][chained]])
        crossed_pairs |= set(map(tuple, key[pairs].tolist()))
        crossed_triples |= set(map(tuple, key[triples].tolist()))

        hits = quantize_hits(event, learned.modules, w8)
        candidates = build_candidates(hits.records, learned.records, w8)
        tagged = candidates.tagged == 1
        edges = zip(
            hits.rows[candidates.src[tagged]], hits.rows[candidates.dst[tagged]], strict=True
        )
        kept = [tuple(t) in triplets for t in key[triples].tolist()]
        wanted = {tuple(p) for t in triples[kept].tolist() for p in pairwise(t)}
        assert wanted <= set(edges)
        n_refound += len(wanted)
    info = learned.info
    assert n_refound > 1000 / min_occurrence
    assert len(crossed_pairs - doublets) == info.n_rare_doublets + info.n_cycle_doublets
    assert len(crossed_triples - triplets) == info.n_dropped_triplets
    assert (info.n_rare_doublets > 0) == (min_occurrence > 1)
    if min_occurrence == 1:
        lost = {t for t in crossed_triples if {t[:2], t[1:]} <= doublets} - triplets
        assert not lost
    assert info.n_cycle_doublets == 0
