"""Every command block of README runs, in order, in an empty folder."""

import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def commands(blocks):
    return [block.text for block in blocks(ROOT / "README.md") if block.language == "sh"]


def test_the_two_commands_are_make_targets(commands):
    assert commands[0].split("\n") == ["make demo", "make test", ""]

    def dry_run(target):
        command = ["make", "--dry-run", target]
        return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout

    assert "fpga-gnn demo" in dry_run("demo")
    assert "pytest" in dry_run("test")
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_demo_states_what_was_found(tmp_path, shell):
    lines = shell("fpga-gnn demo", tmp_path, warm=False).splitlines()
    report = json.loads((tmp_path / "build/demo/report.json").read_text())
    assert report["quality"]["events"] == 2
    assert report["quality"]["track_efficiency"] > 0.8
    assert report["quality"]["fake_rate"] < 0.1
    classifier = [rung for rung in report["rungs"] if rung["kernel"] == "edge classifier"]
    assert len(classifier) == 5
    assert all(rung["compared"] >= 50_000 and rung["different"] == 0 for rung in classifier)
    last = lines[-1 - len(report["rungs"]) :]
    assert re.search(r"events 2, edges \d+, .*track efficiency 0\.\d+, fake rate 0\.\d+", last[0])
    assert all("compared, 0 differ" in line for line in last[1:])
    for picture in ("event.png", "scores.png", "efficiency_pt.png"):
        assert (tmp_path / "build/demo" / picture).stat().st_size > 10_000


def test_the_other_commands_run_in_order(tmp_path, commands, shell):
    pytest.importorskip("acts")
    printed = [shell(command, tmp_path) for command in commands[1:]]
    simulated, learned, evaluated, benchmarked, trained, swept, synthesised, *rest = printed
    rtl, reconstructed, validated, reported = rest
    assert "10 events" in simulated
    assert "doublets" in learned
    rows = {line.split()[0] for line in evaluated.splitlines() if line}
    assert {"cc", "cc-jr", "walkthrough", "fast-walkthrough", "dwalk", "ckf"} <= rows
    assert "connected components" in benchmarked
    assert "held-out events 2" in trained
    assert {"w8", "w4", "narrow"} <= {line.split()[0] for line in swept.splitlines() if line}
    assert (tmp_path / "runs/sweep/pareto.png").stat().st_size > 10_000
    assert "xcu250-figd2104-2L-e" in synthesised
    assert re.search(r"limited by the module map \[rtl-sim\]", rtl)
    assert re.search(r"values held against torch: .*; 0 differ", reconstructed)
    compared = re.search(r"edges compared on every rung: (\d+), different: 0", validated)
    assert compared is not None
    assert int(compared[1]) >= 50_000
    assert "page.html" in reported
    assert (tmp_path / "page.html").stat().st_size > 1_000_000
