"""The C++ benches: pass on the golden vectors, exit 1 on anything else."""

from __future__ import annotations

import importlib.util
import random
import re
import subprocess
import sys

import pytest

from fpga_gnn.contract import load_contract
from fpga_gnn.hw.kernels import hls_dir, load_kernels
from fpga_gnn.hw.vectors import format_vectors, read_vectors
from fpga_gnn.resources import resource_dir

CONTRACT = load_contract("w8")
KERNELS = sorted(load_kernels().kernels)
SIM = resource_dir("sim")


@pytest.fixture(scope="module")
def benches(tmp_path_factory):
    """Build and run every bench as a user does; return the folder of the programs."""
    build = tmp_path_factory.mktemp("sim")
    command = ["make", "-s", "-C", SIM, f"PYTHON={sys.executable}", f"BUILD={build}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    for kernel in KERNELS:
        assert re.search(rf"^{kernel}: \d+ cases, \d+ values equal$", done.stdout, re.MULTILINE)
    return build


@pytest.fixture(params=KERNELS)
def bench(request, benches, tmp_path):
    """Return (kernel, golden text, function that runs the bench on a text)."""
    kernel = request.param

    def run(text: str | bytes | None) -> subprocess.CompletedProcess[str]:
        path = tmp_path / "golden.txt"
        if text is not None:
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        command = [benches / f"{kernel}_tb", path]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    return kernel, (hls_dir() / load_kernels().kernels[kernel].golden).read_bytes(), run


def test_a_flipped_byte_fails(bench):
    _, text, run = bench
    for index in random.Random(0).sample(range(len(text)), 20):
        flipped = text[:index] + bytes([text[index] ^ 1]) + text[index + 1 :]
        done = run(flipped)
        assert done.returncode == 1
        assert "damaged" in done.stderr or "not a golden file" in done.stderr


def test_a_wrong_answer_is_named(bench):
    kernel, _, run = bench
    column = {"module_map": "tagged", "connected_components": "labels"}.get(kernel, "hits")
    path = hls_dir() / load_kernels().kernels[kernel].golden
    cases = read_vectors(path, kernel, CONTRACT)
    values = cases["random"][column]
    index = values.size - 1
    got = int(values[index])
    values[index] = 1 - got
    done = run(format_vectors(kernel, CONTRACT, cases))
    assert done.returncode == 1
    expected = sum(values) if kernel == "module_map" else 1 - got
    if kernel == "module_map":
        where, got = "status[1]", expected + (1 if values[index] == 0 else -1)
    else:
        where = f"{column}[{index}]"
    assert done.stderr == f"{kernel}: case random: {where}: expected {expected}, got {got}\n"


def test_vectors_of_another_contract_fail(bench):
    kernel, _, run = bench
    done = run(format_vectors(kernel, CONTRACT.with_partition(2, 1), {}))
    assert done.returncode == 1
    assert f"expected {CONTRACT.sha256}" in done.stderr


def test_no_cases_no_file_no_argument_fail(bench, benches):
    kernel, _, run = bench
    missing = run(None)
    assert (missing.returncode, "not a golden file" in missing.stderr) == (1, True)
    empty = run(format_vectors(kernel, CONTRACT, {}))
    assert (empty.returncode, "no values to compare" in empty.stderr) == (1, True)
    assert subprocess.run([benches / f"{kernel}_tb"], stderr=subprocess.DEVNULL).returncode == 1


def test_committed_vectors_are_what_the_maker_makes():
    spec = importlib.util.spec_from_file_location("make_golden", SIM / "make_golden.py")
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)
    for name, text in maker.golden_files().items():
        assert (SIM / "golden" / name).read_text() == text, "run sim/make_golden.py"
