"""The pictures: drawn from data and from none, never blank, whole or not at all."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread

from fpga_gnn.report.plots import (
    BinnedCurve,
    GraphCurve,
    ParetoPoint,
    RateCurve,
    ShapeOccupancy,
    efficiency_vs_eta,
    efficiency_vs_pt,
    event_display,
    graph_growth,
    graph_windows,
    pareto,
    partition_occupancy,
    purity_vs_efficiency,
    rates_vs_cut,
    residuals,
    score_histogram,
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


EDGES = np.array([1.0, 2.0, 5.0, 20.0])
NAN = float("nan")


def curve(name, value, edges=EDGES):
    value = np.array(value)
    return BinnedCurve(name, edges, value, value - 0.1, np.minimum(value + 0.05, 1))


CURVES = {
    "one": [curve("cc", [0.9, 0.8, 1.0])],
    "empty bins": [curve("cc", [0.9, NAN, NAN])],
    "all bins empty": [curve("cc", [NAN] * 3)],
    "none found": [curve("cc", [0.1] * 3)],
    "many": [curve(f"builder {i}", [0.9, 0.8, 1 - i / 50]) for i in range(8)]
    + [curve("ckf", [0.95, 0.97, 0.99])],
    "none": [],
}


@pytest.mark.parametrize("curves", CURVES)
@pytest.mark.parametrize("draw", [efficiency_vs_pt, efficiency_vs_eta])
def test_efficiencies(tmp_path, draw, curves):
    draw(tmp_path / "e.png", CURVES[curves], "10 events")
    pixels(tmp_path / "e.png")


@pytest.fixture
def drawn(monkeypatch):
    """What errorbar is called with, in order."""
    calls = []
    original = Axes.errorbar

    def errorbar(axes, x, y, **options):
        calls.append({"x": x, "y": y, **options})
        return original(axes, x, y, **options)

    monkeypatch.setattr(Axes, "errorbar", errorbar)
    return calls


def test_one_curve_stands_in_the_middle_of_its_filled_bins(tmp_path, drawn):
    efficiency_vs_pt(tmp_path / "p.png", [curve("cc", [0.9, NAN, 1.0])], "")
    efficiency_vs_eta(tmp_path / "e.png", [curve("cc", [0.9, NAN, 1.0])], "")
    assert np.allclose(drawn[0]["x"], np.sqrt([2, 100]))
    assert np.allclose(drawn[1]["x"], [1.5, 12.5])
    assert drawn[0]["y"].tolist() == [0.9, 1.0]
    assert np.allclose(drawn[0]["yerr"], [[0.1, 0.1], [0.05, 0]])


def test_points_of_several_curves_stay_inside_their_bins_and_apart(tmp_path, drawn):
    efficiency_vs_pt(tmp_path / "p.png", CURVES["many"], "")
    x = np.array([call["x"] for call in drawn])
    assert ((x > EDGES[:-1]) & (x < EDGES[1:])).all()
    assert (np.diff(x, axis=0) > 0).all()


def test_the_ckf_is_black_squares_and_nothing_else_is(tmp_path, drawn):
    efficiency_vs_eta(tmp_path / "p.png", CURVES["many"], "")
    style = [(call["color"], call["fmt"], call["label"]) for call in drawn]
    assert style[-1] == ("black", "s", "CKF")
    assert all(colour != "black" and mark != "s" for colour, mark, _ in style[:-1])
    assert len(set(style)) == 9


CUTS = np.linspace(-3, 3, 7)
FALLING, RISING = np.linspace(1, 0, 7), np.array([0.1, 0.2, 0.4, 0.6, 0.9, 1, NAN])


def test_rates_vs_cut(tmp_path):
    for name, keep in (("all", 7), ("none", 0)):
        path = tmp_path / f"{name}.png"
        rates_vs_cut(path, CUTS[:keep], FALLING[:keep], RISING[:keep], 0.5)
    assert not np.array_equal(pixels(tmp_path / "all.png"), pixels(tmp_path / "none.png"))


@pytest.mark.parametrize("n", [0, 1, 8])
def test_purity_vs_efficiency(tmp_path, n):
    curves = [RateCurve(f"classifier {i}", FALLING, RISING) for i in range(n)]
    purity_vs_efficiency(tmp_path / "p.png", curves)
    pixels(tmp_path / "p.png")


def graph_curves(n):
    columns = (FALLING[:n], RISING[:n], 1e6 * RISING[:n], 900 * RISING[:n])
    return [GraphCurve(name, *columns) for name in ("doublets", "triplets")] if n else []


@pytest.mark.parametrize("n", [0, 1, 3])
def test_graph_growth(tmp_path, n):
    graph_growth(tmp_path / "g.png", np.array([10, 100, 500])[:n], graph_curves(n))
    pixels(tmp_path / "g.png")


@pytest.mark.parametrize("n", [0, 1, 3])
def test_graph_windows(tmp_path, n):
    graph_windows(tmp_path / "w.png", np.array([0.0, 0.1, 0.3])[:n], graph_curves(n))
    pixels(tmp_path / "w.png")


def test_graphs_are_drawn_in_four_panels_and_a_gap_where_a_figure_is_missing(tmp_path, monkeypatch):
    drawn = {}
    original = Axes.plot

    def plot(axes, x, y, **options):
        drawn[len(drawn)] = (options["label"], x.tolist(), y.tolist())
        return original(axes, x, y, **options)

    monkeypatch.setattr(Axes, "plot", plot)
    columns = [np.array([v, v + 1.0]) for v in (1.0, 2.0, 3.0)]
    curve = GraphCurve("doublets", *columns, np.array([4.0, np.inf]))
    graph_growth(tmp_path / "g.png", np.array([10, 100]), [curve])
    assert [(name, x) for name, x, _ in drawn.values()] == [("doublets", [10, 100])] * 4
    assert [y for *_, y in drawn.values()] == [[1, 2], [2, 3], [3, 4], [4, float("inf")]]


@pytest.mark.parametrize(
    "values",
    [np.linspace(-1, 1, 50), np.array([NAN, 1.0]), np.full(5, NAN), np.zeros(3), np.zeros(0)],
    ids=["many", "one", "no fit", "all the same", "none"],
)
def test_residuals(tmp_path, values):
    names = ("d0", "z0", "phi", "theta", "q_over_pt")
    residuals(tmp_path / "r.png", dict.fromkeys(names, values), "residuals")
    pixels(tmp_path / "r.png")


def test_residuals_say_the_core_width_in_their_units(tmp_path, monkeypatch):
    labels = []
    original = Axes.plot

    def plot(axes, *args, **options):
        labels.append(options.get("label", ""))
        return original(axes, *args, **options)

    monkeypatch.setattr(Axes, "plot", plot)
    # the 16 % and 84 % quantiles of 0..100 um are 16 and 84; a value far out is outside
    values = np.append(np.arange(101) / 1000, [NAN])
    residuals(tmp_path / "r.png", {"d0": values}, "")
    residuals(tmp_path / "r.png", {"d0": np.append(np.zeros(99), [1e-3, 5.0])}, "")
    assert labels[0] == "core width 34 µm\nmedian 50 µm\noutside 0 of 101"
    assert labels[1].endswith("outside 1 of 101")


def test_a_picture_that_fails_keeps_the_earlier_one(tmp_path, monkeypatch):
    path = tmp_path / "e.png"
    path.write_bytes(b"earlier")

    def fail(_, file, **options):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        efficiency_vs_pt(path, CURVES["one"], "")
    assert path.read_bytes() == b"earlier"


def test_pareto_draws_the_front_and_the_names(tmp_path, monkeypatch):
    drawn, named = [], []
    errorbar, annotate = Axes.errorbar, Axes.annotate

    def bars(axes, x, y, **style):
        drawn.append((list(x), style["fmt"]))
        return errorbar(axes, x, y, **style)

    def name(axes, text, *rest, **style):
        named.append(text)
        return annotate(axes, text, *rest, **style)

    monkeypatch.setattr(Axes, "errorbar", bars)
    monkeypatch.setattr(Axes, "annotate", name)
    points = [
        ParetoPoint("large", 9000.0, 0.95, 0.94, 0.96, True),
        ParetoPoint("poor", 5000.0, 0.70, 0.65, 0.75, False),
        ParetoPoint("small", 1000.0, 0.90, 0.88, 0.92, True),
    ]
    pareto(tmp_path / "pareto.png", points, "2 events")
    pixels(tmp_path / "pareto.png")
    assert drawn == [([5000.0], "o"), ([1000.0, 9000.0], "o-")]
    assert named == ["large", "poor", "small"]


def test_pareto_of_nothing(tmp_path):
    pareto(tmp_path / "pareto.png", [], "no events")
    pixels(tmp_path / "pareto.png")


def test_occupancy_draws_the_share_of_the_slots(tmp_path, monkeypatch):
    drawn = []
    hist = Axes.hist

    def record(axes, share, bins, **style):
        drawn.append((style["label"], share.tolist(), style["weights"].tolist()))
        return hist(axes, share, bins, **style)

    monkeypatch.setattr(Axes, "hist", record)
    shapes = [ShapeOccupancy("4 / 8", [1, 3], [8, 2], 4, 8), ShapeOccupancy("2 / 2", [], [], 2, 2)]
    partition_occupancy(tmp_path / "occupancy.png", shapes)
    pixels(tmp_path / "occupancy.png")
    assert drawn == [
        ("4 / 8", [0.25, 0.75], [0.5, 0.5]),
        ("2 / 2", [], []),
        ("4 / 8", [1.0, 0.25], [0.5, 0.5]),
        ("2 / 2", [], []),
    ]
