"""C synthesis with a stand-in for Vitis HLS, and our Tcl scripts under a plain Tcl shell."""

from __future__ import annotations

import importlib.util
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from fpga_gnn.contract import load_contract
from fpga_gnn.errors import InputError, ToolFailedError
from fpga_gnn.hw.boards import load_board
from fpga_gnn.hw.kernels import load_kernels
from fpga_gnn.hw.toolchain import ap_types_dir
from fpga_gnn.hw.vitis import csynth_hls4ml, csynth_kernel, find_vitis, write_kernel_job
from fpga_gnn.report.csynth import read_csynth
from fpga_gnn.resources import resource_dir

SCRIPTS = sorted(resource_dir("vivado_scripts").glob("*.tcl"))
BOARD = load_board("u250")
CONTRACT = load_contract("w8").with_partition(32, 64)

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
    config_array_partition config_compile config_schedule
} {
    proc $name args "record $name \\$args"
}
source [lindex $argv 0]
"""


@pytest.fixture
def programs(tmp_path, monkeypatch, install_fake_vitis):
    """An otherwise empty PATH and a function that puts the stand-in there under a name."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("FAKE_VITIS", "ok")
    return lambda name: install_fake_vitis(folder / name)


@pytest.fixture
def vitis(programs):
    programs("vitis-run")
    return find_vitis()


@pytest.fixture
def hls4ml_project(tmp_path):
    """The scripts of an hls4ml project, written for another part, clock and uncertainty."""
    project = tmp_path / "edge_classifier"
    (project / "firmware").mkdir(parents=True)
    (project / "firmware" / "edge_classifier.cpp").write_text("// the design\n")
    (project / "edge_classifier_prj").mkdir()
    (project / "project.tcl").write_text(
        'set project_name "edge_classifier"\nset backend "vitis"\nset part "xcvu13p-flga2577-2-e"\n'
        "set clock_period 5\nset clock_uncertainty 27%\nset maximum_size 4096\n"
    )
    installed = Path(importlib.util.find_spec("hls4ml").submodule_search_locations[0])
    for script in ("build_prj.tcl", "build_opt.tcl"):
        shutil.copy(installed / "templates" / "vitis" / script, project)
    return project


def synthesise(tool, work_dir, kernel="connected_components", timeout_s=60.0):
    return csynth_kernel(tool, kernel, CONTRACT, BOARD, work_dir, timeout_s)


def settings(work_dir):
    return dict(shlex.split(line) for line in (work_dir / "settings.txt").read_text().splitlines())


def test_no_vitis(programs):
    assert find_vitis() is None


def test_vitis_run_is_preferred_and_has_a_version(programs):
    programs("vitis_hls")
    assert find_vitis().name == "vitis_hls"
    programs("vitis-run")
    assert find_vitis().name == "vitis-run"
    assert find_vitis().version == "****** Vitis HLS v2023.2 (64-bit)"


@pytest.mark.parametrize("program", ["vitis-run", "vitis_hls"])
@pytest.mark.parametrize("kernel", sorted(load_kernels().kernels))
def test_kernel_is_synthesised(programs, tmp_path, program, kernel):
    programs(program)
    work_dir = tmp_path / "work" / kernel
    report = synthesise(find_vitis(), work_dir, kernel)
    assert report.top == load_kernels().kernels[kernel].top
    assert report == read_csynth(work_dir / "project" / "solution" / "syn" / "report/csynth.xml")
    assert (work_dir / "csynth.log").read_text() == "INFO: started\n"
    assert settings(work_dir) == {
        "top": load_kernels().kernels[kernel].top,
        "source": f"src/{load_kernels().kernels[kernel].source}",
        "cflags": "-std=c++17 -Isrc -Isrc/include -Isrc/generated",
        "part": "xcu250-figd2104-2L-e",
        "clock_period": "3.33",
        "clock_uncertainty": "15%",
    }


@pytest.mark.parametrize("kernel", sorted(load_kernels().kernels))
def test_job_compiles_alone_with_the_contract_given(tmp_path, kernel):
    write_kernel_job(kernel, CONTRACT, BOARD, tmp_path)
    headers = list(tmp_path.rglob("contract.hpp"))
    assert [CONTRACT.sha256 in header.read_text() for header in headers] == [True]
    given = settings(tmp_path)
    command = ["g++", "-fsyntax-only", *given["cflags"].split(), f"-isystem{ap_types_dir()}"]
    subprocess.run([*command, given["source"]], cwd=tmp_path, check=True)


