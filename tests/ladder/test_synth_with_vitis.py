"""``synth`` where Vitis is on PATH: a stand-in, so that only the orchestration is tested."""

from __future__ import annotations

import json
import subprocess

import pytest

from fpga_gnn.cli.main import run as fpga_gnn
from fpga_gnn.events.sample import sample_store
from fpga_gnn.flows import baseline
from fpga_gnn.flows import synth as synth_flow
from fpga_gnn.flows.design import write_design
from fpga_gnn.flows.validate import Validation, held_out_first
from fpga_gnn.hw.binary import load_record
from fpga_gnn.hw.boards import load_board
from fpga_gnn.hw.toolchain import ap_types_dir
from fpga_gnn.hw.vitis.jobs import read_job
from fpga_gnn.training.run import load_run

BLOCKS = {"edge_classifier", "module_map", "connected_components", "track_builder", "dwalk"}
JOBS = {*BLOCKS, "partition_scorer", "track_finder"}


@pytest.fixture(scope="module")
def design(tmp_path_factory, small_run):
    run, folder = load_run(small_run), tmp_path_factory.mktemp("synth") / "design"
    write_design(run, load_board("u250"), folder, held_out_first(run, sample_store()))
    return folder


@pytest.fixture
def synth(small_run, design, capsys, monkeypatch):
    """Run the command on a design that is written and verified already.

    Returns exit code, report, output and last error.
    """
    monkeypatch.setattr(synth_flow, "write_design", lambda *_: None)
    monkeypatch.setattr(synth_flow, "validate", lambda *_, **__: Validation([], [], 1))

    def call(*options):
        arguments = ["synth", "--edges", "1", "--model", str(small_run), "--out", str(design)]
        with pytest.raises(SystemExit) as ended:
            fpga_gnn([*arguments, *options])
        printed = capsys.readouterr()
        report = json.loads((design / "report.json").read_text())
        return ended.value.code or 0, report, printed.out, printed.err.strip().split("\n")[-1]

    return call


def blocks(report, label):
    return {n["basis"].split()[0] for n in report["hardware"] if n["label"] == label}


def steps(report):
    return {step["name"]: step["done"] for step in report["steps"]}


def test_every_block_is_synthesised_and_labelled(
    fake_vitis, synth, vitis_calls, design, monkeypatch
):
    fake_vitis("vitis-run")
    code, report, out, _ = synth("--require-vitis")
    assert code == 0
    assert blocks(report, "csynth") == BLOCKS
    names = {n["name"] for n in report["hardware"] if n["label"] == "csynth"}
    assert {"LUT", "FF", "DSP", "estimated clock", "min interval"} <= names
    assert report["tools"] == {"vitis-run": "****** Vitis HLS v2023.2 (64-bit)"}
    assert [name for name, done in steps(report).items() if not done] == ["baseline"]
    assert "[csynth] edge_classifier on xcu250-figd2104-2L-e" in out
    assert {line.split()[0] for line in vitis_calls()} == {"csynth"}

    (record,) = (design / "vitis").glob("dwalk-*/csynth.json")
    record.unlink()
    monkeypatch.setenv("FAKE_VITIS", "fail")
    code, report, _, error = synth()
    assert code == 1
    assert "csynth.log; last error: ERROR: [HLS 200-1715] Encountered a problem" in error
    assert blocks(report, "csynth") == BLOCKS - {"dwalk"}
    assert steps(report)["csynth dwalk"] is False


def test_the_whole_vendor_flow(fake_vitis, synth, vitis_calls, design, small_run):
    fake_vitis("vitis-run", "v++")
    everything = ("--flow", "vitis", "--steps", "csim,csynth,cosim,impl,xo,link,hw_emu")
    code, report, out, _ = synth(*everything)
    assert code == 0
    assert blocks(report, "csynth") == JOBS
    assert blocks(report, "vivado") == {*JOBS, "reconstruct"}
    # The committed vectors are of another contract; the classifier's are of this design.
    assert blocks(report, "cosim") == {"edge_classifier"}
    assert set(report["tools"]) == {"vitis-run", "v++"}
    assert "kernel clock" in out
    (linked,) = (design / "vitis").glob("reconstruct-hw-*")
    config = (linked / "link.cfg").read_text()
    assert config == (design / "binaries" / "reconstruct" / "link.cfg").read_text()
    assert "nk=partition_scorer:2" in config
    run = load_run(small_run)
    network = run.student.integer_network().sha256
    record = load_record(linked / "reconstruct.xclbin", run.contract, network)
    assert record.units == {"module_map": 1, "partition_scorer": 2, "track_builder": 1}
    ran = vitis_calls()
    code, again, _, _ = synth(*everything)
    assert (code, again["hardware"]) == (0, report["hardware"])
    assert vitis_calls() == ran


def test_the_jobs_include_nothing_outside_themselves(design):
    for name in ("edge_classifier", "partition_scorer", "track_finder"):
        job = read_job(design / "kernels" / name)
        flags = ["g++", "-MM", *job.settings["cflags"].split(), f"-isystem{ap_types_dir()}"]
        given = [*job.settings["sources"].split(), *job.settings["bench"].split()]
        subprocess.run([*flags, *given], cwd=job.folder, check=True, stdout=subprocess.DEVNULL)


def test_a_blessed_report_is_what_the_next_is_held_against(
    fake_vitis, synth, design, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(baseline, "resource_dir", lambda _: tmp_path)
    fake_vitis("vitis-run")
    synth("--flow", "vitis", "--steps", "csynth")
    blessed = ["bless", str(design / "report.json"), "--folder", str(tmp_path / "baselines")]
    with pytest.raises(SystemExit):
        fpga_gnn(blessed)
    assert "figures: " in capsys.readouterr().out
    (path,) = (tmp_path / "baselines").glob("small-*-u250.json")
    path.write_text(path.read_text().replace('"value": 6014.0', '"value": 6000.0', 1))
    _, report, out, _ = synth("--flow", "vitis", "--steps", "csynth")
    assert [(d["name"], d["baseline"], d["now"]) for d in report["drift"]] == [("LUT", 6000, 6014)]
    assert "drift from the baseline\n" in out
    assert steps(report)["baseline"] is True


def test_vitis_asked_for_and_not_there(synth, design, monkeypatch):
    monkeypatch.setattr(synth_flow, "find_vitis", lambda: None)
    code, report, _, error = synth("--flow", "vitis", "--steps", "csynth,cosim")
    assert code == 2
    assert error == (
        "fpga-gnn: error: Vitis HLS (vitis-run or vitis_hls) is not on PATH; install Vitis 2023.2 "
        "to 2025.2 and source its settings64.sh; what ran: export, hls project, kernels, csim; "
        f"report: {design / 'report.json'}"
    )
    assert steps(report)["csynth,cosim"] is False


def test_linker_asked_for_and_not_there(fake_vitis, synth):
    fake_vitis("vitis-run")
    code, report, _, error = synth("--flow", "vitis", "--steps", "csynth,link")
    assert code == 2
    assert "v++ is not on PATH; install Vitis 2023.2 to 2025.2" in error
    assert blocks(report, "csynth") == JOBS
    assert steps(report)["link reconstruct"] is False
