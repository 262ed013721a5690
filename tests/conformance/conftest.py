"""A kernel with one line of its headers changed, run on its golden vectors."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from fpga_gnn.hw.kernels import hls_dir, load_kernels
from fpga_gnn.hw.toolchain import ap_types_dir


@pytest.fixture
def run_changed(tmp_path):
    """Return run(kernel, header, old, new), which builds and runs the bench of a changed copy."""

    def run(kernel: str, header: str, old: str, new: str) -> subprocess.CompletedProcess[str]:
        files, hls = load_kernels().kernels[kernel], tmp_path / "include"
        shutil.copytree(hls_dir() / "include", hls)
        text = (hls / "fpga_gnn" / header).read_text()
        assert text.count(old) == 1
        (hls / "fpga_gnn" / header).write_text(text.replace(old, new))
        include = [f"-I{hls}", f"-I{hls_dir() / 'generated'}", f"-isystem{ap_types_dir()}"]
        sources = [hls_dir() / files.source, hls_dir() / files.bench]
        program = tmp_path / "bench"
        command = ["g++", "-std=c++17", "-O0", *include, *sources, "-o", program]
        subprocess.run(command, check=True, timeout=120)
        return subprocess.run(
            [program, hls_dir() / files.golden], capture_output=True, text=True, timeout=120
        )

    return run