def test_failure_names_log_and_last_error(vitis, tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_VITIS", "fail")
    with pytest.raises(ToolFailedError) as caught:
        synthesise(vitis, tmp_path / "work")
    log = tmp_path / "work.partial" / "csynth.log"
    assert str(caught.value) == (
        f"{vitis.path}: exit status 1; log: {log}; "
        "last error: ERROR: [HLS 200-1715] Encountered a problem"
    )
    assert "ERROR: [HLS 207-1] first" in log.read_text()


def test_failed_run_leaves_earlier_results_alone(vitis, tmp_path, monkeypatch):
    work_dir, partial = tmp_path / "work", tmp_path / "work.partial"
    synthesise(vitis, work_dir)
    monkeypatch.setenv("FAKE_VITIS", "fail")
    for _ in range(2):
        with pytest.raises(ToolFailedError):
            synthesise(vitis, work_dir)
        assert (work_dir / "project").is_dir()
        assert partial.is_dir()
    monkeypatch.setenv("FAKE_VITIS", "ok")
    synthesise(vitis, work_dir)
    assert not partial.exists()


def test_timeout(vitis, tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_VITIS", "hang")
    with pytest.raises(ToolFailedError, match=r"stopped after 1 s; log: .*csynth\.log; "):
        synthesise(vitis, tmp_path / "work", timeout_s=1)


def test_success_without_report_is_a_failure(vitis, tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_VITIS", "no report")
    with pytest.raises(
        ToolFailedError, match=r"no report .*csynth\.xml; .*last line: INFO: started"
    ):
        synthesise(vitis, tmp_path / "work")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("connected_components -> other", "top other instead of connected_components"),
        ("xcu250-figd2104-2L-e -> xcvu13p", "part xcvu13p instead of xcu250-figd2104-2L-e"),
        (">3.33< -> >3.34<", "clock [ns] 3.34 instead of 3.33"),
        (">0.50< -> >0.90<", "clock uncertainty [ns] 0.9 instead of 0.4995"),
    ],
)
def test_changed_setting_is_a_failure(vitis, tmp_path, monkeypatch, change, message):
    monkeypatch.setenv("FAKE_VITIS", change)
    with pytest.raises(ToolFailedError, match=re.escape(message)):
        synthesise(vitis, tmp_path / "work")
    assert not (tmp_path / "work").exists()


def test_part_in_other_letters_is_the_same_part(vitis, tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_VITIS", "xcu250-figd2104-2L-e -> xcu250-figd2104-2l-e")
    assert synthesise(vitis, tmp_path / "work").part == "xcu250-figd2104-2l-e"


def test_unknown_kernel(vitis, tmp_path):
    with pytest.raises(InputError, match="kernel: found 'walk', expected one of connected"):
        synthesise(vitis, tmp_path / "work", "walk")


@pytest.mark.parametrize("name", ["work", "work.partial"])
def test_folder_of_something_else_is_not_touched(vitis, tmp_path, name):
    precious = tmp_path / name / "thesis.tex"
    precious.parent.mkdir()
    precious.touch()
    with pytest.raises(InputError, match="something else"):
        synthesise(vitis, tmp_path / "work")
    assert precious.exists()


def test_empty_folder_is_used(vitis, tmp_path):
    (tmp_path / "work").mkdir()
    synthesise(vitis, tmp_path / "work")


def test_folder_that_cannot_be_made(vitis, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="a folder that can be made"):
        synthesise(vitis, tmp_path / "file" / "work")


def test_hls4ml_project_is_synthesised_as_a_copy(vitis, tmp_path, hls4ml_project):
    before = {path: path.read_bytes() for path in hls4ml_project.rglob("*") if path.is_file()}
    work_dir = tmp_path / "work"
    report = csynth_hls4ml(vitis, hls4ml_project, BOARD, work_dir, 60)
    assert report.top == "edge_classifier"
    assert (work_dir / "firmware" / "edge_classifier.cpp").is_file()
    assert before == {p: p.read_bytes() for p in hls4ml_project.rglob("*") if p.is_file()}


def test_hls4ml_project_that_is_none(vitis, tmp_path):
    with pytest.raises(InputError, match=r"project\.tcl: found No such file"):
        csynth_hls4ml(vitis, tmp_path / "absent", BOARD, tmp_path / "work")
    (tmp_path / "project.tcl").write_text("set part x\n")
    with pytest.raises(InputError, match=r"project\.tcl: found no project_name"):
        csynth_hls4ml(vitis, tmp_path, BOARD, tmp_path / "work")


def test_hls4ml_work_folder_must_not_overlap_the_project(vitis, tmp_path, hls4ml_project):
    for work_dir in (hls4ml_project, hls4ml_project / "csynth", tmp_path):
        with pytest.raises(InputError, match="in or around the project"):
            csynth_hls4ml(vitis, hls4ml_project, BOARD, work_dir)


needs_tclsh = pytest.mark.skipif(shutil.which("tclsh") is None, reason="no tclsh on PATH")


def run_tcl(work_dir, script, fail=""):
    """Run ``script`` in ``work_dir`` with recording stand-ins for the HLS commands."""
    stubs = work_dir / "stubs.tcl"
    stubs.write_text(STUBS)
    done = subprocess.run(
        ["tclsh", stubs.name, script],
        cwd=work_dir,
        env={"PATH": "/usr/bin:/bin", "FAIL": fail},
        capture_output=True,
        text=True,
        timeout=30,
    )
    return done, (work_dir / "calls.txt").read_text().splitlines()


@needs_tclsh
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_script_is_complete_tcl(script):
    code = f"set f [open {{{script}}}]; puts [info complete [read $f]]"
    done = subprocess.run(["tclsh"], input=code, capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


@needs_tclsh
def test_kernel_script_calls(tmp_path):
    work_dir = tmp_path / "a folder"
    work_dir.mkdir()
    write_kernel_job("connected_components", CONTRACT, BOARD, work_dir)
    done, calls = run_tcl(work_dir, "csynth.tcl")
    assert (done.returncode, done.stderr) == (0, "")
    assert calls == [
        "open_project -reset project",
        "set_top connected_components",
        "add_files src/top/connected_components.cpp -cflags "
        "{-std=c++17 -Isrc -Isrc/include -Isrc/generated}",
        "open_solution -reset solution -flow_target vitis",
        "set_part xcu250-figd2104-2L-e",
        "create_clock -period 3.33 -name default",
        "set_clock_uncertainty 15% default",
        "csynth_design",
        "close_project",
    ]


@needs_tclsh
def test_kernel_script_stops_at_the_first_error(tmp_path):
    write_kernel_job("connected_components", CONTRACT, BOARD, tmp_path)
    done, calls = run_tcl(tmp_path, "csynth.tcl", fail="set_part")
    assert done.returncode == 1
    assert done.stdout.endswith("FAILED: command returned error code\n")
    assert calls[-1] == "set_part xcu250-figd2104-2L-e"


@needs_tclsh
def test_kernel_script_refuses_missing_settings(tmp_path):
    write_kernel_job("connected_components", CONTRACT, BOARD, tmp_path)
    lines = (tmp_path / "settings.txt").read_text().splitlines(keepends=True)
    (tmp_path / "settings.txt").write_text("".join(x for x in lines if not x.startswith("part")))
    done, calls = run_tcl(tmp_path, "csynth.tcl")
    assert done.returncode == 1
    assert 'key "part" not known' in done.stdout
    assert "csynth_design" not in calls


@needs_tclsh
def test_hls4ml_script_obeys_the_board_and_only_synthesises(
    vitis, tmp_path, hls4ml_project, monkeypatch
):
    work_dir = tmp_path / "work"
    csynth_hls4ml(vitis, hls4ml_project, BOARD, work_dir, 60)
    monkeypatch.undo()
    done, calls = run_tcl(work_dir, "build_prj.tcl")
    assert (done.returncode, done.stderr) == (0, "")
    assert "set_part xcu250-figd2104-2L-e" in calls
    assert "create_clock -period 3.33 -name default" in calls
    assert "set_clock_uncertainty 15% default" in calls
    assert [call for call in calls if call.endswith("_design")] == ["csynth_design"]
