"""What the conformance suite of the module map does not cover: chunks, contracts, no hits, which
law and implementation a map takes."""

from __future__ import annotations

import numpy as np
import pytest

from fpga_gnn.contract import TRIPLET_WINDOWS, HitRecords, ModuleMapRecords
from fpga_gnn.errors import InputError
from fpga_gnn.graphs import module_map, module_map_numba
from fpga_gnn.graphs.graph import build_event_graph
from fpga_gnn.graphs.hits import quantize_hits
from fpga_gnn.graphs.map_learning import learn_module_map
from fpga_gnn.graphs.map_settings import MapSettings
from fpga_gnn.graphs.module_map import build_candidates
from fpga_gnn.reference import module_map as reference

COLUMNS = ("src", "dst", "doublet", "tagged")


def test_real_event_gives_the_candidates_of_the_reference(real_event, real_map, w8):
    hits = quantize_hits(real_event, real_map.modules, w8).records
    found = build_candidates(hits, real_map.records, w8)
    expected = reference.build(hits, real_map.records, w8)
    for column in COLUMNS:
        assert np.array_equal(getattr(found, column), getattr(expected, column))
    assert 0 < found.tagged.sum() < found.tagged.size


@pytest.fixture(scope="module")
def physical_map(real_event, w8):
    return learn_module_map([real_event], w8, settings=MapSettings(dydx="physical"))


def test_a_map_finds_candidates_by_its_own_law(real_event, physical_map, w8):
    hits = quantize_hits(real_event, physical_map.modules, w8).records
    found = physical_map.candidates(hits, w8)
    compatible, physical = (
        build_candidates(hits, physical_map.records, w8, dydx=law)
        for law in ("compatible", "physical")
    )
    assert np.array_equal(found.tagged, physical.tagged)
    assert not np.array_equal(found.tagged, compatible.tagged)
    graph = build_event_graph(real_event, physical_map, w8)
    assert np.array_equal(graph.candidates.tagged, physical.tagged)


def test_a_cpu_takes_numba_and_other_devices_pytorch(monkeypatch, real_event, real_map, w8):
    hits = quantize_hits(real_event, real_map.modules, w8).records
    monkeypatch.setattr(module_map.module_map_numba, "build_candidates", lambda *a: ("numba", *a))
    monkeypatch.setattr(module_map, "build_candidates", lambda *a: ("torch", *a))
    arguments = (hits, real_map.records, w8)
    assert real_map.candidates(hits, w8, "cpu") == ("numba", *arguments, "compatible")
    assert real_map.candidates(hits, w8, "meta") == ("torch", *arguments, "meta", "compatible")


def test_crowded_modules_give_the_candidates_of_the_reference(w8):
    """More candidates per hit than numba has room for at first, hits of equal azimuth."""
    n = 20
    zeros = dict.fromkeys(("x", "y", "z", "r", "phi", "eta"), np.zeros(2 * n))
    phi = np.arange(2 * n) * 7919 % 11
    hits = HitRecords(**zeros | {"phi": phi, "r": phi * 3}, module_start=[0, n, 2 * n])
    open_windows = [
        [w8.windows.of(name).min_int, w8.windows.of(name).max_int] for name in TRIPLET_WINDOWS
    ]
    records = ModuleMapRecords(
        [0, 2, 4],
        [0, 1, 0, 1],
        [open_windows[:4]] * 4,
        [0, 1, 2, 2, 2],
        [1, 2],
        [open_windows] * 2,
    )
    expected = reference.build(hits, records, w8)
    assert expected.src.size == 4 * n * n > module_map_numba._CANDIDATES_PER_HIT * 2 * n
    for build in (build_candidates, module_map_numba.build_candidates):
        found = build(hits, records, w8)
        for column in COLUMNS:
            assert np.array_equal(getattr(found, column), getattr(expected, column))


def test_numba_refuses_hits_of_more_than_30_bits(real_event, real_map, w8):
    hits = quantize_hits(real_event, real_map.modules, w8).records
    eta = w8.hit.eta.model_copy(update={"bits": 31})
    wide = w8.model_copy(update={"hit": w8.hit.model_copy(update={"eta": eta})})
    with pytest.raises(InputError, match="contract w8: hit: found 31 bits, expected 30 or fewer"):
        module_map_numba.build_candidates(hits, real_map.records, wide)


@pytest.mark.parametrize("pairs_per_chunk", [1, 7, 1000])
def test_chunks_change_nothing(monkeypatch, real_event, real_map, w8, pairs_per_chunk):
    hits = quantize_hits(real_event, real_map.modules, w8).records
    whole = build_candidates(hits, real_map.records, w8)
    monkeypatch.setattr(module_map, "_PAIRS_PER_CHUNK", pairs_per_chunk)
    chunked = build_candidates(hits, real_map.records, w8)
    for column in COLUMNS:
        assert np.array_equal(getattr(chunked, column), getattr(whole, column))


def test_an_event_without_hits_has_no_candidates(make_event, real_map, w8):
    hits = quantize_hits(make_event([]), real_map.modules, w8).records
    found = build_candidates(hits, real_map.records, w8)
    assert all(getattr(found, column).shape == (0,) for column in COLUMNS)


def test_a_map_of_other_formats_is_refused(real_map, w8):
    real_map.require_contract(w8.with_partition(8, 8), "map")
    hit = w8.hit.model_copy(update={"eta": w8.hit.length})
    other = w8.model_copy(update={"hit": hit})
    with pytest.raises(InputError, match="module-map build") as caught:
        real_map.require_contract(other, "runs/map")
    for part in ("runs/map", w8.map_sha256[:12], other.map_sha256[:12], "(w8)"):
        assert part in str(caught.value)
