"""The float64 module map: on integers the integer law, elsewhere what no rounding hides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpga_gnn.contract import DOUBLET_WINDOWS, TRIPLET_WINDOWS, HitRecords, ModuleMapRecords
from fpga_gnn.errors import InputError
from fpga_gnn.events.targets import TargetSelection
from fpga_gnn.graphs.arithmetic import OPEN, FloatArithmetic
from fpga_gnn.graphs.construction import ModuleMapConstruction
from fpga_gnn.graphs.hits import quantize_hits
from fpga_gnn.graphs.map_learning import collect_crossings, learn_module_map
from fpga_gnn.graphs.map_settings import MapSettings
from fpga_gnn.graphs.module_map import build_candidates
from fpga_gnn.graphs.module_map_float import FloatMapConstruction, FloatModuleMap, learn_float_map
from fpga_gnn.graphs.truth import label_edges

COLUMNS = ("src", "dst", "doublet", "tagged")


def real_hits(hits, contract):
    """The real numbers that integer hits stand for, exactly."""
    length, phi, eta = contract.hit.length, contract.hit.phi, contract.hit.eta
    formats = {"x": length, "y": length, "z": length, "r": length, "phi": phi, "eta": eta}
    return np.stack([fmt.to_float(getattr(hits, name)) for name, fmt in formats.items()], axis=1)


def real_windows(windows, names, contract):
    """The real numbers that integer windows [K, V, 2] stand for, open where they are open."""
    columns = []
    for i, name in enumerate(names):
        fmt, column = contract.windows.of(name), windows[:, i]
        unit = contract.hit.length.frac - contract.hit.phi.frac if "slope" in name else 0
        real = np.ldexp(fmt.to_float(column), unit)
        real[column == fmt.min_int] = -OPEN
        columns.append(np.where(column == fmt.max_int, OPEN, real))
    return np.stack(columns, axis=1)


def real_candidates(hits, module_map, contract):
    records = module_map.records
    real = FloatModuleMap(
        module_map,
        real_windows(records.doublet_windows, DOUBLET_WINDOWS, contract),
        real_windows(records.triplet_windows, TRIPLET_WINDOWS, contract),
    )
    return real.candidates(real_hits(hits, contract), hits.module_start)


def same(found, expected):
    return all(np.array_equal(getattr(found, c), getattr(expected, c)) for c in COLUMNS)


@pytest.mark.parametrize("dydx", ["compatible", "physical"])
def test_rounded_hits_and_windows_give_the_integer_candidates(real_event, w8, dydx):
    tolerant = MapSettings(widening=0.3, dydx=dydx)
    learned = learn_module_map([real_event], w8, settings=tolerant)
    hits = quantize_hits(real_event, learned.modules, w8).records
    expected = build_candidates(hits, learned.records, w8, dydx=dydx)
    assert 0 < expected.tagged.sum() < expected.tagged.size
    assert same(real_candidates(hits, learned, w8), expected)


def random_windows(draw, count, names, contract):
    """Windows [K, V, 2] near 0 in units of whole LSB, halves of ratios; many bounds are open."""
    window = np.sort(draw.integers(-9, 10, (count, len(names), 2)), axis=2)
    for i, name in enumerate(names):
        fmt = contract.windows.of(name)
        if name.endswith(("slope", "dydx", "dzdr")):
            window[:, i] <<= fmt.frac - 1
        for side, end in enumerate((fmt.min_int, fmt.max_int)):
            window[draw.random(count) < 0.6, i, side] = end
    return window


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_on_integers_it_is_the_integer_law(real_map, w8, seed, wide):
    """Three modules, all doublets and triplets between them; zeros and equal numbers abound."""
    draw = np.random.default_rng(seed)
    start = np.concatenate([[0], np.cumsum(draw.integers(0, 5, 3))])
    n, phi = int(start[-1]) + 1, w8.hit.phi
    small = draw.integers(-4, 5, (6, n)) * (1 if wide else 2)
    angles = small[4] if wide else draw.integers(phi.min_int, phi.max_int + 1, n)
    hits = HitRecords(*small[:4], angles, small[5], start)
    windows = [random_windows(draw, 6, DOUBLET_WINDOWS, w8)]
    windows.append(random_windows(draw, 12, TRIPLET_WINDOWS, w8))
    targets = [1, 2, 0, 2, 0, 1]
    follow = {0: (2, 3), 1: (4, 5), 2: (0, 1), 3: (4, 5), 4: (0, 1), 5: (2, 3)}
    records = ModuleMapRecords(
        [0, 2, 4, 6],
        targets,
        windows[0],
        np.arange(0, 13, 2),
        [outer for inner in range(6) for outer in follow[inner]],
        windows[1],
    )
    expected = build_candidates(hits, records, w8)
    assert same(real_candidates(hits, replace(real_map, records=records), w8), expected)


def float_map(events, contract, settings):
    learned = learn_module_map(events, contract, settings=settings)
    return learn_float_map(collect_crossings(events, FloatArithmetic()), learned)


@pytest.fixture(scope="module")
def lines(make_event):
    """Two targets from the beam through the same three modules."""
    points = [(30.0 * i, 0.25 * i * n, 10.0 * i * n) for n in (1, 2) for i in (1, 2, 3)]
    return make_event(points, [(0, i) for i in (1, 2, 3)] * 2, [1] * 3 + [2] * 3)


def test_windows_are_the_unrounded_extremes(lines, w8):
    found = float_map([lines], w8, MapSettings())
    assert found.doublet_windows.shape == (2, 4, 2)
    hits = FloatArithmetic().hits(lines)
    z0, dphi, deta, slope = found.doublet_windows[0]
    pairs = [(0, 1), (3, 4)]
    exact = [
        hits.z[a] - hits.r[a] * (hits.z[b] - hits.z[a]) / (hits.r[b] - hits.r[a]) for a, b in pairs
    ]
    assert z0 == pytest.approx([min(exact), max(exact)], abs=1e-9)
    assert dphi.tolist() == [hits.phi[1] - hits.phi[0], hits.phi[4] - hits.phi[3]]
    assert sorted(deta) == sorted(hits.eta[a] - hits.eta[b] for a, b in pairs)
    exact = sorted((hits.phi[b] - hits.phi[a]) / (hits.r[b] - hits.r[a]) for a, b in pairs)
    assert slope == pytest.approx(exact, rel=1e-12)
    assert found.triplet_windows[0, :4].tolist() == found.doublet_windows[0].tolist()
    assert found.triplet_windows[0, 4:8].tolist() == found.doublet_windows[1].tolist()


def test_margins_are_not_rounded(lines, w8):
    narrow, wide = (float_map([lines], w8, MapSettings(widening=w)) for w in (0.0, 0.25))
    low, high = narrow.doublet_windows[0, 2]
    margin = 0.25 * (high - low)
    assert wide.doublet_windows[0, 2].tolist() == [low - margin, high + margin]
    assert margin * 2**w8.hit.eta.frac < 1


def test_a_hit_less_than_a_rounding_away_is_outside(make_event, lines, w8):
    """The integers take a track whose last hit is a hundredth of an LSB off."""
    off = 0.01 * 2.0**-w8.hit.length.frac
    points = [(30.0 * i, 0.5 * i, 20.0 * i) for i in (1, 2, 3)]
    other = make_event([*points[:2], (90.0, 1.5, 60.0 + off)], [(0, 1), (0, 2), (0, 3)])
    learned = learn_module_map([lines], w8)
    integer = ModuleMapConstruction(learned, w8)(other)
    real = FloatMapConstruction(float_map([lines], w8, MapSettings()))(other)
    assert (integer.n_edges, real.n_edges) == (2, 0)


def test_tracks_pass_their_own_map(real_event, w8):
    """But for a few alone in their windows: a sum of two azimuths may round past their dphi."""
    construct = FloatMapConstruction(float_map([real_event], w8, MapSettings()))
    graph = construct(real_event)
    edges = label_edges(real_event, TargetSelection(), graph.rows, graph.src, graph.dst)
    assert 0.99 * edges.n_target_segments <= edges.target.sum() > 700
    integer = ModuleMapConstruction(learn_module_map([real_event], w8), w8)(real_event)
    assert graph.n_edges < integer.n_edges
    assert construct.name == "module-map float64"


def test_an_event_without_hits_has_no_edges(make_event, lines, w8):
    graph = FloatMapConstruction(float_map([lines], w8, MapSettings()))(make_event([]))
    assert (graph.n_nodes, graph.n_edges) == (0, 0)


def test_pooled_windows_are_refused(real_event, real_map):
    crossings = collect_crossings([real_event], FloatArithmetic())
    with pytest.raises(InputError, match="found pooling layer, expected pooling module"):
        learn_float_map(crossings, real_map)
