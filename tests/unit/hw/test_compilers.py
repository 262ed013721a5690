"""The HLS sources under g++ and clang++: no warning, the same answers."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from fpga_gnn.hw.kernels import hls_dir, load_kernels
from fpga_gnn.hw.toolchain import ap_types_dir
from fpga_gnn.resources import resource_dir

HLS = hls_dir()
FOLDERS = ("bridge", "fuzz", "tb", "top")
OF_A_PROJECT = {"edge_classifier_test.cpp", "partition_scorer.cpp", "track_finder.cpp"}
"""They include the headers of a written hls4ml project."""
SOURCES = sorted(
    path
    for folder in FOLDERS
    for path in (HLS / folder).glob("*.cpp")
    if path.name not in OF_A_PROJECT
)


@pytest.fixture(params=["g++", "clang++"])
def compiler(request):
    if request.param == "clang++" and shutil.which("clang++") is None:
        pytest.skip("clang++: not found on PATH; its warnings and its answers are not checked")
    return request.param


@pytest.fixture
def check(compiler):
    """Return check(source), which compiles without writing a program."""
    kernels = load_kernels()
    include = [*(f"-I{HLS / folder}" for folder in kernels.include), f"-isystem{ap_types_dir()}"]

    def run(source):
        command = [compiler, *kernels.cxxflags, "-fsyntax-only", *include, source]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    return run


def test_every_kernel_is_here():
    kernels = load_kernels().kernels.values()
    named = {HLS / name for kernel in kernels for name in (kernel.source, kernel.bridge)}
    assert named | {HLS / kernel.bench for kernel in kernels} <= set(SOURCES)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(HLS)))
def test_no_warning(check, source):
    done = check(source)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("line", "flag"),
    [
        ("int f(int x) { int unused; return x; }", "unused-variable"),
        ("bool f(int x, unsigned y) { return x < y; }", "sign-compare"),
        ("int f(int x) { int line[x]; return sizeof(line); }", "vla"),
    ],
)
def test_a_warning_fails(check, tmp_path, line, flag):
    source = tmp_path / "warns.cpp"
    source.write_text(f"{line}\n")
    done = check(source)
    assert done.returncode != 0
    assert flag in done.stderr


@pytest.mark.parametrize("compiler", ["clang++"], indirect=True)
def test_golden_values(compiler, tmp_path):
    """Those of g++ are in ``test_benches.py``."""
    options = f"CXX={compiler}", f"PYTHON={sys.executable}", f"BUILD={tmp_path}"
    command = ["make", "-s", "-C", resource_dir("sim"), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
