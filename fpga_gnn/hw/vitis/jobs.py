"""Jobs for Vitis HLS: folders that hold all that its steps need, to be run by hand or by ``steps``.

A job has one Tcl script per step, ``settings.txt``, ``src/`` (what is synthesised) and ``tb/`` (the
self-checking bench and its golden vectors). It names no path outside itself.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fpga_gnn.contract import HEADER_NAME, Contract, emit_header
from fpga_gnn.errors import InputError
from fpga_gnn.hw.boards import Board
from fpga_gnn.hw.kernels import hls_dir, load_kernels
from fpga_gnn.hw.vectors import vectors_contract
from fpga_gnn.resources import resource_dir

SCRIPTS = ("common", "csim", "csynth", "cosim", "impl", "package_xo")

_SETTINGS = "settings.txt"
_GOLDEN = "golden.txt"
_KERNEL_FLOW, _IP_FLOW = "vitis", "vivado"
_HOST_ONLY = ("ap_types", "*.so")
"""Of an hls4ml project's ``firmware/``: headers and libraries of its C simulation with g++."""


@dataclass(frozen=True)
class Job:
    """A written job; ``settings`` are those of its ``settings.txt``."""

    folder: Path
    settings: Mapping[str, str]

    @property
    def name(self) -> str:
        """The kernel, composition or project it synthesises."""
        return self.folder.name

    @property
    def top(self) -> str:
        """The top function."""
        return self.settings["top"]

    @property
    def no_bench(self) -> str:
        """Why it cannot be simulated; empty for a job with a bench."""
        return self.settings["no_bench"]

    @property
    def no_kernel(self) -> str:
        """Why v++ cannot link it; empty for a Vitis kernel."""
        if self.settings["flow_target"] == _KERNEL_FLOW:
            return ""
        return "streams only: it is linked inside a composition"


def write_kernel_job(name: str, contract: Contract, board: Board, folder: Path) -> Job:
    """Write the job of kernel ``name`` of ``hls/kernels.yaml`` into ``folder``, which is replaced.

    The committed golden vectors are the bench's if they are of ``contract``; otherwise the job has
    no bench. Raises ``InputError`` for an unknown kernel.
    """
    kernels = load_kernels().kernels
    _require_known("kernel", name, kernels)
    kernel = kernels[name]
    src = _start(folder)
    _copy_kernels(src, contract)
    _copy(hls_dir() / kernel.source, src / kernel.source)
    golden = hls_dir() / kernel.golden
    bench = {}
    if (found := vectors_contract(golden)) == contract.sha256:
        bench = _add_bench(folder, hls_dir() / kernel.bench, golden)
        reason = ""
    else:
        reason = f"{golden.name} of sim/golden is of contract {found[:12]}, not of {contract.name}"
    return _finish(
        folder, board, kernel.top, (kernel.source,), {**bench, "no_bench": reason}, _KERNEL_FLOW
    )


def write_classifier_job(project: Path, board: Board, folder: Path) -> Job:
    """Write the job of the hls4ml project in the folder ``project`` into ``folder``.

    Part, clock and uncertainty are the board's, whatever the project was written for. Raises
    ``InputError`` when ``project`` is no hls4ml project.
    """
    top = _hls4ml_top(project)
    src = _start(folder)
    _copy_firmware(project, src)
    _copy(project / HEADER_NAME, src / HEADER_NAME)
    bench = _add_bench(folder, project / f"{top}_test.cpp", project / "tb_data" / _GOLDEN)
    bench["bench_data"] += " src/firmware/weights"
    settings = {**bench, **_hls4ml_settings(project)}
    return _finish(folder, board, top, (f"firmware/{top}.cpp",), settings, _IP_FLOW)


def write_composition_job(
    name: str, contract: Contract, board: Board, project: Path, folder: Path
) -> Job:
    """Write the job of composition ``name`` with the classifier of ``project`` into ``folder``.

    Raises ``InputError`` for an unknown composition or when ``project`` is no hls4ml project.
    """
    compositions = load_kernels().compositions
    _require_known("composition", name, compositions)
    composition = compositions[name]
    classifier = _hls4ml_top(project)
    src = _start(folder)
    _copy_kernels(src, contract)
    _copy(hls_dir() / composition.source, src / composition.source)
    _copy_firmware(project, src)
    sources = (composition.source, f"firmware/{classifier}.cpp")
    settings = {**_hls4ml_settings(project), "no_bench": "hls/tb has no bench of compositions"}
    return _finish(folder, board, composition.top, sources, settings, _KERNEL_FLOW)


