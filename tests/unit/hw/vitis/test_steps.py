"""Steps on a job with a stand-in for Vitis: results, resuming, failures and time-outs."""

from __future__ import annotations

import json
import re

import pytest

from fpga_gnn.errors import InputError, ToolFailedError
from fpga_gnn.hw.vitis.jobs import write_classifier_job, write_kernel_job
from fpga_gnn.hw.vitis.steps import (
    HLS_STEPS,
    cannot_run,
    csynth_report,
    kernel_object,
    run_step,
    with_needs,
    work_folder,
)
from fpga_gnn.hw.vitis.tools import find_vitis

NAME = "connected_components"
ALL = list(HLS_STEPS)


@pytest.fixture
def step(job, vitis, board, tmp_path):
    """Run a step of the job ``connected_components``."""

    def run(name, job=job, timeout_s=None):
        return run_step(name, job, vitis, board, tmp_path / "vitis", timeout_s)

    return run


def values(result):
    return {(number.name, number.label): number.value for number in result.numbers}


@pytest.mark.parametrize("program", ["vitis-run", "vitis_hls"])
def test_all_steps(programs, job, board, tmp_path, program):
    programs(program)
    tool = find_vitis()
    results = {name: run_step(name, job, tool, board, tmp_path / "vitis") for name in ALL}
    folder = work_folder(job, tool, tmp_path / "vitis")
    assert all(result.fresh and result.folder == folder for result in results.values())
    assert re.fullmatch(rf"{NAME}-[0-9a-f]{{12}}", folder.name)
    assert results["csim"].detail == f"{NAME}: 3 cases, 40 values equal"
    csynth = values(results["csynth"])
    assert (csynth["LUT", "csynth"], csynth["estimated clock", "csynth"]) == (6014, 2.433)
    assert values(results["cosim"]) == {
        ("min latency", "cosim"): 61,
        ("avg latency", "cosim"): 402,
        ("max latency", "cosim"): 2310,
        ("min interval", "cosim"): 62,
        ("avg interval", "cosim"): 403,
        ("max interval", "cosim"): 2311,
    }
    assert values(results["impl"]) == {
        ("LUT", "vivado"): 5210,
        ("FF", "vivado"): 4875,
        ("DSP", "vivado"): 0,
        ("BRAM_18K", "vivado"): 31,
        ("URAM", "vivado"): 0,
        ("worst setup slack", "vivado"): -0.089,
        ("worst hold slack", "vivado"): 0.011,
        ("achieved clock", "vivado"): 3.419,
    }
    assert results["impl"].detail == "timing NOT met at 20 ends"
    assert kernel_object(folder, job).read_text() == "kernel"
    assert csynth_report(folder).top == NAME
    for name in ALL:
        assert "INFO: started" in (folder / f"{name}.log").read_text()
        record = json.loads((folder / f"{name}.json").read_text())
        assert (record["step"], record["tool"]) == (name, tool.version)


def test_a_done_step_is_not_run_again(step, vitis_calls):
    first = [step(name) for name in ALL]
    ran = vitis_calls()
    again = [step(name) for name in ALL]
    assert [line.split()[0] for line in ran] == ALL
    assert vitis_calls() == ran
    assert [result.fresh for result in again] == [False] * len(ALL)
    assert [result.numbers for result in again] == [result.numbers for result in first]


def rewritten(job, w8, board, change):
    """Write the job again with a change to one of its files; return it."""
    new = write_kernel_job(NAME, w8, board, job.folder)
    file = new.folder / change
    file.write_text(f"{file.read_text()}\n")
    return new


@pytest.mark.parametrize(
    "change", ["src/include/fpga_gnn/connected_components.hpp", "common.tcl", "csynth.tcl"]
)
def test_changed_design_starts_afresh_beside_the_earlier_results(
    step, vitis_calls, job, w8, board, change
):
    earlier = step("csynth").folder
    result = step("csynth", rewritten(job, w8, board, change))
    assert result.fresh
    assert result.folder != earlier
    assert (earlier / "csynth.json").is_file()
    assert len(vitis_calls()) == 2


def test_changed_vectors_repeat_the_simulations_only(step, vitis_calls, job, w8, board):
    for name in ALL:
        step(name)
    changed = rewritten(job, w8, board, "tb/golden.txt")
    fresh = {name: step(name, changed).fresh for name in ALL}
    assert fresh == {name: name in ("csim", "cosim") for name in ALL}
    assert (step("csim", changed).folder / "tb" / "golden.txt").read_text().endswith("\n\n")


def test_changed_script_repeats_its_step_only(step, job, w8, board):
    for name in ALL:
        step(name)
    changed = rewritten(job, w8, board, "impl.tcl")
    assert [name for name in ALL if step(name, changed).fresh] == ["impl"]


def test_other_version_starts_afresh(step, job, vitis, board, tmp_path):
    earlier = step("csynth").folder
    other = type(vitis)(vitis.name, vitis.path, "****** Vitis HLS v2025.2 (64-bit)")
    result = run_step("csynth", job, other, board, tmp_path / "vitis")
    assert result.fresh
    assert result.folder != earlier


def test_other_settings_have_another_folder(job, w8, board, vitis, tmp_path):
    slower = board.model_copy(update={"clock_mhz": 250})
    folder = work_folder(job, vitis, tmp_path)
    other = write_kernel_job(NAME, w8, slower, job.folder)
    assert work_folder(other, vitis, tmp_path) != folder


@pytest.mark.parametrize("lost", ["csynth.json", "results/csynth.xml"])
def test_a_step_without_record_or_report_is_run_again(step, lost):
    (step("csynth").folder / lost).unlink()
    assert step("csynth").fresh
    assert not step("csynth").fresh


