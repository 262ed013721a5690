"""From a trained run to a design on disk, simulated in C and, where Vitis is, synthesised."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from fpga_gnn.errors import ToolMissingError
from fpga_gnn.events.event import Event
from fpga_gnn.flows.design import REPORT, write_design
from fpga_gnn.flows.validate import physics, validate
from fpga_gnn.hw.boards import Board
from fpga_gnn.report.estimates import classifier_estimates
from fpga_gnn.report.summary import FlowReport, Step, save_report
from fpga_gnn.training.run import Run


def synth(
    run: Run,
    board: Board,
    folder: Path,
    events: Iterable[Event],
    *,
    min_edges: int,
    require_vitis: bool,
    progress: Callable[[int], None],
) -> FlowReport:
    """Write the design of ``run`` into ``folder``, run its C simulation, synthesise it if possible.

    The C simulation is the verification ladder on ``events`` until ``min_edges`` edges. Without
    Vitis the report says what did not run; with ``require_vitis`` that is ``ToolMissingError``,
    raised before anything is written. The report is also saved as ``report.json``.
    """
    vitis = find_vitis()
    if vitis is None and require_vitis:
        raise ToolMissingError(VITIS_MISSING)
    firmware = write_design(run, board, folder, events)
    steps = [
        Step(
            name="export", done=True, detail=f"{folder}/edge_classifier.onnx and its lowered form"
        ),
        Step(name="hls project", done=True, detail=f"{folder}/edge_classifier for {board.part}"),
        Step(name="kernels", done=True, detail=f"{folder}/kernels (module map, track components)"),
    ]
    checked = validate(run, firmware, events, min_edges=min_edges, progress=progress)
    detail = f"{checked.n_edges} edges of {len(checked.events)} events, all rungs equal"
    steps.append(Step(name="csim", done=True, detail=detail))
    network = run.student.integer_network()
    hardware = classifier_estimates(network, run.contract, board.clock_mhz)
    if vitis is None:
        steps.append(Step(name="csynth", done=False, detail=f"{VITIS_MISSING}; csim ran instead"))
    else:
        for name, numbers in _csynth(vitis, board, folder):
            steps.append(Step(name=f"csynth {name}", done=True, detail=f"{folder}/csynth/{name}"))
            hardware.extend(numbers)
    report = FlowReport(
        flow="synth",
        contract=run.contract.name,
        contract_sha256=run.contract.sha256,
        board=board.name,
        part=board.part,
        steps=steps,
        events=[e.event.event_id for e in checked.events],
        quality=physics(run, checked.events).quality,
        rungs=checked.rungs,
        hardware=hardware,
    )
    save_report(report, folder / REPORT)
    return report
