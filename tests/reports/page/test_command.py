"""``fpga-gnn report``: what it prints, and one line for what is wrong."""

from __future__ import annotations

import shutil
import sys

import pytest

from fpga_gnn.cli.main import run


@pytest.fixture
def report(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["fpga-gnn"])
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        with pytest.raises(SystemExit) as exit_:
            run(["report", *map(str, arguments)])
        return exit_.value.code or 0, *capsys.readouterr()

    return call


def test_the_page_is_written_and_what_is_missing_is_said(report, reports, tmp_path):
    shutil.copytree(reports, tmp_path / "made")
    (tmp_path / "made" / "sweep.json").unlink()
    code, out, err = report("--with", "made", "--event", 9, "--builder", "cc")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert "evaluation      made/evaluation.json" in lines
    (missing,) = (line for line in lines if line.startswith("missing"))
    assert "fpga-gnn sweep bits" in missing
    assert lines[-1].startswith("page: build/report.html, 5.")
    html = (tmp_path / "build" / "report.html").read_text()
    assert "fpga-gnn report --with made --event 9 --builder cc" in html


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("nowhere",), "no run.json"),
        (("--with", "nowhere"), "nowhere: found nothing"),
        (("--with", "empty.json"), "empty.json: found broken JSON"),
        (("--events", "nowhere"), "no manifest.json"),
        (("--event", 77), "no event 77"),
        (("--builder", "ckf"), "one of cc, cc-jr"),
        (("--board", "toaster"), "one of u250"),
    ],
    ids=str,
)
def test_bad_input_is_one_line(report, tmp_path, arguments, complaint):
    (tmp_path / "empty.json").touch()
    code, _, err = report(*arguments)
    assert code == 2
    assert len(err.splitlines()) == 1, err
    assert complaint in err
    assert not (tmp_path / "build").exists()
