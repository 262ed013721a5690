"""Graphs of an event: all doublets of the module map, or those that triplets confirm."""

from __future__ import annotations

import numpy as np
import pytest

from fpga_gnn.graphs.construction import ModuleMapConstruction
from fpga_gnn.graphs.hits import quantize_hits
from fpga_gnn.graphs.module_map import tagged_edges


@pytest.fixture
def candidates(real_event, real_map, w8):
    return real_map.candidates(quantize_hits(real_event, real_map.modules, w8).records, w8)


def test_doublet_graphs_have_all_candidates_and_triplet_graphs_the_tagged(
    real_event, real_map, w8, candidates
):
    doublets = ModuleMapConstruction(real_map, w8, triplets=False)(real_event)
    triplets = ModuleMapConstruction(real_map, w8)(real_event)
    assert 0 < triplets.n_edges < doublets.n_edges
    assert np.array_equal(doublets.src, candidates.src)
    assert np.array_equal(doublets.dst, candidates.dst)
    src, dst = tagged_edges(candidates)
    assert np.array_equal(triplets.src, src)
    assert np.array_equal(triplets.dst, dst)
    rows = quantize_hits(real_event, real_map.modules, w8).rows
    assert np.array_equal(doublets.rows, rows)
    assert doublets.n_nodes == triplets.n_nodes == len(real_event.hits)


def test_a_map_without_triplets_finds_the_same_pairs_and_tags_none(
    real_event, real_map, w8, candidates
):
    without = real_map.doublet_map
    assert (without.records.n_triplets, without.triplet_count.size) == (0, 0)
    assert without.records.n_doublets == real_map.records.n_doublets
    found = without.candidates(quantize_hits(real_event, real_map.modules, w8).records, w8)
    for column in ("src", "dst", "doublet"):
        assert np.array_equal(getattr(found, column), getattr(candidates, column))
    assert candidates.tagged.any()
    assert not found.tagged.any()


def test_constructions_have_the_names_of_reports(real_map, w8):
    assert ModuleMapConstruction(real_map, w8).name == "module-map"
    assert ModuleMapConstruction(real_map, w8, triplets=False).name == "module-map doublets"