def read_job(folder: Path) -> Job:
    """Return the job that was written into ``folder``."""
    lines = (folder / _SETTINGS).read_text(encoding="utf-8").splitlines()
    settings = dict(shlex.split(line) for line in lines)
    return Job(folder, settings)


def _require_known(what: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        raise InputError(what, repr(name), f"one of {', '.join(sorted(known))}")


def _start(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    for script in SCRIPTS:
        _copy(resource_dir("vivado_scripts") / f"{script}.tcl", folder / f"{script}.tcl")
    return folder / "src"


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _copy_kernels(src: Path, contract: Contract) -> None:
    for name in load_kernels().include:
        # The committed header is one contract's; this run's is written instead.
        committed = shutil.ignore_patterns(HEADER_NAME)
        shutil.copytree(hls_dir() / name, src / name, ignore=committed)
    (src / HEADER_NAME).write_text(emit_header(contract), encoding="utf-8")


def _copy_firmware(project: Path, src: Path) -> None:
    host_only = shutil.ignore_patterns(*_HOST_ONLY)
    shutil.copytree(project / "firmware", src / "firmware", ignore=host_only)


def _add_bench(folder: Path, bench: Path, golden: Path) -> dict[str, str]:
    _copy(bench, folder / "tb" / bench.name)
    _copy(hls_dir() / "tb" / "golden.hpp", folder / "tb" / "golden.hpp")
    _copy(golden, folder / "tb" / _GOLDEN)
    return {"bench": f"tb/{bench.name}", "bench_data": f"tb/{_GOLDEN}", "argv": _GOLDEN}


def _hls4ml_top(project: Path) -> str:
    settings = project / "project.tcl"
    try:
        text = settings.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(settings, error.strerror, "an hls4ml project") from error
    name = re.search(r'^set project_name "(\w+)"$', text, re.MULTILINE)
    if name is None:
        raise InputError(settings, "no project_name", "an hls4ml project")
    return name[1]


def _hls4ml_settings(project: Path) -> dict[str, str]:
    """Return hls4ml's own configuration of the solution, from the script it wrote."""
    script = (project / "build_prj.tcl").read_text(encoding="utf-8")
    commands = re.findall(r"^config_\w+ .+$", script, re.MULTILINE)
    return {"config": " ".join(f"{{{command}}}" for command in commands)}


def _finish(
    folder: Path,
    board: Board,
    top: str,
    sources: tuple[str, ...],
    settings: Mapping[str, str],
    flow_target: str,
) -> Job:
    kernels = load_kernels()
    standard = [flag for flag in kernels.cxxflags if flag.startswith("-std=")]
    include = [f"src/{path}" for path in kernels.include if (folder / "src" / path).is_dir()]
    complete = {
        "top": top,
        "sources": " ".join(f"src/{source}" for source in sources),
        "cflags": " ".join([*standard, *(f"-I{path}" for path in ("src", *include))]),
        "bench": "",
        "bench_data": "",
        "argv": "",
        "no_bench": "",
        "config": "",
        "flow_target": flow_target,
        "part": board.part,
        "clock_period": f"{board.clock_ns:.2f}",
        "clock_uncertainty": f"{board.clock_uncertainty_percent:g}%",
        **settings,
    }
    _write_settings(folder / _SETTINGS, complete)
    return Job(folder, complete)


def _write_settings(path: Path, values: Mapping[str, str]) -> None:
    """Write a line per value, with every character that Tcl would interpret escaped."""
    text = "".join(f"{key} {_tcl_word(value)}\n" for key, value in values.items())
    path.write_text(text, encoding="utf-8")


def _tcl_word(value: str) -> str:
    return re.sub(r'([\s\\{}\[\]$";#])', r"\\\1", value) or '""'
