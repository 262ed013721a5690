"""``fpga-gnn benchmark`` on small inputs, good and bad."""

from __future__ import annotations

import json

import pytest
import torch

from fpga_gnn.flows.backend_names import KERNEL_BUILDERS
from fpga_gnn.report.benchmark import Benchmark
from fpga_gnn.tracks.builder import BUILDERS

COMMAND = ("benchmark", "--model", "./teacher", "--events", "two_events", "--out", "times")
FAST = ("--repeat", 1, "--max-events", 1)


def report(folder):
    return Benchmark.model_validate_json((folder / "times" / "benchmark.json").read_bytes())


@pytest.mark.usefixtures("teacher")
def test_every_option_of_every_stage(fpga_gnn, place, monkeypatch):
    def compiler(network, **_):
        return network

    monkeypatch.setattr(torch, "compile", compiler)
    outcome = fpga_gnn(*COMMAND, "--repeat", 2)
    assert (outcome.code, outcome.err) == (0, "")
    found = report(place)
    assert found.sample.event_ids == (0, 1)
    assert (found.model, found.backend) == ("teacher", "torch")
    assert "model teacher, backend torch" in outcome.out
    by_stage = {}
    for row in found.rows:
        by_stage.setdefault(row.stage, []).append(row.name)
        assert row.not_run is None
        assert (row.time.n_events, row.time.n_calls) == (2, 4)
        assert f"  {row.name} " in outcome.out
    assert len(by_stage["graph"]) == 5
    gnn = ["edge and node features", "fp32", "AMP (bfloat16)", "torch.compile"]
    assert by_stage["gnn"] == [*gnn, "AMP + torch.compile"]
    assert by_stage["segmentation"] == [*BUILDERS, "peer: cc by scipy.sparse.csgraph"]
    rows = {row.name: row for row in found.rows}
    maps = [row for row in found.rows if "module map" in row.name]
    assert {row.outputs for row in maps} == {found.edges_per_event}
    assert rows["torch.compile"].edges.n_changed == 0
    assert rows["fp32"].edges.auc == rows["torch.compile"].edges.auc
    assert rows["fp32"].tracks == rows["cc"].tracks
    assert [c.what for c in found.comparisons] == ["module map", "connected components"]
    assert [c.n_different for c in found.comparisons] == [0, 0]
    assert all(c.n_compared > 0 for c in found.comparisons)


@pytest.mark.usefixtures("teacher")
def test_one_stage_and_a_compiler_that_fails(fpga_gnn, place, monkeypatch):
    def compiler(network, **_):
        def fail(*_):
            raise RuntimeError("no C++ compiler\nlong story")

        return fail

    monkeypatch.setattr(torch, "compile", compiler)
    assert fpga_gnn(*COMMAND, *FAST, "--only", "gnn").code == 0
    found = report(place)
    assert {row.stage for row in found.rows} == {"gnn"}
    assert {row.name: row.not_run for row in found.rows if row.not_run} == dict.fromkeys(
        ("torch.compile", "AMP + torch.compile"), "no C++ compiler"
    )
    assert found.comparisons == ()


def test_the_kernel_does_the_physical_law_like_all_others(fpga_gnn, place, teacher):
    file = teacher / "module_map" / "module_map.json"
    record = json.loads(file.read_text())
    record["info"]["dydx"] = "physical"
    file.write_text(json.dumps(record))
    outcome = fpga_gnn(*COMMAND, *FAST, "--only", "graph")
    assert outcome.code == 0, outcome.err
    found = report(place)
    (kernel,) = [row for row in found.rows if "HLS C++" in row.name]
    assert kernel.not_run is None
    assert "not FPGA" in kernel.name
    maps = [row for row in found.rows if row.name.startswith("module map")]
    assert len(maps) > 2
    assert {row.outputs for row in maps} == {found.edges_per_event}


def test_the_stages_of_a_student_run_on_any_backend(fpga_gnn, place, small_run):
    command = ("benchmark", "--events", "two_events", "--out", "times", *FAST)
    results = []
    for backend in ("torch", "reference", "csim"):
        outcome = fpga_gnn(*command, "--model", small_run, "--backend", backend)
        assert (outcome.code, outcome.err) == (0, "")
        found = report(place)
        assert found.backend == backend
        assert f"model {small_run}, backend {backend}" in outcome.out
        rows = {row.name: row for row in found.rows}
        assert {row.not_run for row in found.rows} == {None}
        for name, stage in ((f"graph, {backend}", "graph"), (f"student, {backend}", "gnn")):
            assert rows[name].stage == stage
            assert rows[name].outputs == found.edges_per_event > 500
        assert [c.n_different for c in found.comparisons] == [0, 0]
        assert (place / "times" / "design").exists() == (backend == "csim")
        results.append(
            [rows[f"student, {backend}"].tracks]
            + [rows[name].model_dump(include={"outputs", "tracks"}) for name in KERNEL_BUILDERS]
        )
    assert results[0] == results[1] == results[2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--only", "fit"), "benchmark: stages.0: found 'fit', expected 'graph', 'gnn' or"),
        (("--repeat", 0), "benchmark: repeat: found 0"),
        (("--threads", 10_000), "benchmark: threads: found 10000"),
        (("--threads", 1000), "threads: found 1000, expected 1.."),
        (("--device", "abacus"), "benchmark: device: found 'abacus'"),
        (("--device", "cuda:99"), "expected a device of this machine"),
        (("--model", "map"), "map: found neither teacher.json nor run.json"),
        (("--backend", "csim"), "backend: found csim, expected torch, which runs a teacher; try"),
        (("--backend", "gpu"), "Invalid value for '--backend'"),
        (("--max-events", 3), "two_events: found 2 events, expected at least 3"),
    ],
)
@pytest.mark.usefixtures("teacher")
def test_bad_input_is_one_line(fpga_gnn, place, options, message):
    outcome = fpga_gnn(*COMMAND, *options)
    assert outcome.code == 2, outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert message in outcome.err
    assert not (place / "times").exists()
