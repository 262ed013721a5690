"""Vitis HLS, where it is installed: C synthesis of our kernels and of hls4ml projects.

Each run has a work folder of its own with all it needs (sources, settings, scripts), so that it
can be repeated by hand there, and its output in ``csynth.log``. The run happens in
``<work_dir>.partial``; only when it succeeds does that become ``work_dir``, so a failed run leaves
the earlier results alone and its own log to read.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from fpga_gnn.contract import HEADER_NAME, Contract, emit_header
from fpga_gnn.errors import InputError, ToolFailedError, ToolMissingError
from fpga_gnn.hw.boards import Board
from fpga_gnn.hw.kernels import Kernel, hls_dir, load_kernels
from fpga_gnn.hw.toolchain import Tool, find_tool, run
from fpga_gnn.report.csynth import CsynthReport, read_csynth
from fpga_gnn.resources import resource_dir

CSYNTH_TIMEOUT_S = 4 * 3600.0
INSTALL_VITIS = "install Vitis 2023.2 to 2025.2 and source its settings64.sh"

_VERSION_ARGS = {"vitis-run": ["--version"], "vitis_hls": ["-version"]}
_SCRIPT_ARGS = {"vitis-run": ["--mode", "hls", "--tcl"], "vitis_hls": ["-f"]}
_LOG = "csynth.log"
_REPORT = Path("syn", "report", "csynth.xml")
_HLS4ML_OFF = ("reset", "csim", "cosim", "validation", "export", "vsynth", "fifo_opt")
_ROUNDING_NS = 0.00501
"""The report shows clocks with two digits."""


def find_vitis() -> Tool | None:
    """Return ``vitis-run``, or else ``vitis_hls`` (deprecated since 2024.2), or None.

    Raises ``ToolFailedError`` when the program is there and cannot say its version.
    """
    for name, version_args in _VERSION_ARGS.items():
        try:
            return find_tool(name, INSTALL_VITIS, version_args)
        except ToolMissingError:
            continue
    return None


def csynth_kernel(
    tool: Tool,
    name: str,
    contract: Contract,
    board: Board,
    work_dir: Path,
    timeout_s: float = CSYNTH_TIMEOUT_S,
) -> CsynthReport:
    """Synthesise kernel ``name`` of ``hls/kernels.yaml`` with the shapes of ``contract``.

    Raises ``InputError`` for an unknown kernel or a ``work_dir`` that holds something else,
    ``ToolFailedError``, naming the log, when the tool fails, runs longer than ``timeout_s``,
    writes no report or did not use the part, clock or top function asked for.
    """
    top = _kernel(name).top
    with _work_folder(work_dir) as folder:
        write_kernel_job(name, contract, board, folder)
        return _run(tool, folder, "csynth.tcl", "project/solution", top, board, timeout_s)


def write_kernel_job(name: str, contract: Contract, board: Board, folder: Path) -> None:
    """Write all that C synthesis of kernel ``name`` needs into the empty ``folder``.

    On any machine with Vitis HLS, ``vitis-run --mode hls --tcl csynth.tcl`` in that folder is the
    run of ``csynth_kernel``. Raises ``InputError`` for an unknown kernel.
    """
    kernel, kernels = _kernel(name), load_kernels()
    include = [".", *kernels.include]
    standard = [flag for flag in kernels.cxxflags if flag.startswith("-std=")]
    settings = _target(board) | {
        "top": kernel.top,
        "source": f"src/{kernel.source}",
        "cflags": " ".join([*standard, *(f"-I{Path('src', path)}" for path in include)]),
    }
    for script in ("common.tcl", "csynth.tcl"):
        shutil.copyfile(resource_dir("vivado_scripts") / script, folder / script)
    _write_tcl(folder / "settings.txt", "{} {}", settings)
    _copy_sources(folder / "src", kernels.include, kernel.source, contract)


def csynth_hls4ml(
    tool: Tool,
    project_dir: Path,
    board: Board,
    work_dir: Path,
    timeout_s: float = CSYNTH_TIMEOUT_S,
) -> CsynthReport:
    """Synthesise a copy of an hls4ml project with the project's own ``build_prj.tcl``.

    Part, clock and uncertainty are the board's, whatever the project was written for. Raises
    ``InputError`` when ``project_dir`` is no hls4ml project or overlaps ``work_dir``, and otherwise
    as ``csynth_kernel``.
    """
    top = _hls4ml_top(project_dir)
    work, project = work_dir.resolve(), project_dir.resolve()
    if work.is_relative_to(project) or project.is_relative_to(work):
        raise InputError(work_dir, "a folder in or around the project", "one beside it")
    # The project's script reads this file after its own settings.
    options = _target(board) | {f"opt({step})": "0" for step in _HLS4ML_OFF} | {"opt(synth)": "1"}
    with _work_folder(work_dir) as folder:
        built = shutil.ignore_patterns(f"{top}_prj")
        shutil.copytree(project_dir, folder, dirs_exist_ok=True, ignore=built)
        _write_tcl(folder / "build_opt.tcl", "set {} {}", options)
        solution = f"{top}_prj/solution1"
        return _run(tool, folder, "build_prj.tcl", solution, top, board, timeout_s)


def _kernel(name: str) -> Kernel:
    kernels = load_kernels().kernels
    if name not in kernels:
        raise InputError("kernel", repr(name), f"one of {', '.join(sorted(kernels))}")
    return kernels[name]


def _target(board: Board) -> dict[str, str]:
    return {
        "part": board.part,
        "clock_period": f"{board.clock_ns:.2f}",
        "clock_uncertainty": f"{board.clock_uncertainty_percent:g}%",
    }


def _hls4ml_top(project_dir: Path) -> str:
    settings = project_dir / "project.tcl"
    try:
        text = settings.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(settings, error.strerror, "an hls4ml project") from error
    name = re.search(r'^set project_name "(\w+)"$', text, re.MULTILINE)
    if name is None:
        raise InputError(settings, "no project_name", "an hls4ml project")
    return name[1]


def _copy_sources(folder: Path, include: list[str], source: str, contract: Contract) -> None:
    hls = hls_dir()
    for name in include:
        # The committed header is one contract's; this run's is written instead.
        committed = shutil.ignore_patterns(HEADER_NAME)
        shutil.copytree(hls / name, folder / name, ignore=committed)
    (folder / source).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(hls / source, folder / source)
    (folder / HEADER_NAME).write_text(emit_header(contract), encoding="utf-8")


def _write_tcl(path: Path, line: str, values: Mapping[str, str]) -> None:
    """Write one ``line`` per value, with every character that Tcl would interpret escaped."""
    words = {key: re.sub(r'([\s\\{}\[\]$";#])', r"\\\1", value) for key, value in values.items()}
    text = "".join(f"{line.format(key, word)}\n" for key, word in words.items())
    path.write_text(text, encoding="utf-8")


@contextmanager
def _work_folder(work_dir: Path) -> Iterator[Path]:
    final = work_dir.resolve()
    partial = final.with_name(f"{final.name}.partial")
    for folder in (final, partial):
        if not _replaceable(folder):
            raise InputError(folder, "a file or folder of something else", "nothing, or an old run")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        (partial / _LOG).touch()
    except OSError as error:
        raise InputError(partial, error.strerror, "a folder that can be made") from error
    yield partial
    shutil.rmtree(final, ignore_errors=True)
    partial.rename(final)


def _replaceable(folder: Path) -> bool:
    if not folder.is_dir():
        return not folder.exists()
    return (folder / _LOG).is_file() or not any(folder.iterdir())


def _run(
    tool: Tool, folder: Path, script: str, solution: str, top: str, board: Board, timeout_s: float
) -> CsynthReport:
    log = folder / _LOG
    try:
        run([tool.path, *_SCRIPT_ARGS[tool.name], script], log, timeout_s, cwd=folder)
    except ToolFailedError as error:
        raise ToolFailedError(f"{error}; {_last_error(log)}") from error
    path = folder / solution / _REPORT
    if not path.is_file():
        raise ToolFailedError(f"{tool.name}: no report {path}; log: {log}; {_last_error(log)}")
    report = read_csynth(path)
    changed = [
        f"{what} {found} instead of {asked}"
        for what, found, asked in (
            ("top", report.top, top),
            ("part", report.part, board.part),
            ("clock [ns]", report.target_clock_ns, board.clock_ns),
            ("clock uncertainty [ns]", report.clock_uncertainty_ns, board.clock_uncertainty_ns),
        )
        if not _same(found, asked)
    ]
    if changed:
        raise ToolFailedError(f"{tool.name}: used {', '.join(changed)}; log: {log}")
    return report


def _same(found: str | float, asked: str | float) -> bool:
    if isinstance(found, float) and isinstance(asked, float):
        return abs(found - asked) < _ROUNDING_NS
    return str(found).casefold() == str(asked).casefold()


def _last_error(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("ERROR", "FATAL"))]
    if errors:
        return f"last error: {errors[-1]}"
    return f"last line: {lines[-1]}" if lines else "the log is empty"
