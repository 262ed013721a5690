"""Fuzz targets of the bridges with AddressSanitizer and UBSan, on tiny capacities."""

from __future__ import annotations

import subprocess

import pytest

from fpga_gnn.contract import HEADER_NAME, emit_header, load_contract
from fpga_gnn.hw.kernels import hls_dir, load_kernels
from fpga_gnn.hw.toolchain import ap_types_dir

HLS = hls_dir()
TARGETS = sorted(path.stem.removesuffix("_fuzz") for path in (HLS / "fuzz").glob("*_fuzz.cpp"))
# ap_types shifts negative values to the left, which C++17 leaves open and g++ defines.
SANITIZERS = (
    *("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize=shift-base"),
    "-fno-sanitize-recover=all",
)
TINY = {"max_nodes": 12, "max_edges": 20}


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """Compile a target against bridge sources; return the program."""
    contract = load_contract("small")
    kernels = contract.kernels
    tiny = {
        name: getattr(kernels, name).model_copy(update=TINY)
        for name in ("connected_components", "track_builder", "dwalk")
    }
    tiny["dwalk"] = tiny["dwalk"].model_copy(update={"max_passes": 3})
    contract = contract.model_copy(update={"kernels": kernels.model_copy(update=tiny)})

    def compiled(kernel, include=HLS / "include"):
        folder = tmp_path_factory.mktemp(kernel)
        (folder / HEADER_NAME).write_text(emit_header(contract))
        sources = [
            HLS / "fuzz" / f"{kernel}_fuzz.cpp",
            HLS / "fuzz" / "fuzz_main.cpp",
            HLS / load_kernels().kernels[kernel].bridge,
        ]
        command = [
            *("g++", *load_kernels().cxxflags, *SANITIZERS),
            *(f"-I{folder}", f"-I{include}", f"-I{HLS / 'fuzz'}", f"-isystem{ap_types_dir()}"),
            *(*sources, "-o", folder / "fuzz"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return folder / "fuzz"

    return compiled


def fuzz(program, count, seed):
    command = [program, str(count), str(seed)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("kernel", TARGETS)
def test_no_input_breaks_the_bridge(build, kernel):
    program = build(kernel)
    for seed in range(3):
        done = fuzz(program, 20_000, seed)
        assert done.returncode == 0, done.stderr
        assert done.stdout == "fuzz: 20000 inputs, none failed\n"


def test_a_missing_capacity_check_is_found(build, tmp_path):
    include = tmp_path / "include"
    header = include / "fpga_gnn" / "connected_components.hpp"
    header.parent.mkdir(parents=True)
    for path in (HLS / "include" / "fpga_gnn").iterdir():
        text = path.read_text().replace("n_nodes > CFG::MAX_NODES", "n_nodes > CFG::MAX_NODES + 2")
        (header.parent / path.name).write_text(text)
    assert header.read_text() != (HLS / "include/fpga_gnn/connected_components.hpp").read_text()
    done = fuzz(build("connected_components", include), 20_000, 0)
    assert done.returncode != 0
    assert "AddressSanitizer" in done.stderr or "runtime error" in done.stderr
