"""The vendor flow on a written design: steps of Vitis on its jobs, then the linked binary.

A job whose step fails goes no further; the others do, so that one failure does not cost a night.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from fpga_gnn.contract import Contract
from fpga_gnn.errors import InputError, ToolFailedError
from fpga_gnn.export.hls4ml_project import PROJECT
from fpga_gnn.flows.design import KERNELS
from fpga_gnn.hw.boards import Board
from fpga_gnn.hw.kernels import load_kernels
from fpga_gnn.hw.toolchain import Tool
from fpga_gnn.hw.vitis.jobs import Job, read_job
from fpga_gnn.hw.vitis.link import LinkTarget, composition_config, run_link, slr_overflow
from fpga_gnn.hw.vitis.resume import StepResult
from fpga_gnn.hw.vitis.steps import (
    HLS_STEPS,
    cannot_run,
    csynth_report,
    job_key,
    kernel_object,
    run_step,
    with_needs,
    work_folder,
)
from fpga_gnn.hw.vitis.tools import INSTALL_VITIS
from fpga_gnn.report.summary import HardwareNumber, Step

_LINK_STEPS: dict[str, LinkTarget] = {"link": "hw", "hw_emu": "hw_emu"}
STEPS = (*HLS_STEPS, *_LINK_STEPS)
"""The steps by name, in the order in which they run."""
LINKER_MISSING = f"v++ is not on PATH; {INSTALL_VITIS}"

Announce = Callable[[str], None]
"""Takes a line when a step starts that may take hours."""


@dataclass(frozen=True)
class VitisPlan:
    """Which ``steps`` to run, on the ``compositions`` too or only on their blocks, and for how long
    each (None: the step's own limit)."""

    steps: tuple[str, ...]
    compositions: bool
    timeout_s: float | None = None

    @property
    def links(self) -> tuple[str, ...]:
        """The steps that need v++."""
        return tuple(step for step in self.steps if step in _LINK_STEPS)


@dataclass
class VitisOutcome:
    """What the flow did: steps, figures, and the steps that failed."""

    steps: list[Step] = field(default_factory=list)
    numbers: list[HardwareNumber] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


def parse_steps(text: str) -> tuple[str, ...]:
    """Return the comma-separated step names of ``text``; ``InputError`` for an unknown one."""
    names = tuple(text.split(","))
    for name in names:
        if name not in STEPS:
            raise InputError("steps", repr(name), f"some of {','.join(STEPS)}")
    return names


def run_vitis(
    vitis: Tool,
    linker: Tool | None,
    plan: VitisPlan,
    contract: Contract,
    board: Board,
    folder: Path,
    announce: Announce,
) -> VitisOutcome:
    """Run ``plan`` on the jobs of the design in ``folder``, in ``folder/vitis``.

    Steps that are done with the same inputs are not run again. What a step needs runs before it.
    """
    flow = _Flow(vitis, linker, plan, contract, board, folder, announce)
    kernels = load_kernels()
    for name in (PROJECT, *kernels.kernels):
        flow.run_job(name, plan.steps)
    if plan.compositions:
        for name in kernels.compositions:
            flow.run_composition(name)
    return flow.outcome


@dataclass
class _Flow:
    vitis: Tool
    linker: Tool | None
    plan: VitisPlan
    contract: Contract
    board: Board
    folder: Path
    announce: Announce
    outcome: VitisOutcome = field(default_factory=VitisOutcome)

    @property
    def root(self) -> Path:
        return self.folder / "vitis"

    def run_job(self, name: str, steps: Sequence[str]) -> Job | None:
        """Run the HLS steps among ``steps`` on a job; None if one failed."""
        job = read_job(self.folder / KERNELS / name)
        possible = []
        for step in HLS_STEPS:
            reason = cannot_run(step, job) if step in steps else "not asked for"
            if not reason:
                possible.append(step)
            elif step in steps:
                self._add(f"{step} {name}", False, reason)
        where = work_folder(job, self.vitis, self.root)
        for step in with_needs(possible):
            self.announce(f"{step} {name} in {where}")
            limit = self.plan.timeout_s
            action = partial(run_step, step, job, self.vitis, self.board, self.root, limit)
            if not self._run(f"{step} {name}", action):
                return None
        return job

    def run_composition(self, name: str) -> None:
        """Run the HLS steps on a composition, then link it for every target asked for."""
        if not self.plan.links or self.linker is None:
            self.run_job(name, self.plan.steps)
            for step in self.plan.links:
                self._add(f"{step} {name}", False, LINKER_MISSING)
        elif job := self.run_job(name, [*self.plan.steps, "xo"]):
            self._link(self.linker, name, job)

    def _link(self, linker: Tool, name: str, job: Job) -> None:
        made = work_folder(job, self.vitis, self.root)
        unit = csynth_report(made).used
        n_units = self.contract.kernels.edge_classifier.lanes
        if too_large := slr_overflow(self.board, n_units, unit):
            self._add(f"SLRs of {name}", True, f"not tied to one: csynth needs {too_large} in it")
        for step in self.plan.links:
            self.announce(f"{step} {name}, {n_units} compute units, in {self.root}")
            action = partial(
                run_link,
                linker,
                kernel_object(made, job),
                job_key("xo", job, self.vitis),
                composition_config(name, self.contract, self.board, unit),
                self.board,
                _LINK_STEPS[step],
                self.root,
                self.plan.timeout_s,
            )
            self._run(f"{step} {name}", action)

    def _run(self, title: str, action: Callable[[], StepResult]) -> bool:
        try:
            result = action()
        except (ToolFailedError, InputError) as error:
            self._add(title, False, f"FAILED: {error}")
            self.outcome.failures.append(f"{title}: {error}")
            return False
        again = "" if result.fresh else ", as an earlier run found"
        self._add(title, True, f"{result.detail}{again}; {result.folder}")
        self.outcome.numbers += result.numbers
        return True

    def _add(self, title: str, done: bool, detail: str) -> None:
        self.outcome.steps.append(Step(name=title, done=done, detail=detail))
