"""csynth.xml: every field read, unknown numbers kept unknown, missing ones refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from fpga_gnn.errors import InputError
from fpga_gnn.report.csynth import CsynthReport, Loop, Range, Resources, read_csynth

DATA = Path(__file__).parent / "data"
U250 = Resources(lut=1_728_000, ff=3_456_000, dsp=12_288, bram_18k=5_376, uram=1_280)
UNKNOWN = Range(min=None, max=None)


def test_report_of_a_design_2023_2():
    assert read_csynth(DATA / "csynth_2023.2.xml") == CsynthReport(
        label="csynth",
        tool_version="2023.2",
        top="connected_components",
        part="xcu250-figd2104-2L-e",
        target_clock_ns=3.33,
        clock_uncertainty_ns=0.50,
        estimated_clock_ns=2.433,
        latency=Range(min=1, max=4210775),
        interval=Range(min=2, max=4210776),
        used=Resources(lut=6014, ff=5120, dsp=0, bram_18k=31, uram=0),
        available=U250,
        loops=(
            Loop(
                module="connected_components",
                name="UNION",
                trip_count=Range(min=0, max=32768),
                ii=None,
                depth=None,
            ),
            Loop(
                module="connected_components_Pipeline_INIT",
                name="INIT",
                trip_count=Range(min=0, max=16384),
                ii=Range(min=1, max=1),
                depth=Range(min=1, max=1),
            ),
        ),
    )


def test_report_of_a_design_2025_1():
    report = read_csynth(DATA / "csynth_2025.1.xml")
    assert report.tool_version == "2025.1"
    assert (report.latency, report.interval) == (UNKNOWN, UNKNOWN)
    assert report.used == Resources(lut=38120, ff=41503, dsp=58, bram_18k=412, uram=96)
    found = [(x.module, x.name, x.trip_count, x.ii, x.depth) for x in report.loops]
    assert found == [
        ("module_map", "MODULES", UNKNOWN, None, None),
        ("module_map", "MODULES/HITS", Range(min=12, max=12), None, None),
        (
            "module_map_Pipeline_PAIRS",
            "PAIRS",
            UNKNOWN,
            Range(min=1, max=1),
            Range(min=19, max=19),
        ),
        ("read_tables", "TABLES", Range(min=3, max=3), None, Range(min=195, max=197)),
    ]


def test_report_of_one_module():
    report = read_csynth(DATA / "edge_classifier_csynth_2025.1.xml")
    assert report.top == "edge_classifier"
    assert report.latency == Range(min=9340, max=9351)
    assert report.interval == Range(min=1029, max=1040)
    assert report.used == Resources(lut=152000, ff=98000, dsp=612, bram_18k=73, uram=0)
    assert report.loops == ()


def test_the_label_cannot_be_another():
    report = read_csynth(DATA / "csynth_2023.2.xml").model_dump()
    with pytest.raises(ValidationError, match="label"):
        CsynthReport.model_validate(report | {"label": "implementation"})


def test_report_survives_json():
    report = read_csynth(DATA / "csynth_2025.1.xml")
    assert CsynthReport.model_validate_json(report.model_dump_json()) == report


@pytest.mark.parametrize(
    "field",
    [
        "ReportVersion/Version",
        "UserAssignments/Part",
        "UserAssignments/TopModelName",
        "UserAssignments/TargetClockPeriod",
        "UserAssignments/ClockUncertainty",
        "PerformanceEstimates/SummaryOfTimingAnalysis/EstimatedClockPeriod",
        "PerformanceEstimates/SummaryOfOverallLatency/Best-caseLatency",
        "PerformanceEstimates/SummaryOfOverallLatency/Worst-caseLatency",
        "PerformanceEstimates/SummaryOfOverallLatency/Interval-min",
        "PerformanceEstimates/SummaryOfOverallLatency/Interval-max",
        "AreaEstimates/Resources/LUT",
        "AreaEstimates/Resources/FF",
        "AreaEstimates/Resources/DSP",
        "AreaEstimates/Resources/BRAM_18K",
        "AreaEstimates/Resources/URAM",
        "AreaEstimates/AvailableResources/LUT",
    ],
)
@pytest.mark.parametrize("damage", ["missing", "empty"])
def test_missing_field_is_refused(tmp_path, field, damage):
    tag = field.rsplit("/", 1)[1]
    keep = "" if damage == "missing" else f"<{tag}/>"
    path = damaged(tmp_path, field, lambda text: keep)
    with pytest.raises(InputError) as caught:
        read_csynth(path)
    assert str(path) in str(caught.value)
    assert field in str(caught.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("AreaEstimates/Resources/LUT", "undef"),
        ("AreaEstimates/Resources/LUT", "-1"),
        ("AreaEstimates/Resources/FF", "~0"),
        ("UserAssignments/TargetClockPeriod", "fast"),
        ("PerformanceEstimates/SummaryOfOverallLatency/Worst-caseLatency", "3.5"),
    ],
)
def test_value_that_is_no_number_is_refused(tmp_path, field, value):
    tag = field.rsplit("/", 1)[1]
    path = damaged(tmp_path, field, lambda text: f"<{tag}>{value}</{tag}>")
    with pytest.raises(InputError, match=f"{field}: found "):
        read_csynth(path)


@pytest.mark.parametrize("new", ["", "<TripCount>many</TripCount>"])
def test_inner_loop_that_cannot_be_read_is_refused(tmp_path, new):
    text = (DATA / "csynth_2025.1.xml").read_text()
    path = tmp_path / "csynth.xml"
    path.write_text(text.replace("<TripCount>12</TripCount>", new))
    with pytest.raises(InputError, match="HITS/TripCount"):
        read_csynth(path)


def test_no_file(tmp_path):
    with pytest.raises(InputError, match=r"csynth\.xml: found No such file"):
        read_csynth(tmp_path / "csynth.xml")


def test_cut_off_file(tmp_path):
    path = tmp_path / "csynth.xml"
    path.write_text((DATA / "csynth_2023.2.xml").read_text()[:2000])
    with pytest.raises(InputError, match="broken XML"):
        read_csynth(path)


def damaged(tmp_path, field, change):
    """Return a copy of the 2023.2 report with the element ``field`` (a path) changed."""
    *parents, tag = field.split("/")
    text = (DATA / "csynth_2023.2.xml").read_text()
    at = 0
    for parent in parents:
        at = text.index(f"<{parent}>", at)
    start = text.index(f"<{tag}>", at)
    end = text.index(f"</{tag}>", at) + len(f"</{tag}>")
    path = tmp_path / "csynth.xml"
    path.write_text(text[:start] + change(text[start:end]) + text[end:])
    return path
