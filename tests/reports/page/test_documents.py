"""Reports are recognised by what they hold; damaged ones and those of other models are refused."""

from __future__ import annotations

import json
import shutil

import pytest

from fpga_gnn.errors import InputError
from fpga_gnn.report.documents import KINDS, find_documents, of_kind, read_document
from fpga_gnn.report.evaluation import Evaluation
from fpga_gnn.report.page.blocks import Missing, Table


def test_every_kind_is_recognised_whatever_its_name(reports, tmp_path):
    for file in reports.rglob("*.json"):
        shutil.copy(file, tmp_path / "renamed.json")
        document = read_document(tmp_path / "renamed.json")
        assert document.kind == file.stem
        assert type(document.value) is KINDS[file.stem]


def test_a_folder_gives_the_files_that_have_a_reports_name(reports, tmp_path):
    shutil.copytree(reports, tmp_path / "a")
    shutil.copytree(reports, tmp_path / "b")
    (tmp_path / "a" / "contract.json").write_text("{}")
    (tmp_path / "a" / "other.json").write_text("no JSON")
    found = find_documents([tmp_path, tmp_path / "a" / "sweep.json"])
    assert sorted(document.kind for document in found) == sorted([*KINDS, "evaluation"])
    assert len(of_kind(found, Evaluation)) == 2


DAMAGES = {
    "broken": (lambda text: text[:-20], r"broken JSON"),
    "cut": (lambda text: text.replace('"tracks"', '"trakcs"'), "trakcs|tracks"),
    "typed": (lambda text: text.replace('"auc": 0.99', '"auc": "good"'), "auc"),
    "foreign": (lambda _: '{"hello": 1}', "something else"),
    "list": (lambda _: "[]", "an object"),
    "empty": (lambda _: "", "broken JSON"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_report_is_named(reports, tmp_path, damage):
    harm, complaint = DAMAGES[damage]
    file = tmp_path / "evaluation.json"
    file.write_text(harm((reports / file.name).read_text()))
    with pytest.raises(InputError, match=complaint) as error:
        find_documents([tmp_path])
    assert str(file) in str(error.value)


def test_a_path_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="nowhere"):
        find_documents([tmp_path / "nowhere"])


@pytest.mark.parametrize(
    ("name", "field", "what"),
    [
        ("evaluation", "model_sha256", "model"),
        ("report", "contract_sha256", "contract"),
        ("report", "network_sha256", "network"),
        ("resources", "contract_sha256", "contract"),
        ("resources", "network_sha256", "network"),
        ("throughput", "contract_sha256", "contract"),
        ("benchmark", "model_sha256", "model"),
    ],
)
def test_a_report_about_another_model_is_refused(reports, subject, tmp_path, name, field, what):
    data = json.loads((reports / f"{name}.json").read_text())
    file = tmp_path / f"{name}.json"
    file.write_text(json.dumps(data | {field: "1234567890abcdef"}))
    with pytest.raises(InputError, match=f"{name}.json: .* {what} 1234567890ab") as error:
        subject.require(read_document(file))
    assert subject.folder in str(error.value)
    file.write_text(json.dumps(data))
    subject.require(read_document(file))


def test_tracks_of_another_run_are_refused(reports, subject, tmp_path):
    data = json.loads((reports / "reconstruction.json").read_text())
    data["settings"]["model"] = "ff" * 32
    (tmp_path / "x.json").write_text(json.dumps(data))
    with pytest.raises(InputError, match=r"run\.json ffff"):
        subject.require(read_document(tmp_path / "x.json"))


def test_a_report_that_does_not_say_its_model_is_marked(written):
    page, documents, _ = written
    (warning,) = page.warnings
    unknown = [document for document in documents if document.kind == "benchmark"]
    assert [str(document.path) for document in unknown] == [warning.split(": ", 1)[1]]
    tables = [b for s in page.sections for b in s.blocks if isinstance(b, Table)]
    (table,) = (table for table in tables if table.caption == "Reports on this page")
    about = {row[1]: row[2] for row in table.rows}
    assert about["benchmark"] == "does not say which model"
    assert about["report"] == "this run"
    assert about["sweep"] == "trainings of its own"
    assert {row[2] for row in table.rows if row[1] == "evaluation"} == {"student", "teacher"}


def test_nothing_is_missing_but_what_no_report_has(written, bare):
    assert [block for block in written[0].missing if isinstance(block, Missing)] == []
    commands = [block.command.split(" --")[0] for block in bare[0].missing]
    assert commands == [
        *("fpga-gnn evaluate", "fpga-gnn sweep bits", "fpga-gnn validate", "fpga-gnn yosys"),
        *("fpga-gnn synth", "fpga-gnn synth", "fpga-gnn benchmark"),
    ]
