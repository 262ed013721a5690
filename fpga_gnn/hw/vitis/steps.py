"""Steps of Vitis HLS on a job: C simulation and synthesis, co-simulation, implementation, kernel.

They run in ``<root>/<job>-<hash>``, a copy of the job; the hash is of all that C synthesis depends
on, so that other sources, settings or tool versions have another folder and leave earlier results
alone. A step that succeeded has left ``<step>.json`` there and does not run again on the same
inputs; one that failed has left its ``<step>.log``. The reports read are kept in ``results/``.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from fpga_gnn.errors import ToolFailedError
from fpga_gnn.hw.boards import Board
from fpga_gnn.hw.toolchain import Tool
from fpga_gnn.hw.vitis.jobs import Job
from fpga_gnn.hw.vitis.resume import (
    KEY_DIGITS,
    RESULTS,
    Found,
    Products,
    StepResult,
    run_once,
    step_key,
)
from fpga_gnn.hw.vitis.tools import last_error, run_script
from fpga_gnn.report.cosim import read_cosim
from fpga_gnn.report.csynth import CsynthReport, read_csynth
from fpga_gnn.report.vendor import cosim_numbers, csynth_numbers, impl_numbers
from fpga_gnn.report.vivado import read_timing, read_utilization

_HOUR_S = 3600.0
_SOLUTION = "project/solution"
_CLOCK = "ap_clk"
_ROUNDING_NS = 0.00501
"""Reports show clocks with two digits."""


@dataclass(frozen=True)
class _Step:
    script: str
    needs: str | None
    uses_bench: bool
    reports: tuple[str, ...]
    """Reports it must leave, with ``{top}`` for the name of the top function."""
    timeout_s: float
    read: Callable[[Path, Job, Board], Found]


def _read_csim(folder: Path, job: Job, board: Board) -> Found:
    log = folder / "csim.log"
    text = log.read_text(encoding="utf-8", errors="replace")
    found = re.findall(r"^\w+: \d+ cases, \d+ values equal$", text, re.MULTILINE)
    if not found:
        raise ToolFailedError(f"csim: the bench compared nothing; log: {log}; {last_error(log)}")
    return found[-1], []


def _read_csynth(folder: Path, job: Job, board: Board) -> Found:
    report = csynth_report(folder)
    _require_asked(
        folder / "csynth.log",
        ("top", report.top, job.top),
        ("part", report.part, board.part),
        ("clock [ns]", report.target_clock_ns, board.clock_ns),
        ("clock uncertainty [ns]", report.clock_uncertainty_ns, board.clock_uncertainty_ns),
    )
    return f"estimated clock {report.estimated_clock_ns:g} ns", csynth_numbers(job.name, report)


def _read_cosim(folder: Path, job: Job, board: Board) -> Found:
    report = read_cosim(folder / RESULTS / f"{job.top}_cosim.rpt")
    if report.status != "Pass":
        log = folder / "cosim.log"
        raise ToolFailedError(f"cosim: status {report.status}; log: {log}; {last_error(log)}")
    return "golden vectors equal", cosim_numbers(job.name, board.part, report)


def _read_impl(folder: Path, job: Job, board: Board) -> Found:
    used = read_utilization(folder / RESULTS / f"{job.top}_utilization_routed.rpt")
    timing = read_timing(folder / RESULTS / f"{job.top}_timing_routed.rpt")
    clock = timing.clock(_CLOCK)
    if clock is None:
        raise ToolFailedError(f"impl: no clock {_CLOCK} in {folder / RESULTS}")
    _require_asked(
        folder / "impl.log",
        ("part", used.device, board.part),
        ("clock [ns]", clock.period_ns, board.clock_ns),
    )
    met = "met" if timing.failing_endpoints == 0 else f"NOT met at {timing.failing_endpoints} ends"
    return f"timing {met}", impl_numbers(job.name, used, timing, clock)


def _read_xo(folder: Path, job: Job, board: Board) -> Found:
    return kernel_object(folder, job).name, []


HLS_STEPS = {
    "csim": _Step("csim", None, True, (), _HOUR_S, _read_csim),
    "csynth": _Step(
        "csynth", None, False, (f"{_SOLUTION}/syn/report/csynth.xml",), 4 * _HOUR_S, _read_csynth
    ),
    "cosim": _Step(
        "cosim",
        "csynth",
        True,
        (f"{_SOLUTION}/sim/report/{{top}}_cosim.rpt",),
        24 * _HOUR_S,
        _read_cosim,
    ),
    "impl": _Step(
        "impl",
        "csynth",
        False,
        tuple(
            f"{_SOLUTION}/impl/verilog/report/{{top}}_{what}_routed.rpt"
            for what in ("utilization", "timing")
        ),
        12 * _HOUR_S,
        _read_impl,
    ),
    "xo": _Step("package_xo", "csynth", False, (), _HOUR_S, _read_xo),
}
"""The steps by name, in the order in which they run."""


def with_needs(names: Sequence[str]) -> list[str]:
    """Return ``names`` and the steps they need, in the order in which they run."""
    needed = {HLS_STEPS[name].needs for name in names}
    return [name for name in HLS_STEPS if name in names or name in needed]


def cannot_run(name: str, job: Job) -> str:
    """Return why step ``name`` makes no sense for ``job``; empty if it does."""
    if HLS_STEPS[name].uses_bench and job.no_bench:
        return job.no_bench
    return job.no_kernel if name == "xo" else ""


def run_step(
    name: str, job: Job, tool: Tool, board: Board, root: Path, timeout_s: float | None = None
) -> StepResult:
    """Run step ``name`` of ``job`` below ``root``, unless it is done with the same inputs.

    The steps it needs must be done. ``timeout_s`` replaces the step's own limit. Raises
    ``ToolFailedError``, naming the log, when the tool fails, runs longer, leaves no report, or did
    not use the part, clock or top function asked for.
    """
    step = HLS_STEPS[name]
    folder = work_folder(job, tool, root)
    reports = [report.format(top=job.top) for report in step.reports]
    products = Products(
        files=[kernel_object(folder, job)] if name == "xo" else [],
        reports={Path(report).name: [report] for report in reports},
    )

    def start(log: Path) -> None:
        _copy_job(job, folder)
        run_script(tool, f"{step.script}.tcl", log, timeout_s or step.timeout_s)

    return run_once(
        name,
        job_key(name, job, tool),
        tool,
        folder,
        products,
        start,
        lambda: step.read(folder, job, board),
    )


def work_folder(job: Job, tool: Tool, root: Path) -> Path:
    """Return the folder in which the steps of ``job`` run with ``tool``."""
    return root / f"{job.name}-{job_key('csynth', job, tool)[:KEY_DIGITS]}"


def csynth_report(folder: Path) -> CsynthReport:
    """Return the report of C synthesis in the work folder ``folder``."""
    return read_csynth(folder / RESULTS / "csynth.xml")


def kernel_object(folder: Path, job: Job) -> Path:
    """Return the Vitis kernel that the step ``xo`` left in the work folder ``folder``."""
    return folder / f"{job.top}.xo"


def job_key(name: str, job: Job, tool: Tool) -> str:
    """Return the hash of all that step ``name`` of ``job`` depends on."""
    step = HLS_STEPS[name]
    top = [job.folder / file for file in ("settings.txt", "common.tcl", f"{step.script}.tcl")]
    trees = ["src", "tb"] if step.uses_bench else ["src"]
    files = [file for tree in trees for file in (job.folder / tree).rglob("*") if file.is_file()]
    before = [job_key(step.needs, job, tool)] if step.needs else []
    return step_key(tool, job.folder, [*top, *files], *before)


def _copy_job(job: Job, folder: Path) -> None:
    shutil.rmtree(folder / "tb", ignore_errors=True)
    shutil.copytree(job.folder, folder, dirs_exist_ok=True)


def _require_asked(log: Path, *settings: tuple[str, str | float, str | float]) -> None:
    changed = [
        f"{what} {found} instead of {asked}"
        for what, found, asked in settings
        if not _same(found, asked)
    ]
    if changed:
        raise ToolFailedError(f"{log.stem}: used {', '.join(changed)}; log: {log}")


def _same(found: str | float, asked: str | float) -> bool:
    if isinstance(found, float) and isinstance(asked, float):
        return abs(found - asked) < _ROUNDING_NS
    return str(found).casefold() == str(asked).casefold()
