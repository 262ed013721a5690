"""``fpga-gnn module-map study`` on small inputs, good and bad."""

from __future__ import annotations

import re

import pytest

from fpga_gnn.report.map_study import MapStudy, study_lines

STUDY = ("module-map", "study", "--events", "events", "--validation", "two_events", "--out", "new")


def test_study_prints_the_table_of_its_report(fpga_gnn, place):
    outcome = fpga_gnn(
        *STUDY,
        *("--sizes", "3,1", "--widenings", "0,0.5", "--small-samples", "0"),
        *("--max-validation", 1, "--detector", "pixel"),
    )
    assert (outcome.code, outcome.err) == (0, "")
    found = MapStudy.model_validate_json((place / "new" / "map_study.json").read_bytes())
    assert [figure.n_events for figure in found.growth] == [1, 3]
    assert [figure.settings["widening"] for figure in found.windows] == [0.0, 0.5]
    assert found.validation.event_ids == (0,)
    assert found.learning.origin == {"made": "for a test", "view": "pixel"}
    assert outcome.out.splitlines() == [
        *study_lines(found.maps),
        "",
        "report: new/map_study.json, pictures beside it",
    ]
    pictures = sorted(p.name for p in (place / "new").glob("*.png"))
    assert pictures == ["map_growth.png", "map_windows.png"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--sizes", "1,many"), "module-map: sizes.1: found 'many', expected a valid integer"),
        (("--sizes", ","), "module-map: sizes"),
        (("--sizes", "0"), "module-map: sizes.0: found '0'"),
        (("--sizes", "9"), "events: found 5 events, expected at least 9"),
        (("--sizes", "1", "--widenings", "0,-1"), "module-map: widenings.1: found '-1'"),
        (("--sizes", "1", "--small-samples", "nan"), "module-map: small_samples.0: found 'nan'"),
        (("--sizes", "1", "--max-validation", "3"), "two_events: found 2 events"),
        (("--sizes", "1", "--validation", "csv"), "csv: found no manifest.json"),
        (("--detector", "muon"), "Invalid value for '--detector'"),
        (("--config", "w7"), "w7"),
        (("--sizes", "1", "--out", "small.yaml"), "small.yaml"),
    ],
)
def test_bad_input_is_one_line(fpga_gnn, place, options, message):
    outcome = fpga_gnn(*STUDY, *options)
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 1
    assert re.search(re.escape(message), outcome.err)
    assert not (place / "new").exists()
