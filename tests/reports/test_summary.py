"""Reports of flows: JSON that reads back the same, and lines that say what was obtained how."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from fpga_gnn import __version__
from fpga_gnn.errors import InputError
from fpga_gnn.report.summary import (
    FlowReport,
    HardwareNumber,
    RungResult,
    Step,
    hardware_lines,
    load_report,
    rung_lines,
    save_report,
    step_lines,
)

RUNGS = [
    RungResult(
        kernel="edge classifier",
        left="student",
        right="QONNX",
        unit="edges",
        compared=1234567,
        different=0,
        seconds=1.25,
    ),
    RungResult(
        kernel="connected components",
        left="integer reference",
        right="csim",
        unit="nodes",
        compared=8121,
        different=3,
        seconds=0.0,
    ),
]
NUMBERS = [
    HardwareNumber(name="LUT", value=12345, unit="", label="csynth", basis="edge_classifier"),
    HardwareNumber(name="work per edge", value=808, unit="MAC", label="estimate", basis="encoder"),
]
STEPS = [
    Step(name="csim", done=True, detail="all rungs equal"),
    Step(name="csynth", done=False, detail="Vitis HLS is not on PATH"),
]


@pytest.fixture
def report():
    return FlowReport(
        flow="synth",
        contract="w8",
        contract_sha256="ab" * 32,
        board="u250",
        part="xcu250",
        steps=STEPS,
        events=[8, 9],
        quality={"edges": 22169, "edge_auc": 0.9, "fake_rate": None},
        rungs=RUNGS,
        hardware=NUMBERS,
    )


def test_a_saved_report_reads_back_the_same(report, tmp_path):
    path = tmp_path / "report.json"
    path.write_text("an earlier report")
    save_report(report, path)
    assert FlowReport.model_validate_json(path.read_text()) == report
    assert [p.name for p in tmp_path.iterdir()] == ["report.json"]


def test_a_saved_report_is_loaded_and_another_file_refused(report, tmp_path):
    path = tmp_path / "report.json"
    save_report(report, path)
    assert load_report(path) == report
    path.write_text('{"flow": "synth"}')
    with pytest.raises(InputError, match=r"report\.json: found no key contract"):
        load_report(path)
    with pytest.raises(InputError, match=r"absent\.json: found No such file"):
        load_report(tmp_path / "absent.json")


def test_the_json_is_versioned_and_strict(report, tmp_path):
    save_report(report, tmp_path / "report.json")
    data = json.loads((tmp_path / "report.json").read_text(), parse_constant=pytest.fail)
    assert (data["schema_version"], data["version"], data["flow"]) == (1, __version__, "synth")
    assert data["quality"] == {"edges": 22169, "edge_auc": 0.9, "fake_rate": None}
    assert isinstance(data["quality"]["edges"], int)
    assert data["hardware"][1] == {
        "name": "work per edge",
        "value": 808.0,
        "unit": "MAC",
        "label": "estimate",
        "basis": "encoder",
    }


@pytest.mark.parametrize("change", [{"schema_version": 2}, {"comment": "x"}, {"flow": None}])
def test_another_schema_is_refused(report, change):
    with pytest.raises(ValidationError):
        FlowReport.model_validate(report.model_dump() | change)


def test_a_figure_without_a_known_label_is_refused():
    with pytest.raises(ValidationError, match="label"):
        HardwareNumber(name="Fmax", value=500, unit="MHz", label="hoped", basis="none")


def test_differences_are_added_over_the_rungs(report):
    assert report.n_different == 3
    assert FlowReport(flow="demo", contract="w8", contract_sha256="ab").n_different == 0


def test_rung_lines():
    one, two = rung_lines(RUNGS)
    assert " ".join(one.split()) == (
        "edge classifier student == QONNX 1,234,567 edges 0 differ 1.2 s"
    )
    assert "integer reference == csim" in two
    assert "3 differ" in two
    assert one.index("edges") == two.index("nodes")


def test_every_hardware_line_carries_its_label():
    one, two = hardware_lines(NUMBERS)
    assert one.split() == ["LUT", "12,345", "[csynth]", "edge_classifier"]
    assert two.split() == ["work", "per", "edge", "808", "MAC", "[estimate]", "encoder"]
    assert one.index("[") == two.index("[")


def test_step_lines_say_what_did_not_run():
    assert step_lines(STEPS) == [
        "done     csim: all rungs equal",
        "skipped  csynth: Vitis HLS is not on PATH",
    ]


def test_nothing_to_print_is_no_line():
    assert rung_lines([]) == hardware_lines([]) == step_lines([]) == []
