"""The DWALK reference on a graph that one can check by eye, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest

from fpga_gnn.errors import InputError
from fpga_gnn.reference.dwalk import DwalkSettings, build

CUTS = {"component_cut": 1, "min_cut": 5, "add_cut": 9}
EDGES = np.array([(0, 2, 20), (1, 2, 15), (1, 3, 15), (4, 5, 2), (6, 7, 1)], dtype=np.int64)


def walk(min_hits, by_length=False):
    found = build(8, *EDGES.T, DwalkSettings(**CUTS, min_hits=min_hits, by_length=by_length))
    parts = np.split(found.tracks.nodes, found.tracks.start[1:-1])
    return [part.tolist() for part in parts], found.n_passes, found.n_visits


def test_the_simple_component_then_the_paths_of_each_pass():
    """Edges 0-2, 1-2 and 1-3 are left before the first pass, 1-3 before the second."""
    assert walk(2) == ([[4, 5], [0, 2], [1, 3]], 2, 3 + 1)


def test_nodes_left_over_are_tracks_of_one():
    assert walk(1)[0] == [[4, 5], [0, 2], [1, 3], [6], [7]]


def test_by_length_all_edges_weigh_the_same():
    assert walk(2, by_length=True)[0] == [[4, 5], [0, 2], [1, 3]]


def test_a_cycle_is_refused():
    ring = np.array([(0, 1, 7), (1, 0, 7)], dtype=np.int64)
    with pytest.raises(InputError, match="edges above component_cut: found a cycle"):
        build(2, *ring.T, DwalkSettings(**CUTS, min_hits=1, by_length=False))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"min_cut": 1 << 31}, "min_cut: found 2147483648"),
        ({"component_cut": -(1 << 31) - 1}, "component_cut: found -2147483649"),
        ({"min_hits": 0}, "min_hits: found 0"),
    ],
)
def test_settings_that_do_not_fit_are_named(changed, message):
    with pytest.raises(InputError, match=message):
        DwalkSettings(**({**CUTS, "min_hits": 1, "by_length": False} | changed))
