"""Module-map studies: JSON that reads back the same, and a table of two lines per map."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from fpga_gnn.report.evaluation import GraphFigure, RateFigure, SampleFigure, TimeFigure
from fpga_gnn.report.map_study import MapFigure, MapStudy, save_map_study, study_lines

NONE = RateFigure(passed=0, total=0, value=None, interval=(None, None))
SAMPLE = SampleFigure(path="events", origin={}, event_ids=(1, 2), manifest_sha256="ab" * 32)


def graph(builder, edges, **changes):
    rate = RateFigure(passed=1, total=2, value=0.5, interval=(0.2, 0.8))
    time = TimeFigure(n_events=3, median=1234.5, low=1000.0, high=2000.0)
    figures = {"efficiency": rate, "purity": rate, "time": time}
    return GraphFigure(builder=builder, edges_per_event=edges, **figures | changes)


def map_figure(name="default", n_events=50, **changes):
    return MapFigure(
        **{
            "name": name,
            "settings": {"widening": 0.0},
            "n_events": n_events,
            "n_tracks": 9,
            "n_modules": 1000,
            "n_doublets": 20000,
            "n_triplets": 3,
            "doublets": graph("module-map doublets", 1e6),
            "triplets": graph("module-map", 12.4),
        }
        | changes
    )


@pytest.fixture
def study():
    large = map_figure(n_events=100)
    return MapStudy(
        contract="w8",
        learning=SAMPLE,
        validation=SAMPLE,
        targets={"min_pt": 1.0},
        growth=(map_figure(), large),
        windows=(large, map_figure("widening 0.1", 100)),
        variants=(map_figure("dydx physical", 100),),
    )


def test_a_saved_study_reads_back_the_same(study, tmp_path):
    save_map_study(study, tmp_path / "s.json")
    text = (tmp_path / "s.json").read_text()
    assert MapStudy.model_validate_json(text) == study
    assert json.loads(text, parse_constant=pytest.fail)["schema_version"] == 1
    with pytest.raises(ValidationError, match="comment"):
        MapStudy.model_validate({**json.loads(text), "comment": "x"})


def test_each_map_is_listed_once(study):
    assert [(m.name, m.n_events) for m in study.maps] == [
        *(("default", 50), ("default", 100)),
        *(("widening 0.1", 100), ("dydx physical", 100)),
    ]


def test_the_table_has_two_lines_per_map():
    head, doublets, triplets = study_lines([map_figure()])
    rates = "50.00 +30.00 -30.00 50.00"
    time = "1,234.5 (1,000.0..2,000.0)"
    assert (
        " ".join(doublets.split()) == f"default 50 1,000 20,000 doublets {rates} 1,000,000 {time}"
    )
    assert " ".join(triplets.split()) == f"3 triplets {rates} 12 {time}"
    assert len(head) == len(doublets) == len(triplets)
    for title, cell in (("entries", "20,000"), ("edges/event", "1,000,000")):
        assert head.index(title) + len(title) == doublets.index(cell) + len(cell)


def test_rates_out_of_none_are_a_dash():
    nothing = graph("module-map", None, efficiency=NONE, purity=NONE, time=None)
    line = study_lines([map_figure(triplets=nothing)])[2]
    assert line.split() == ["3", "triplets", "-", "-", "0", "-"]


def test_no_maps_are_no_table():
    assert study_lines([]) == []
