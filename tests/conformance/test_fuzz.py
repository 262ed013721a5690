"""Fuzz targets of the bridges with AddressSanitizer and UBSan, on tiny capacities."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from fpga_gnn.contract import HEADER_NAME, emit_header, load_contract
from fpga_gnn.hw.kernels import hls_dir, load_kernels
from fpga_gnn.hw.toolchain import ap_types_dir

HLS = hls_dir()
KERNELS = sorted(load_kernels().kernels)
# ap_types shifts negative values to the left, which C++17 leaves open and g++ defines.
SANITIZERS = (
    *("-O1", "-g1", "-fsanitize=address,undefined", "-fno-sanitize=shift-base"),
    "-fno-sanitize-recover=all",
)
GRAPH = {"max_nodes": 12, "max_edges": 20}
TINY = {
    "connected_components": GRAPH,
    "track_builder": GRAPH,
    "dwalk": GRAPH | {"max_passes": 3},
    "module_map": {
        "lanes": 4,
        "max_hits": 12,
        "max_modules": 5,
        "max_doublets": 8,
        "max_module_doublets": 3,
        "max_module_triplets": 6,
        "max_blocks": 24,
        "max_edges": 16,
    },
}


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """Compile a target against bridge sources; return the program."""
    contract = load_contract("small")
    kernels = contract.kernels
    tiny = {name: getattr(kernels, name).model_copy(update=TINY[name]) for name in TINY}
    contract = contract.model_copy(update={"kernels": kernels.model_copy(update=tiny)})

    def compiled(kernel, include=HLS / "include", flags=SANITIZERS):
        folder = tmp_path_factory.mktemp(kernel)
        (folder / HEADER_NAME).write_text(emit_header(contract))
        sources = [
            HLS / "fuzz" / f"{kernel}_fuzz.cpp",
            HLS / "fuzz" / "fuzz_main.cpp",
            HLS / load_kernels().kernels[kernel].bridge,
        ]
        command = [
            *("g++", *load_kernels().cxxflags, *flags),
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


@pytest.mark.parametrize("kernel", KERNELS)
def test_no_input_breaks_the_bridge(build, kernel):
    program = build(kernel)
    for seed in range(3):
        done = fuzz(program, 20_000, seed)
        assert done.returncode == 0, done.stderr
        assert done.stdout == "fuzz: 20000 inputs, none failed\n"


@pytest.mark.parametrize(
    ("kernel", "flags", "old", "new", "found"),
    [
        (
            "connected_components",
            SANITIZERS,
            "n_nodes > CFG::MAX_NODES",
            "n_nodes > CFG::MAX_NODES + 2",
            "AddressSanitizer|runtime error",
        ),
        # What an earlier event left behind: only the answer tells, so the build needs no sanitizer.
        ("module_map", ("-O0",), "memory.followed[h] = 0;", "", "fuzz: n_edges"),
    ],
    ids=["capacity", "stale memory"],
)
def test_a_broken_kernel_is_found(build, tmp_path, kernel, flags, old, new, found):
    include = tmp_path / "include"
    shutil.copytree(HLS / "include", include)
    header = include / "fpga_gnn" / f"{kernel}.hpp"
    text = header.read_text()
    assert text.count(old) == 1
    header.write_text(text.replace(old, new))
    done = fuzz(build(kernel, include, flags), 20_000, 0)
    assert done.returncode != 0
    assert re.search(found, done.stderr)
