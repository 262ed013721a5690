"""What the track-building kernels ask of their edges, and the best edge of each node."""

from __future__ import annotations

import numpy as np
import pytest

from fpga_gnn.errors import InputError
from fpga_gnn.reference.scored_edges import best_edges, check_edges, check_setting


def columns(*rows):
    return [np.array(row, dtype=np.int64) for row in rows]


def test_edges_at_the_ends_of_the_format_pass():
    check_edges(3, *columns([0, 0, 2], [0, 2, 1], [-4, 3, 0]), -4, 3)


@pytest.mark.parametrize(
    ("n_nodes", "rows", "message"),
    [
        (-1, ([], [], []), "n_nodes: found -1"),
        (2, ([0], [0, 1], [1]), "edges: found shapes"),
        (2, ([2], [0], [1]), r"src\[0\]: found 2, expected 0\.\.1"),
        (2, ([0], [-1], [1]), r"dst\[0\]: found -1, expected 0\.\.1"),
        (2, ([0, 1], [0, 1], [0, 4]), r"score\[1\]: found 4, expected -4\.\.3"),
        (2, ([0, 1], [0, 1], [-5, 0]), r"score\[0\]: found -5"),
        (3, ([0, 1, 0], [0, 1, 2], [0, 0, 0]), r"edge 2: found \(0, 2\) after \(1, 1\)"),
        (3, ([0, 0], [1, 1], [0, 0]), r"edge 1: found \(0, 1\) after \(0, 1\)"),
    ],
)
def test_bad_edges_are_named(n_nodes, rows, message):
    with pytest.raises(InputError, match=message):
        check_edges(n_nodes, *columns(*rows), -4, 3)


@pytest.mark.parametrize("value", [0, 4])
def test_a_setting_outside_its_range_is_named(value):
    with pytest.raises(InputError, match=rf"min_hits: found {value}, expected 1\.\.3"):
        check_setting("min_hits", value, 1, 3)


def test_the_first_of_equal_edges_is_best():
    end, score = columns([1, 1, 0, 1], [5, 7, -2, 7])
    assert best_edges(3, end, score).tolist() == [2, 1, -1]