def test_a_damaged_record_is_none(step):
    (step("csynth").folder / "csynth.json").write_text("{}")
    assert step("csynth").fresh


def test_failure_names_log_and_last_error(step, vitis, job, tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_VITIS", "fail")
    with pytest.raises(ToolFailedError) as caught:
        step("csynth")
    log = work_folder(job, vitis, tmp_path / "vitis") / "csynth.log"
    assert str(caught.value) == (
        f"{vitis.path}: exit status 1; log: {log}; "
        "last error: ERROR: [HLS 200-1715] Encountered a problem"
    )
    assert "ERROR: [HLS 207-1] first" in log.read_text()
    assert not log.with_suffix(".json").exists()


def test_after_a_failure_only_what_is_left_runs(step, vitis_calls, monkeypatch):
    monkeypatch.setenv("FAKE_VITIS", "fail cosim")
    folder = step("csynth").folder
    with pytest.raises(ToolFailedError, match=r"cosim\.log"):
        step("cosim")
    assert (folder / "csynth.json").is_file()
    assert (folder / "results" / "csynth.xml").is_file()
    monkeypatch.setenv("FAKE_VITIS", "ok")
    assert not step("csynth").fresh
    assert step("cosim").fresh
    assert vitis_calls() == [f"csynth {NAME}", f"cosim {NAME}", f"cosim {NAME}"]


def test_timeout_says_so_and_leaves_the_step_to_be_run(step, monkeypatch):
    monkeypatch.setenv("FAKE_VITIS", "hang csim")
    with pytest.raises(ToolFailedError, match=r"stopped after 0\.5 s; log: .*csim\.log; "):
        step("csim", timeout_s=0.5)
    monkeypatch.setenv("FAKE_VITIS", "ok")
    assert step("csim").fresh


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("csim", r"the bench compared nothing; log: .*csim\.log; last line: INFO: started"),
        ("csynth", r"no .*csynth\.xml; log: .*; last line: INFO: started"),
        ("cosim", r"no .*connected_components_cosim\.rpt; "),
        ("impl", r"no .*connected_components_utilization_routed\.rpt; "),
        ("xo", r"no .*connected_components\.xo; "),
    ],
)
def test_success_without_result_is_a_failure(step, monkeypatch, name, message):
    for needed in with_needs([name])[:-1]:
        step(needed)
    monkeypatch.setenv("FAKE_VITIS", "no report")
    with pytest.raises(ToolFailedError, match=message):
        step(name)
    monkeypatch.setenv("FAKE_VITIS", "ok")
    assert step(name).fresh


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("csynth", f"{NAME} -> other", f"top other instead of {NAME}"),
        ("csynth", "xcu250-figd2104-2L-e -> xcvu13p", "part xcvu13p instead of xcu250-figd2104-2L"),
        ("csynth", ">3.33< -> >3.34<", "clock [ns] 3.34 instead of 3.33"),
        ("csynth", ">0.50< -> >0.90<", "clock uncertainty [ns] 0.9 instead of 0.4995"),
        ("impl", "xcu250-figd2104-2L-e -> xcvu13p", "part xcvu13p instead of xcu250-figd2104-2L"),
        ("impl", " 3.330 ->  4.000", "clock [ns] 4.0 instead of 3.33"),
        ("impl", "ap_clk -> my_clk", "no clock ap_clk"),
        ("cosim", "Pass -> Fail", "status Fail"),
    ],
)
def test_result_that_was_not_asked_for_is_a_failure(step, monkeypatch, name, change, message):
    for needed in with_needs([name])[:-1]:
        step(needed)
    monkeypatch.setenv("FAKE_VITIS", change)
    with pytest.raises(ToolFailedError, match=re.escape(message)):
        step(name)
    monkeypatch.setenv("FAKE_VITIS", "ok")
    assert step(name).fresh


def test_report_that_cannot_be_read_does_not_cost_another_run(step, vitis_calls, monkeypatch):
    step("csynth")
    monkeypatch.setenv("FAKE_VITIS", "Verilog -> SystemC")
    for _ in range(2):
        with pytest.raises(InputError, match=r"_cosim\.rpt: found no row of the Verilog"):
            step("cosim")
    assert vitis_calls() == [f"csynth {NAME}", f"cosim {NAME}"]
    kept = step("csynth").folder / "results" / f"{NAME}_cosim.rpt"
    kept.write_text(kept.read_text().replace("SystemC", "Verilog"))
    assert not step("cosim").fresh


def test_part_in_other_letters_is_the_same_part(step, monkeypatch):
    monkeypatch.setenv("FAKE_VITIS", "xcu250-figd2104-2L-e -> xcu250-figd2104-2l-e")
    assert step("csynth").fresh


def test_steps_come_with_what_they_need_in_order():
    assert with_needs(["xo", "csim", "cosim"]) == ["csim", "csynth", "cosim", "xo"]
    assert with_needs(["csim"]) == ["csim"]


def test_what_cannot_run_says_why(job, composition, tmp_path, board, hls4ml_project):
    classifier = write_classifier_job(hls4ml_project, board, tmp_path / "edge_classifier")
    assert {name: cannot_run(name, job) for name in ALL} == dict.fromkeys(ALL, "")
    assert [name for name in ALL if cannot_run(name, composition)] == ["csim", "cosim"]
    assert [name for name in ALL if cannot_run(name, classifier)] == ["xo"]


def test_folder_that_cannot_be_made(job, vitis, board, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="a folder that can be made"):
        run_step("csynth", job, vitis, board, tmp_path / "file" / "vitis")


def test_job_folder_is_not_touched(step, job):
    before = {path: path.read_bytes() for path in job.folder.rglob("*") if path.is_file()}
    step("csynth")
    assert before == {p: p.read_bytes() for p in job.folder.rglob("*") if p.is_file()}
