"""Our Tcl scripts under a plain Tcl shell with recording stand-ins for the HLS commands."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from fpga_gnn.hw.vitis.jobs import write_classifier_job
from fpga_gnn.resources import resource_dir

SCRIPTS = sorted(resource_dir("vivado_scripts").glob("*.tcl"))

STUBS = """
proc record {name arguments} {
    set file [open calls.txt a]
    puts $file [list $name {*}$arguments]
    close $file
    if {[info exists ::env(FAIL)] && $name eq $::env(FAIL)} {error "command returned error code"}
}
foreach name {
    open_project set_top add_files open_solution set_part create_clock set_clock_uncertainty
    csim_design csynth_design cosim_design export_design close_project
    config_compile config_schedule
} {
    proc $name args "record $name \\$args"
}
source [lindex $argv 0]
"""
FLAGS = "-cflags {-std=c++17 -Isrc -Isrc/include -Isrc/generated}"


def new_project(name):
    return [
        f"open_project -reset {name}",
        "set_top connected_components",
        f"add_files src/top/connected_components.cpp {FLAGS}",
        f"add_files -tb tb/connected_components_tb.cpp {FLAGS}",
        "add_files -tb tb/golden.txt",
        "open_solution -reset solution -flow_target vitis",
        "set_part xcu250-figd2104-2L-e",
        "create_clock -period 3.33 -name default",
        "set_clock_uncertainty 15% default",
    ]


OPENED = ["open_project project", "open_solution solution"]
CALLS = {
    "csim": [*new_project("csim"), "csim_design -argv golden.txt"],
    "csynth": [*new_project("project"), "csynth_design"],
    "cosim": [*OPENED, "cosim_design -rtl verilog -argv golden.txt"],
    "impl": [*OPENED, "export_design -flow impl -rtl verilog -format ip_catalog"],
    "package_xo": [*OPENED, "export_design -format xo -output connected_components.xo"],
}

pytestmark = pytest.mark.skipif(shutil.which("tclsh") is None, reason="no tclsh on PATH")


def run_tcl(work_dir, script, fail=""):
    (work_dir / "stubs.tcl").write_text(STUBS)
    done = subprocess.run(
        ["tclsh", "stubs.tcl", script],
        cwd=work_dir,
        env={"PATH": "/usr/bin:/bin", "FAIL": fail},
        capture_output=True,
        text=True,
        timeout=30,
    )
    calls = work_dir / "calls.txt"
    return done, calls.read_text().splitlines() if calls.exists() else []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_script_is_complete_tcl(script):
    code = f"set f [open {{{script}}}]; puts [info complete [read $f]]"
    done = subprocess.run(["tclsh"], input=code, capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


@pytest.mark.parametrize("script", CALLS)
def test_calls_of_a_kernel(job, tmp_path, script):
    folder = job.folder.rename(tmp_path / "a folder")
    done, calls = run_tcl(folder, f"{script}.tcl")
    assert (done.returncode, done.stderr) == (0, "")
    assert calls == [*CALLS[script], "close_project"]


def test_a_job_without_bench_has_no_test_files(composition):
    _, calls = run_tcl(composition.folder, "csynth.tcl")
    added = [call for call in calls if call.startswith("add_files")]
    assert [call.split()[1] for call in added] == [
        "src/top/track_finder.cpp",
        "src/firmware/edge_classifier.cpp",
    ]


def test_hls4ml_configures_its_own_solution(tmp_path, board, hls4ml_project):
    job = write_classifier_job(hls4ml_project, board, tmp_path / "edge_classifier")
    done, calls = run_tcl(job.folder, "csynth.tcl")
    assert (done.returncode, done.stderr) == (0, "")
    solution = calls.index("open_solution -reset solution -flow_target vivado")
    assert calls[solution + 1 : solution + 4] == [
        "config_compile -name_max_length 80",
        "config_schedule -enable_dsp_full_reg=false",
        "set_part xcu250-figd2104-2L-e",
    ]
    assert "add_files -tb src/firmware/weights" in calls


@pytest.mark.parametrize(
    ("script", "command"),
    [("csynth", "set_part"), ("csim", "csim_design"), ("impl", "export_design")],
)
def test_script_stops_at_the_first_error(job, script, command):
    done, calls = run_tcl(job.folder, f"{script}.tcl", fail=command)
    assert done.returncode == 1
    assert done.stdout.endswith("FAILED: command returned error code\n")
    assert calls[-1].split()[0] == command


def test_script_refuses_missing_settings(job):
    lines = (job.folder / "settings.txt").read_text().splitlines(keepends=True)
    (job.folder / "settings.txt").write_text("".join(x for x in lines if not x.startswith("part")))
    done, calls = run_tcl(job.folder, "csynth.tcl")
    assert done.returncode == 1
    assert "part" in done.stdout
    assert "csynth_design" not in calls
