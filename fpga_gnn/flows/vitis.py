"""The vendor flow on a written design: steps of Vitis on its jobs, then the linked binary.

A job whose step fails goes no further; the others do, so that one failure does not cost a night.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from fpga_gnn.contract import Contract
from fpga_gnn.errors import InputError, ToolFailedError
from fpga_gnn.export.hls4ml_project import PROJECT
from fpga_gnn.flows.design import KERNELS
from fpga_gnn.hw.binary import Design, LinkTarget
from fpga_gnn.hw.boards import Board
from fpga_gnn.hw.kernels import load_kernels
from fpga_gnn.hw.toolchain import Tool
from fpga_gnn.hw.vitis.jobs import Job, read_job
from fpga_gnn.hw.vitis.link import binary_config, compute_units, run_link, slr_overflow
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
    network_sha256: str,
    board: Board,
    folder: Path,
    announce: Announce,
) -> VitisOutcome:
    """Run ``plan`` on the jobs of the design in ``folder``, in ``folder/vitis``.

    The design is of ``contract`` and of the network with this hash. Steps that are done with the
    same inputs are not run again. What a step needs runs before it.
    """
    flow = _Flow(vitis, linker, plan, contract, network_sha256, board, folder, announce)
    kernels = load_kernels()
    binaries = kernels.binaries if plan.compositions and plan.links else {}
    linked = {part for parts in binaries.values() for part in parts} if linker else set()
    for name in (PROJECT, *kernels.kernels, *(kernels.compositions if plan.compositions else ())):
        flow.run_job(name, [*plan.steps, "xo"] if name in linked else plan.steps)
    for name, parts in binaries.items():
        flow.run_links(name, parts)
    return flow.outcome


@dataclass
class _Flow:
    vitis: Tool
    linker: Tool | None
    plan: VitisPlan
    contract: Contract
    network_sha256: str
    board: Board
    folder: Path
    announce: Announce
    outcome: VitisOutcome = field(default_factory=VitisOutcome)
    done: dict[str, Job] = field(default_factory=dict)
    """Jobs of which no step failed, by name."""

    @property
    def root(self) -> Path:
        return self.folder / "vitis"

    def run_job(self, name: str, steps: Sequence[str]) -> None:
        """Run the HLS steps among ``steps`` on a job until one fails."""
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
                return
        self.done[name] = job

    def run_links(self, name: str, parts: Sequence[str]) -> None:
        """Link binary ``name`` of ``parts`` for every target asked for."""
        failed = [part for part in parts if part not in self.done]
        if self.linker is None or failed:
            reason = f"{', '.join(failed)} failed" if self.linker else LINKER_MISSING
            for step in self.plan.links:
                self._add(f"{step} {name}", False, reason)
        else:
            self._link(self.linker, name, {part: self.done[part] for part in parts})

    def _link(self, linker: Tool, name: str, jobs: Mapping[str, Job]) -> None:
        made = {part: work_folder(job, self.vitis, self.root) for part, job in jobs.items()}
        used = {part: csynth_report(folder).used for part, folder in made.items()}
        units = compute_units(name, self.contract)
        if too_large := slr_overflow(self.board, units, used):
            self._add(f"SLRs of {name}", True, f"not tied to one: csynth needs {too_large} in it")
        for step in self.plan.links:
            design = Design(
                contract_sha256=self.contract.sha256,
                network_sha256=self.network_sha256,
                platform=self.board.platform,
                target=_LINK_STEPS[step],
                units={jobs[part].top: n_units for part, n_units in units.items()},
            )
            self.announce(f"{step} {name}, {sum(units.values())} compute units, in {self.root}")
            action = partial(
                run_link,
                linker,
                name,
                [kernel_object(made[part], job) for part, job in jobs.items()],
                [job_key("xo", job, self.vitis) for job in jobs.values()],
                binary_config(name, self.contract, self.board, used),
                design,
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
