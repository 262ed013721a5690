"""The vendor flow on the jobs of a design, with a stand-in for Vitis."""

from __future__ import annotations

import pytest

from fpga_gnn.contract import load_contract
from fpga_gnn.errors import InputError
from fpga_gnn.flows.vitis import STEPS, VitisPlan, parse_steps, run_vitis
from fpga_gnn.hw.boards import load_board
from fpga_gnn.hw.kernels import load_kernels
from fpga_gnn.hw.vitis.jobs import write_classifier_job, write_composition_job, write_kernel_job
from fpga_gnn.hw.vitis.tools import find_linker, find_vitis

KERNELS = tuple(load_kernels().kernels)
BLOCKS = ("edge_classifier", *KERNELS)
COMPOSITIONS = tuple(load_kernels().compositions)
JOBS = (*BLOCKS, *COMPOSITIONS)
BINARIES = load_kernels().binaries
LINKED = [name for name in JOBS if any(name in parts for parts in BINARIES.values())]
CONTRACT, BOARD = load_contract("w8"), load_board("u250")
NETWORK = "a" * 64
ALL = VitisPlan(STEPS, compositions=True)


@pytest.fixture
def design(tmp_path, hls4ml_project):
    kernels = tmp_path / "design" / "kernels"
    for name in KERNELS:
        write_kernel_job(name, CONTRACT, BOARD, kernels / name)
    write_classifier_job(hls4ml_project, BOARD, kernels / "edge_classifier")
    for name in COMPOSITIONS:
        write_composition_job(name, CONTRACT, BOARD, hls4ml_project, kernels / name)
    return tmp_path / "design"


@pytest.fixture
def flow(design, fake_vitis):
    """Run a plan with the stand-ins that are on PATH."""
    fake_vitis("vitis-run")

    def run(plan, announce=lambda _: None):
        return run_vitis(
            find_vitis(), find_linker(), plan, CONTRACT, NETWORK, BOARD, design, announce
        )

    return run


LINKS = ("link", "hw"), ("hw_emu", "hw_emu")


def blocks(outcome, label):
    return {number.basis.split()[0] for number in outcome.numbers if number.label == label}


def undone(outcome):
    return [step.name for step in outcome.steps if not step.done]


def test_all_steps_then_nothing_to_do(flow, fake_vitis, vitis_calls):
    fake_vitis("v++")
    lines = []
    outcome = flow(ALL, lines.append)
    assert outcome.failures == []
    no_bench = [f"{step} {name}" for name in COMPOSITIONS for step in ("csim", "cosim")]
    assert undone(outcome) == ["xo edge_classifier", *no_bench]
    assert blocks(outcome, "csynth") == set(JOBS)
    assert blocks(outcome, "vivado") == {*JOBS, *BINARIES}
    assert blocks(outcome, "cosim") == set(BLOCKS)
    ran = vitis_calls()
    hls = ("csim", "csynth", "cosim", "impl", "xo")
    expected = [f"{step} {name}" for name in JOBS for step in hls]
    assert ran == [
        *(call for call in expected if call not in undone(outcome)),
        *(f"{step} {name}-{target}" for name in BINARIES for step, target in LINKS),
    ]
    assert [line.split()[0] for line in lines] == [call.split()[0] for call in ran]

    again = flow(ALL)
    assert vitis_calls() == ran
    assert again.numbers == outcome.numbers
    done = [step for step in again.steps if step.done]
    assert all("as an earlier run found" in step.detail for step in done)


def test_link_takes_only_what_it_needs(flow, fake_vitis, vitis_calls):
    fake_vitis("v++")
    flow(VitisPlan(("link",), compositions=True))
    made = [f"{step} {name}" for name in LINKED for step in ("csynth", "xo")]
    assert vitis_calls() == [*made, *(f"link {name}-hw" for name in BINARIES)]


def test_blocks_only(flow, vitis_calls):
    flow(VitisPlan(("csynth",), compositions=False))
    assert vitis_calls() == [f"csynth {name}" for name in BLOCKS]


