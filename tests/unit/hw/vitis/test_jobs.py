"""Jobs: complete folders for kernels, the classifier and the composition, settings of the board."""

from __future__ import annotations

import subprocess

import pytest

from fpga_gnn.contract import emit_header
from fpga_gnn.errors import InputError
from fpga_gnn.hw.kernels import load_kernels
from fpga_gnn.hw.toolchain import ap_types_dir
from fpga_gnn.hw.vitis.jobs import (
    SCRIPTS,
    read_job,
    write_classifier_job,
    write_composition_job,
    write_kernel_job,
)
from fpga_gnn.resources import resource_dir

KERNELS = sorted(load_kernels().kernels)
TARGET = {
    "part": "xcu250-figd2104-2L-e",
    "clock_period": "3.33",
    "clock_uncertainty": "15%",
}
FILES = {f"{name}.tcl" for name in SCRIPTS} | {"settings.txt", "src", "tb"}


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_every_script_is_in_a_job():
    shipped = {path.stem for path in resource_dir("vivado_scripts").glob("*.tcl")}
    assert shipped == set(SCRIPTS)


@pytest.mark.parametrize("kernel", KERNELS)
def test_kernel_job(tmp_path, w8, board, kernel):
    job = write_kernel_job(kernel, w8, board, tmp_path / kernel)
    assert names(job.folder) == FILES
    assert job.settings == {
        "top": load_kernels().kernels[kernel].top,
        "sources": f"src/{load_kernels().kernels[kernel].source}",
        "cflags": "-std=c++17 -Isrc -Isrc/include -Isrc/generated",
        "bench": f"tb/{kernel}_tb.cpp",
        "bench_data": "tb/golden.txt",
        "argv": "golden.txt",
        "no_bench": "",
        "config": "",
        "flow_target": "vitis",
        **TARGET,
    }
    assert read_job(job.folder) == job
    assert (job.name, job.top, job.no_kernel) == (kernel, kernel, "")


@pytest.mark.parametrize("kernel", KERNELS)
def test_kernel_job_includes_nothing_outside_itself(tmp_path, w8, board, kernel):
    job = write_kernel_job(kernel, w8, board, tmp_path / kernel)
    headers = list(job.folder.rglob("contract.hpp"))
    assert [header.read_text() for header in headers] == [emit_header(w8)]
    command = ["g++", "-MM", *job.settings["cflags"].split(), f"-isystem{ap_types_dir()}"]
    given = [job.settings["sources"], job.settings["bench"]]
    subprocess.run([*command, *given], cwd=job.folder, check=True, stdout=subprocess.DEVNULL)


def test_golden_vectors_of_another_contract_are_no_bench(tmp_path, w8, board):
    other = w8.with_partition(32, 64)
    job = write_kernel_job("module_map", other, board, tmp_path / "module_map")
    assert (
        job.no_bench == f"module_map.txt of sim/golden is of contract {w8.sha256[:12]}, not of w8"
    )
    assert job.settings["bench"] == ""
    assert names(job.folder) == FILES - {"tb"}
    assert read_job(job.folder) == job


def test_classifier_job(tmp_path, board, hls4ml_project):
    job = write_classifier_job(hls4ml_project, board, tmp_path / "edge_classifier")
    assert names(job.folder) == FILES
    assert job.settings == {
        "top": "edge_classifier",
        "sources": "src/firmware/edge_classifier.cpp",
        "cflags": "-std=c++17 -Isrc",
        "bench": "tb/edge_classifier_test.cpp",
        "bench_data": "tb/golden.txt src/firmware/weights",
        "argv": "golden.txt",
        "no_bench": "",
        "config": (
            "{config_compile -name_max_length 80} {config_schedule -enable_dsp_full_reg=false}"
        ),
        "flow_target": "vivado",
        **TARGET,
    }
    assert job.no_kernel == "streams only: it is linked inside a composition"
    assert read_job(job.folder) == job
    firmware = names(job.folder / "src" / "firmware")
    assert firmware == {"weights", "edge_classifier.h", "edge_classifier.cpp"}


def test_composition_job(composition):
    assert composition.top == "track_finder"
    assert composition.settings["sources"] == (
        "src/top/track_finder.cpp src/firmware/edge_classifier.cpp"
    )
    assert composition.settings["config"].startswith("{config_compile ")
    assert composition.no_bench == "hls/tb has no bench of compositions"
    assert composition.no_kernel == ""
    assert (composition.folder / "src" / "contract.hpp").is_file()
    assert read_job(composition.folder) == composition


def test_job_replaces_an_earlier_one(job, w8, board):
    (job.folder / "src" / "old.hpp").touch()
    write_kernel_job(job.name, w8, board, job.folder)
    assert not (job.folder / "src" / "old.hpp").exists()


def test_unknown_names_list_the_known_ones(tmp_path, w8, board):
    with pytest.raises(InputError, match="kernel: found 'walk', expected one of connected"):
        write_kernel_job("walk", w8, board, tmp_path / "job")
    known = "partition_scorer, track_finder"
    with pytest.raises(InputError, match=f"composition: found 'walk', expected one of {known}"):
        write_composition_job("walk", w8, board, tmp_path, tmp_path / "job")
    assert not (tmp_path / "job").exists()


def test_hls4ml_project_that_is_none(tmp_path, board):
    with pytest.raises(InputError, match=r"project\.tcl: found No such file"):
        write_classifier_job(tmp_path / "absent", board, tmp_path / "job")
    (tmp_path / "project.tcl").write_text("set part x\n")
    with pytest.raises(InputError, match=r"project\.tcl: found no project_name"):
        write_classifier_job(tmp_path, board, tmp_path / "job")
