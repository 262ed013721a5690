"""What the conformance suite of the module map does not cover: chunks, contracts, no hits."""

from __future__ import annotations

import numpy as np
import pytest

from fpga_gnn.errors import InputError
from fpga_gnn.graphs import module_map
from fpga_gnn.graphs.hits import quantize_hits
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
