"""``fpga-gnn doctor``: what it prints, and when it fails."""

from __future__ import annotations

import json

import pytest

from fpga_gnn.hw import doctor


@pytest.fixture
def quick(monkeypatch):
    """PyTorch is not asked for GPUs, which takes seconds."""
    monkeypatch.setattr(doctor, "run", lambda *_, **__: "none\n")


@pytest.fixture
def no_compiler(quick, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))


def test_everything_here_is_listed_and_tried(fpga_gnn):
    outcome = fpga_gnn("doctor", "--self-test", "--require", "g++,base,kernel,imports")
    assert (outcome.code, outcome.err) == (0, "")
    lines = [line.split() for line in outcome.out.splitlines()]
    states = {words[1]: words[0] for words in lines if words[:1] and words[0] in ("ok", "missing")}
    assert {"torch", "g++", "rtl", "vitis", "cores", "cache"} <= set(states)
    assert states["torch"] == states["kernel"] == states["imports"] == "ok"
    assert "labels compared, 0 differ" in outcome.out


def test_json(fpga_gnn, quick):
    outcome = fpga_gnn("doctor", "--json")
    assert outcome.code == 0
    report = json.loads(outcome.out)
    assert report["schema_version"] == 1
    found = {check["name"]: check for check in report["checks"]}
    assert found["torch"]["state"] == "ok"
    assert found["torch"]["required"] is True
    assert "kernel" not in found


@pytest.mark.parametrize("option", [(), ("--json",)], ids=["text", "json"])
def test_without_a_required_part_it_exits_with_1(fpga_gnn, no_compiler, option):
    outcome = fpga_gnn("doctor", *option)
    assert outcome.code == 1
    assert outcome.err == "fpga-gnn: error: doctor: g++ missing (-): apt install g++\n"
    assert "clang++" in outcome.out, "the list is printed all the same"


def test_what_is_asked_for_and_lacks_exits_with_2(fpga_gnn, no_compiler):
    outcome = fpga_gnn("doctor", "--require", "base, v++,vivado")
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 1
    assert "v++ missing" in outcome.err
    assert "vivado missing" in outcome.err
    assert "base" not in outcome.err


def test_an_unknown_part_is_named(fpga_gnn, quick):
    outcome = fpga_gnn("doctor", "--require", "rtl,vits")
    assert outcome.code == 2
    assert "--require: found 'vits', expected one of torch, " in outcome.err
