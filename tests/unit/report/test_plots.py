"""The pictures: drawn from data and from none, never blank, whole or not at all."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from fpga_gnn.report.plots import (
    efficiency_vs_pt,
    event_display,
    score_histogram,
    wilson_interval,
)

SRC, DST = np.array([0, 1, 2, 3]), np.array([1, 2, 3, 4])
ANGLE = np.linspace(0.1, 1.5, 5)
X, Y, Z = 100 * np.cos(ANGLE), 100 * np.sin(ANGLE), np.linspace(-300, 300, 5)
MASKS = {
    "some": np.array([True, False, True, False]),
    "none": np.zeros(4, bool),
    "all": np.ones(4, bool),
}


def pixels(path):
    """The picture as an array; fails if ``path`` is no PNG or all of one colour."""
    image = imread(path)
    assert path.read_bytes().startswith(b"\x89PNG")
    assert min(image.shape[:2]) > 300
    assert np.unique(image).size > 10
    assert [p.name for p in path.parent.iterdir() if p.name.startswith(".")] == []
    return image


def test_event_display_shows_which_edges_pass_and_which_hits_are_on_tracks(tmp_path):
    tracks = {"none": np.full(5, -1), "some": np.array([0, 0, 0, -1, 21])}
    pictures = []
    for passing, track in (("none", "none"), ("all", "none"), ("some", "some")):
        path = tmp_path / f"{passing}.png"
        event_display(path, X, Y, Z, SRC, DST, MASKS[passing], tracks[track], "event 1")
        pictures.append(pixels(path))
    assert not np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[1], pictures[2])


def test_event_display_of_an_empty_event(tmp_path):
    none = np.zeros(0, np.int64)
    event_display(tmp_path / "event.png", *[np.zeros(0)] * 3, none, none, none > 0, none, "no hits")
    pixels(tmp_path / "event.png")


@pytest.mark.parametrize("target", MASKS)
def test_score_histogram(tmp_path, target):
    mask = MASKS[target]
    score_histogram(tmp_path / "s.png", np.array([-3.0, 1.0, 2.0, -0.5]), mask, ~mask, 0.25)
    pixels(tmp_path / "s.png")


@pytest.mark.parametrize("scores", [np.full(4, 1.5), np.zeros(0)])
def test_score_histogram_without_a_range(tmp_path, scores):
    mask = MASKS["some"][: scores.size]
    score_histogram(tmp_path / "s.png", scores, mask, ~mask, 0.0)
    pixels(tmp_path / "s.png")


def test_score_histogram_of_ignored_edges_only(tmp_path):
    none = MASKS["none"]
    score_histogram(tmp_path / "s.png", np.array([-3.0, 1.0, 2.0, -0.5]), none, none, 0.25)
    pixels(tmp_path / "s.png")


@pytest.mark.parametrize(
    ("pt", "found"),
    [
        ([1.1, 1.6, 7.0, 300.0], [True, False, True, True]),
        ([1.1, 1.6], [False, False]),
        ([4.0], [True]),
        ([], []),
    ],
)
def test_efficiency_vs_pt(tmp_path, pt, found):
    efficiency_vs_pt(tmp_path / "e.png", np.array(pt), np.array(found, dtype=bool))
    pixels(tmp_path / "e.png")


def test_efficiency_counts_every_particle(tmp_path, monkeypatch):
    drawn = {}

    def errorbar(_, x, y, **options):
        drawn.update(x=x, y=y)

    monkeypatch.setattr("matplotlib.axes.Axes.errorbar", errorbar)
    pt = np.array([1.0, 1.1, 1.2, 6.0, 6.0, 19.99, 20.0, 500.0])
    efficiency_vs_pt(tmp_path / "e.png", pt, np.array([1, 0, 1, 1, 0, 1, 1, 0], dtype=bool))
    assert np.allclose(drawn["y"], [2 / 3, 1 / 2, 2 / 3])
    assert np.allclose(drawn["x"], np.sqrt([1.25, 50, 200]))


def test_wilson_interval():
    k, n = np.array([0.0, 5, 10, 1]), np.array([10.0, 10, 10, 1])
    low, high = wilson_interval(k, n)
    assert np.allclose(low, [0, (0.55 - np.sqrt(0.025 + 0.0025)) / 1.1, 10 / 11, 0.5])
    assert np.allclose(high, [1 / 11, (0.55 + np.sqrt(0.025 + 0.0025)) / 1.1, 1, 1])
    assert ((low >= 0) & (low <= k / n) & (k / n <= high) & (high <= 1)).all()


def test_a_picture_that_fails_keeps_the_earlier_one(tmp_path, monkeypatch):
    path = tmp_path / "e.png"
    path.write_bytes(b"earlier")

    def fail(_, file, **options):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        efficiency_vs_pt(path, np.array([2.0]), np.array([True]))
    assert path.read_bytes() == b"earlier"
