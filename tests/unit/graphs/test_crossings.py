"""Crossings: one collection from which maps of every size and law follow."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from fpga_gnn.contract import TRIPLET_WINDOWS, ModuleMapRecords
from fpga_gnn.errors import InputError
from fpga_gnn.events.sample import map_store
from fpga_gnn.events.targets import TargetSelection
from fpga_gnn.graphs.map_learning import (
    collect_crossings,
    learn_module_map,
    map_from_crossings,
    merge_crossings,
)
from fpga_gnn.graphs.map_settings import MapSettings

DYDX = TRIPLET_WINDOWS.index("dydx")


@pytest.fixture(scope="module")
def events():
    return [map_store().read(event_id) for event_id in range(3)]


def require_same(one, two):
    assert one.info == two.info
    assert np.array_equal(one.doublet_count, two.doublet_count)
    assert np.array_equal(one.triplet_count, two.triplet_count)
    assert np.array_equal(one.modules, two.modules)
    for field in fields(ModuleMapRecords):
        assert np.array_equal(*(getattr(m.records, field.name) for m in (one, two))), field.name


@pytest.mark.parametrize("settings", [MapSettings(), MapSettings(spread="rms", dydx="physical")])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_crossings_of_parts_make_the_map_of_all_events(events, w8, order, settings):
    first = collect_crossings([events[i] for i in order[:1]], w8)
    both = merge_crossings([first, collect_crossings([events[i] for i in order[1:]], w8)])
    require_same(
        map_from_crossings(both, w8, settings, {"made": "here"}),
        learn_module_map(events, w8, settings=settings, source={"made": "here"}),
    )
    require_same(map_from_crossings(first, w8), learn_module_map([events[order[0]]], w8))


def test_the_laws_of_dydx_differ_in_nothing_but_its_window(make_event, w8):
    # A straight line of slope 2: minus the sum of the slopes is -4, their difference is 0.
    event = make_event(
        [(16, 32, 8), (32, 64, 16), (48, 96, 24)], [(0, 1), (0, 2), (0, 3)], [1, 1, 1]
    )
    crossings = collect_crossings([event], w8)
    compatible, physical = (
        map_from_crossings(crossings, w8, MapSettings(dydx=law)).records.triplet_windows
        for law in ("compatible", "physical")
    )
    assert compatible[0, DYDX].tolist() == [-4 << w8.windows.dydx.frac] * 2
    assert physical[0, DYDX].tolist() == [0, 0]
    others = np.arange(len(TRIPLET_WINDOWS)) != DYDX
    assert np.array_equal(compatible[:, others], physical[:, others])


def test_settings_leave_the_crossings_as_they_were(events, w8):
    crossings = collect_crossings(events[:1], w8)
    before = map_from_crossings(crossings, w8)
    map_from_crossings(crossings, w8, MapSettings(pooling="layer", widening=0.5))
    require_same(map_from_crossings(crossings, w8), before)


def test_the_map_says_which_tracks_it_was_learned_from(events, w8):
    selection = TargetSelection(min_pt=2.0)
    crossings = collect_crossings(events, w8, selection)
    info = map_from_crossings(crossings, w8).info
    assert (info.selection, info.n_events) == (selection, 3)
    assert 0 < info.n_tracks < learn_module_map(events, w8).info.n_tracks


def test_no_event_and_no_track_are_refused(make_event, w8):
    with pytest.raises(InputError, match="module map: found no event"):
        collect_crossings([], w8)
    noise = make_event([(30, 0, 0), (60, 0, 0), (90, 0, 0)])
    with pytest.raises(InputError, match="module map: found no target track"):
        map_from_crossings(collect_crossings([noise], w8), w8)
