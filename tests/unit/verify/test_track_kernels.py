"""The kernels find the tracks of the track builders, whose settings they are given."""

from __future__ import annotations

import numpy as np
import pytest

from fpga_gnn.contract import load_contract
from fpga_gnn.tracks.builder import builder
from fpga_gnn.verify.track_kernels import TrackKernels

N_NODES = 40
WALK = {"component_cut": 3, "min_cut": 5, "add_cut": 20}
CHANGES = (
    {"component_cut": 40},
    {"min_cut": 20},
    {"add_cut": 35},
    {"min_hits": 2},
    {"metric": "length"},
)
SETTINGS = [
    ("cc", {"cut": 3, "min_hits": 2}),
    ("cc", {"cut": 40, "min_hits": 3}),
    ("cc-jr", {"cut": 3, "min_hits": 2}),
    ("cc-jr", {"cut": 40, "min_hits": 3}),
    ("dwalk", WALK),
    *(("dwalk", WALK | change) for change in CHANGES),
]


@pytest.fixture(scope="module", params=["reference", "csim"])
def kernels(request):
    return getattr(TrackKernels, request.param)(load_contract("small"))


@pytest.fixture(scope="module")
def edges():
    """An acyclic graph in canonical order, with scores of few values."""
    generator = np.random.default_rng(0)
    pairs = generator.integers(0, N_NODES, (70, 2))
    pairs = np.unique(np.sort(pairs[pairs[:, 0] != pairs[:, 1]]), axis=0)
    return N_NODES, *pairs.T, generator.integers(0, 64, len(pairs))


@pytest.mark.parametrize(("name", "settings"), SETTINGS)
def test_labels_are_those_of_the_builder(kernels, edges, name, settings):
    build = builder(name, **settings)
    expected = build.labels(*edges)
    assert expected.max() >= 0
    assert kernels.labels(build, *edges).tolist() == expected.tolist()


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_every_setting_of_dwalk_counts(edges, change):
    """Else the test above would not see a setting that is handed on wrongly."""
    one, two = (builder("dwalk", **settings).labels(*edges) for settings in (WALK, WALK | change))
    assert one.tolist() != two.tolist()
