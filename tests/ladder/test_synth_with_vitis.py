"""``synth`` where Vitis is on PATH: a stand-in, so that only the orchestration is tested."""

from __future__ import annotations

import json
import os

import pytest

from fpga_gnn.cli.main import run as fpga_gnn

BLOCKS = {"edge_classifier", "module_map", "connected_components", "track_builder", "dwalk"}


@pytest.fixture
def design(tmp_path, monkeypatch, install_fake_vitis):
    programs = tmp_path / "bin"
    programs.mkdir()
    install_fake_vitis(programs / "vitis-run")
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return tmp_path / "design"


@pytest.fixture
def arguments(small_run, design):
    return [
        "synth",
        "--require-vitis",
        "--edges",
        "1",
        "--model",
        str(small_run),
        "--out",
        str(design),
    ]


def synth(arguments):
    with pytest.raises(SystemExit) as ended:
        fpga_gnn(arguments)
    return ended.value.code


def test_every_block_is_synthesised_and_labelled(design, arguments, monkeypatch, capsys):
    monkeypatch.setenv("FAKE_VITIS", "ok")
    assert not synth(arguments)
    report = json.loads((design / "report.json").read_text())
    numbers = [n for n in report["hardware"] if n["label"] == "csynth"]
    assert {n["basis"].split()[0] for n in numbers} == BLOCKS
    assert {"LUT", "FF", "DSP", "estimated clock", "min interval"} <= {n["name"] for n in numbers}
    assert all(step["done"] for step in report["steps"])
    assert "[csynth] edge_classifier on xcu250-figd2104-2L-e" in capsys.readouterr().out

    monkeypatch.setenv("FAKE_VITIS", "fail")
    before = (design / "report.json").read_bytes()
    assert synth(arguments) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert "csynth.log" in error
    assert "ERROR: [HLS 200-1715] Encountered a problem" in error
    assert (design / "report.json").read_bytes() == before
