"""Evaluations: JSON that reads back the same, refuses what it does not know, and a table."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pydantic import ValidationError

from fpga_gnn.errors import InputError
from fpga_gnn.report.evaluation import (
    BinnedFigure,
    CurveFigure,
    EdgeFigure,
    Evaluation,
    GraphFigure,
    RateFigure,
    SampleFigure,
    TimeFigure,
    TrackFigure,
    load_evaluation,
    save_evaluation,
    table_lines,
)
from fpga_gnn.tracks.binomial import Rate, binned_efficiency
from fpga_gnn.tracks.edge_metrics import EdgeCurve

HALF = RateFigure(passed=1, total=2, value=0.5, interval=(0.2, 0.8))
NONE = RateFigure(passed=0, total=0, value=None, interval=(None, None))
BINS = BinnedFigure(
    edges=(1, 2, 5), passed=(1, 0), total=(2, 0), value=(0.5, None), interval=((0.2, None),) * 2
)
TIME = TimeFigure(n_events=3, median=1234.5, low=1000.0, high=2000.0)


def track(builder, **changes):
    figures = {
        "builder": builder,
        "settings": {"cut": 0.5},
        "cuts": {"min_hits": 8, "max_abs_d0": 20.0},
        "n_targets": 2,
        "n_tracks": 3,
        "n_matched": 2,
        "n_distinct": 1,
        **dict.fromkeys(("efficiency", "efficiency_two_way", "efficiency_lhc"), HALF),
        **dict.fromkeys(("fake_rate", "strict_fake_rate"), HALF),
        "duplicate_rate": 1.0,
        "by_pt": BINS,
        "by_eta": BINS,
        "time": TIME,
    }
    return TrackFigure(**figures | changes)


@pytest.fixture
def evaluation():
    curve = CurveFigure(
        cuts=(0.1, 0.2), efficiency=(1, 0.5), purity=(0.3, None), fake_efficiency=(1, 0)
    )
    return Evaluation(
        sample=SampleFigure(
            path="events", origin={"seed": 4}, event_ids=(8, 9), manifest_sha256="ab" * 32
        ),
        targets={"min_pt": 1.0},
        graph=GraphFigure(
            builder="module map", edges_per_event=1e6, efficiency=HALF, purity=HALF, time=TIME
        ),
        edges=EdgeFigure(auc=0.99, cut=0.5, curve=curve, by_pt=BINS, by_eta=BINS, time=None),
        tracks=(track("connected components"), track("ckf", time=None)),
    )


def test_a_saved_evaluation_reads_back_the_same(evaluation, tmp_path):
    path = tmp_path / "evaluation.json"
    path.write_text("an earlier one")
    save_evaluation(evaluation, path)
    assert load_evaluation(path) == evaluation
    assert [p.name for p in tmp_path.iterdir()] == ["evaluation.json"]


def test_the_json_is_versioned_and_strict(evaluation, tmp_path):
    save_evaluation(evaluation, tmp_path / "e.json")
    data = json.loads((tmp_path / "e.json").read_text(), parse_constant=pytest.fail)
    assert data["schema_version"] == 1
    assert data["edges"]["curve"]["purity"] == [0.3, None]
    assert data["tracks"][1]["builder"] == "ckf"


def test_an_evaluation_of_the_ckf_alone_has_no_graph(evaluation):
    alone = Evaluation.model_validate(evaluation.model_dump() | {"graph": None, "edges": None})
    assert alone.graph is alone.edges is None


@pytest.mark.parametrize("change", [{"schema_version": 2}, {"comment": "x"}, {"tracks": None}])
def test_another_schema_is_refused(evaluation, tmp_path, change):
    path = tmp_path / "e.json"
    path.write_text(json.dumps(evaluation.model_dump(mode="json") | change))
    with pytest.raises(InputError, match=next(iter(change))):
        load_evaluation(path)


@pytest.mark.parametrize("text", [None, "", "{"])
def test_a_file_that_is_none_is_refused(tmp_path, text):
    path = tmp_path / "e.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=r"e\.json.*fpga-gnn evaluate"):
        load_evaluation(path)


def test_negative_counts_are_refused():
    with pytest.raises(ValidationError, match="passed"):
        RateFigure(passed=-1, total=2, value=0.5, interval=(0.2, 0.8))


def test_figures_come_from_the_objects_of_metrics_and_nan_becomes_none():
    assert RateFigure.model_validate(Rate(0, 0)) == NONE
    figure = track("cc", efficiency=Rate(1, 2), by_pt=binned_efficiency([1, 1], [0, 1], [1, 2, 5]))
    assert figure.efficiency.interval == Rate(1, 2).interval
    assert (figure.by_pt.edges, figure.by_pt.passed, figure.by_pt.total) == (
        BINS.edges,
        BINS.passed,
        BINS.total,
    )
    assert figure.by_pt.value == (0.5, None)
    assert [bound[1] for bound in figure.by_pt.interval] == [None, None]
    curve = EdgeCurve(np.array([1.0, 2.0]), *[np.array([0.5, np.nan])] * 3)
    assert CurveFigure.model_validate(curve).purity == (0.5, None)


def test_time_is_median_and_quantiles_in_milliseconds():
    time = TimeFigure.of([0.001 * ms for ms in range(101)])
    assert (time.n_events, time.median) == (101, pytest.approx(50))
    assert (time.low, time.high) == (pytest.approx(16), pytest.approx(84))
    assert TimeFigure.of([]) is None


def test_the_table_is_aligned_and_in_percent():
    head, one, two = table_lines([track("connected components"), track("ckf", time=None)])
    assert " ".join(one.split()) == (
        "connected components 50.00 +30.00 -30.00 50.00 50.00 50.00 50.00 100.00 "
        "1,234.5 (1,000.0..2,000.0)"
    )
    for title in ("efficiency %", "LHC %", "strict fake %", "duplicates %"):
        end = head.index(title) + len(title)
        assert all(line[end - 1] == "0" and line[end] == " " for line in (one, two))
    assert len(head) == len(one) == len(two)
    assert two.endswith(" -")


def test_rates_out_of_none_are_a_dash():
    empty = track(
        "ckf",
        **dict.fromkeys(("efficiency", "efficiency_two_way", "efficiency_lhc"), NONE),
        **dict.fromkeys(("fake_rate", "strict_fake_rate"), NONE),
        duplicate_rate=None,
        time=None,
    )
    assert table_lines([empty])[1].split() == ["ckf", *"-------"]


def test_no_builders_are_no_table():
    assert table_lines([]) == []
