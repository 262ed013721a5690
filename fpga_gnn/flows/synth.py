"""From a trained run to a design on disk, simulated in C and, where Vitis is, synthesised."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from fpga_gnn.errors import ToolMissingError
from fpga_gnn.events.store import EventStore
from fpga_gnn.export.hls4ml_project import PROJECT
from fpga_gnn.flows.design import KERNELS, REPORT, write_design
from fpga_gnn.flows.validate import flow_report, held_out_first, validate
from fpga_gnn.hw.boards import Board
from fpga_gnn.hw.kernels import load_kernels
from fpga_gnn.hw.toolchain import Tool
from fpga_gnn.hw.vitis import INSTALL_VITIS, csynth_hls4ml, csynth_kernel, find_vitis
from fpga_gnn.report.csynth import CsynthReport
from fpga_gnn.report.estimates import classifier_estimates
from fpga_gnn.report.summary import FlowReport, HardwareNumber, Step, save_report
from fpga_gnn.training.run import Run

VITIS_MISSING = f"Vitis HLS (vitis-run or vitis_hls) is not on PATH; {INSTALL_VITIS}"


def synth(
    run: Run,
    board: Board,
    folder: Path,
    store: EventStore,
    *,
    min_edges: int,
    require_vitis: bool,
    progress: Callable[[int], None],
) -> FlowReport:
    """Write the design of ``run`` into ``folder``, run its C simulation, synthesise it if possible.

    The C simulation is the verification ladder on events of ``store`` until ``min_edges`` edges.
    Without Vitis the report says what did not run; with ``require_vitis`` that is
    ``ToolMissingError``, raised before anything is written. The report is also saved as
    ``report.json``.
    """
    vitis = find_vitis()
    if vitis is None and require_vitis:
        raise ToolMissingError(VITIS_MISSING)
    firmware = write_design(run, board, folder, held_out_first(run, store))
    steps = [
        Step(
            name="export", done=True, detail=f"{folder}/edge_classifier.onnx and its lowered form"
        ),
        Step(name="hls project", done=True, detail=f"{folder}/edge_classifier for {board.part}"),
        Step(
            name="kernels",
            done=True,
            detail=f"{folder / KERNELS} ({', '.join(load_kernels().kernels)})",
        ),
    ]
    checked = validate(
        run, firmware, held_out_first(run, store), min_edges=min_edges, progress=progress
    )
    detail = f"{checked.n_edges} edges of {len(checked.events)} events, all rungs equal"
    steps.append(Step(name="csim", done=True, detail=detail))
    network = run.student.integer_network()
    hardware = classifier_estimates(network, run.contract, board.clock_mhz)
    if vitis is None:
        steps.append(Step(name="csynth", done=False, detail=f"{VITIS_MISSING}; csim ran instead"))
    else:
        for name, report in _csynth(vitis, run, board, folder):
            steps.append(Step(name=f"csynth {name}", done=True, detail=f"{folder}/csynth/{name}"))
            hardware.extend(_numbers(name, report))
    summary = flow_report("synth", run, board, checked, steps=steps, hardware=hardware)
    save_report(summary, folder / REPORT)
    return summary


def _csynth(
    vitis: Tool, run: Run, board: Board, folder: Path
) -> Iterator[tuple[str, CsynthReport]]:
    yield PROJECT, csynth_hls4ml(vitis, folder / PROJECT, board, folder / "csynth" / PROJECT)
    for name in load_kernels().kernels:
        yield name, csynth_kernel(vitis, name, run.contract, board, folder / "csynth" / name)


def _numbers(name: str, report: CsynthReport) -> list[HardwareNumber]:
    basis = f"{name} on {report.part}"
    figures = [
        *((kind.upper(), used, "") for kind, used in report.used),
        ("estimated clock", report.estimated_clock_ns, "ns"),
        *(
            (f"{bound} {name}", cycles, "cycles")
            for name, span in (("latency", report.latency), ("interval", report.interval))
            for bound, cycles in span
        ),
    ]
    return [
        HardwareNumber(name=what, value=value, unit=unit, label="csynth", basis=basis)
        for what, value, unit in figures
    ]