def test_a_failed_step_does_not_cost_the_other_jobs(flow, vitis_calls, monkeypatch):
    plan = VitisPlan(("csynth", "cosim", "impl"), compositions=False)
    monkeypatch.setenv("FAKE_VITIS", "fail cosim")
    outcome = flow(plan)
    assert len(outcome.failures) == len(BLOCKS)
    assert outcome.failures[1].startswith("cosim module_map: ")
    assert "cosim.log; last error: ERROR: [HLS 200-1715]" in outcome.failures[1]
    assert undone(outcome) == [f"cosim {name}" for name in BLOCKS]
    assert outcome.steps[1].detail.startswith("FAILED: ")
    assert blocks(outcome, "csynth") == set(BLOCKS)
    assert not any(call.startswith("impl") for call in vitis_calls())

    monkeypatch.setenv("FAKE_VITIS", "ok")
    before = vitis_calls()
    assert flow(plan).failures == []
    assert vitis_calls()[len(before) :] == [
        f"{step} {name}" for name in BLOCKS for step in ("cosim", "impl")
    ]


def test_a_report_that_cannot_be_read_is_a_failed_step(flow, monkeypatch):
    monkeypatch.setenv("FAKE_VITIS", "<LUT> -> <LUTS>")
    outcome = flow(VitisPlan(("csynth",), compositions=False))
    assert undone(outcome) == [f"csynth {name}" for name in BLOCKS]
    assert "csynth.xml" in outcome.failures[0]


def test_steps_have_the_plans_time_limit(flow, monkeypatch):
    monkeypatch.setenv("FAKE_VITIS", "hang csynth")
    outcome = flow(VitisPlan(("csynth",), compositions=False, timeout_s=0.2))
    assert undone(outcome) == [f"csynth {name}" for name in BLOCKS]
    assert all("stopped after 0.2 s" in failure for failure in outcome.failures)


def test_link_without_linker_says_so_and_runs_the_rest(flow, vitis_calls):
    outcome = flow(VitisPlan(("csynth", "link"), compositions=True))
    assert undone(outcome) == [f"link {name}" for name in BINARIES]
    assert outcome.steps[-1].detail.startswith("v++ is not on PATH; install Vitis 2023.2 to 2025.2")
    assert vitis_calls() == [f"csynth {name}" for name in JOBS]


def test_binary_with_a_failed_kernel_is_not_linked(flow, fake_vitis, vitis_calls, monkeypatch):
    fake_vitis("v++")
    monkeypatch.setenv("FAKE_VITIS", "fail xo")
    outcome = flow(VitisPlan(("link",), compositions=True))
    failed = [f"xo {name}" for name in LINKED]
    assert undone(outcome) == [*failed, *(f"link {name}" for name in BINARIES)]
    assert len(outcome.failures) == len(failed)
    assert outcome.steps[-1].detail == "module_map, partition_scorer, track_builder failed"
    assert vitis_calls()[-1] == failed[-1]


def test_compute_unit_too_large_for_an_slr_is_said(flow, fake_vitis, design, monkeypatch):
    fake_vitis("v++")
    monkeypatch.setenv("FAKE_VITIS", "<LUT>6014< -> <LUT>346000<")
    outcome = flow(VitisPlan(("link",), compositions=True))
    assert outcome.failures == []
    (step,) = (step for step in outcome.steps if step.name == "SLRs of track_finder")
    assert step.detail == "not tied to one: csynth needs LUT 346000 of 345000 in it"
    (linked,) = (design / "vitis").glob("track_finder-hw-*")
    assert "slr=" not in (linked / "link.cfg").read_text()


def test_steps_by_name():
    assert parse_steps("csim,link") == ("csim", "link")
    for text in ("csim,", "", "csim,route", "csim, csynth"):
        with pytest.raises(InputError, match="expected some of csim,csynth,cosim,impl,xo,link"):
            parse_steps(text)
