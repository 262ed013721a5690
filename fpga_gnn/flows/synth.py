"""From a trained run to a design on disk, simulated in C and taken through Vitis where it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fpga_gnn.errors import ToolFailedError, ToolMissingError
from fpga_gnn.events.store import EventStore
from fpga_gnn.flows.baseline import against_baseline
from fpga_gnn.flows.design import KERNELS, REPORT, write_design
from fpga_gnn.flows.validate import flow_report, held_out_first, validate
from fpga_gnn.flows.vitis import (
    LINKER_MISSING,
    Announce,
    VitisOutcome,
    VitisPlan,
    run_vitis,
)
from fpga_gnn.hw.boards import Board
from fpga_gnn.hw.toolchain import Tool
from fpga_gnn.hw.vitis.tools import INSTALL_VITIS, find_linker, find_vitis
from fpga_gnn.report.estimates import classifier_estimates
from fpga_gnn.report.summary import FlowReport, Step, save_report
from fpga_gnn.training.run import Run

VITIS_MISSING = f"Vitis HLS (vitis-run or vitis_hls) is not on PATH; {INSTALL_VITIS}"
WHERE_VITIS_IS = VitisPlan(("csynth",), compositions=False)
"""C synthesis of the blocks; Vitis may be missing."""


def synth(
    run: Run,
    board: Board,
    folder: Path,
    store: EventStore,
    *,
    min_edges: int,
    require_vitis: bool,
    progress: Callable[[int], None],
    plan: VitisPlan = WHERE_VITIS_IS,
    announce: Announce = lambda _: None,
) -> FlowReport:
    """Write the design of ``run`` into ``folder``, simulate it in C, run the vendor's ``plan``.

    The C simulation is the verification ladder on events of ``store`` until ``min_edges`` edges.
    Without Vitis the report says what did not run; with ``require_vitis`` that is
    ``ToolMissingError``, raised before anything is written. The report is also saved as
    ``report.json``, in any case: then ``ToolFailedError`` names the vendor's steps that failed, and
    ``ToolMissingError`` the program that a ``plan`` other than the default lacked.
    """
    vitis = find_vitis()
    if vitis is None and require_vitis:
        raise ToolMissingError(VITIS_MISSING)
    linker = find_linker() if plan.links else None
    firmware = write_design(run, board, folder, held_out_first(run, store))
    steps = [
        Step(
            name="export", done=True, detail=f"{folder}/edge_classifier.onnx and its lowered form"
        ),
        Step(name="hls project", done=True, detail=f"{folder}/edge_classifier for {board.part}"),
        Step(name="kernels", done=True, detail=f"{folder / KERNELS}, a job for Vitis of each"),
    ]
    checked = validate(
        run, firmware, held_out_first(run, store), min_edges=min_edges, progress=progress
    )
    detail = f"{checked.n_edges} edges of {len(checked.events)} events, all rungs equal"
    steps.append(Step(name="csim", done=True, detail=detail))
    network = run.student.integer_network()
    vendor = VitisOutcome()
    if vitis is None:
        detail = f"{VITIS_MISSING}; csim ran instead"
        steps.append(Step(name=",".join(plan.steps), done=False, detail=detail))
    else:
        vendor = run_vitis(
            vitis, linker, plan, run.contract, network.sha256, board, folder, announce
        )
    summary = flow_report(
        "synth",
        run,
        board,
        checked,
        steps=[*steps, *vendor.steps],
        hardware=[
            *classifier_estimates(network, run.contract, board.clock_mhz),
            *vendor.numbers,
        ],
        tools={tool.name: tool.version for tool in (vitis, linker) if tool is not None},
    )
    summary = against_baseline(summary)
    save_report(summary, folder / REPORT)
    _require_all(summary, plan, vendor, vitis, linker, folder / REPORT)
    return summary


def _require_all(
    report: FlowReport,
    plan: VitisPlan,
    vendor: VitisOutcome,
    vitis: Tool | None,
    linker: Tool | None,
    path: Path,
) -> None:
    if vendor.failures:
        rest = f"; {len(vendor.failures) - 1} more failed" if len(vendor.failures) > 1 else ""
        raise ToolFailedError(f"{vendor.failures[0]}{rest}; the others' results: {path}")
    if plan == WHERE_VITIS_IS:
        return
    missing = VITIS_MISSING if vitis is None else ""
    if plan.links and linker is None:
        missing = missing or LINKER_MISSING
    if missing:
        ran = ", ".join(step.name for step in report.steps if step.done)
        raise ToolMissingError(f"{missing}; what ran: {ran}; report: {path}")
