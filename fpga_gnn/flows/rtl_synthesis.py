"""The RTL of a design through Yosys: what each of its kernels takes of a board."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from fpga_gnn.contract import Contract, IntegerNetwork
from fpga_gnn.contract.structure import network_mlps
from fpga_gnn.export.da4ml_verilog import module_name, operator_sources
from fpga_gnn.export.rtl_design import write_rtl_design
from fpga_gnn.flows.baseline import against_baseline
from fpga_gnn.flows.design import REPORT
from fpga_gnn.hw.boards import Board
from fpga_gnn.hw.rtl_classifier import classifier_module
from fpga_gnn.hw.rtl_module_map import module_map_module
from fpga_gnn.hw.rtl_tracks import connected_components_module, track_builder_module
from fpga_gnn.hw.verilator import RtlModule
from fpga_gnn.hw.yosys import find_yosys, synthesise
from fpga_gnn.report.document import write_document
from fpga_gnn.report.resources import KernelUse, ResourceTable
from fpga_gnn.report.summary import FlowReport, HardwareNumber, Step, save_report
from fpga_gnn.report.yosys import yosys_numbers

RESOURCES = "resources.json"
"""The table, in the folder of the results."""

STAGES = "edge_classifier without its MLPs"

_KERNELS = {
    "module_map": module_map_module,
    "connected_components": connected_components_module,
    "track_builder": track_builder_module,
}


@dataclass(frozen=True)
class Part:
    """A part of the design that is synthesised on its own; modules ``apart`` are other parts."""

    name: str
    copies: int
    module: RtlModule
    apart: tuple[str, ...] = ()


def classifier_parts(network: IntegerNetwork, contract: Contract, folder: Path) -> list[Part]:
    """Return the parts of the classifier of ``network``, whose RTL is written to ``folder``.

    The MLPs, in firmware order, are parts of their own, so that none is synthesised again when
    another changes; the last part is the classifier without them.
    """
    write_rtl_design(network, contract, folder)
    lanes = contract.kernels.edge_classifier.lanes
    names = [module_name(mlp) for mlp in network_mlps(network)]
    operators = tuple(folder / file for file in operator_sources())
    modules = [
        RtlModule(name, (), (), (), generated=(folder / f"{name}.v", *operators)) for name in names
    ]
    stages = Part(STAGES, lanes, classifier_module(folder, contract), tuple(names))
    return [*(Part(f"edge_classifier.{m.top}", lanes, m) for m in modules), stages]


def kernel_parts(contract: Contract) -> list[Part]:
    """Return the kernels whose RTL depends on the contract alone."""
    return [Part(name, 1, module(contract)) for name, module in _KERNELS.items()]


def rtl_synthesis(
    parts: Iterable[Part],
    contract: Contract,
    board: Board,
    folder: Path,
    announce: Callable[[str], None],
) -> tuple[FlowReport, ResourceTable]:
    """Synthesise ``parts`` of a design of ``contract``; ``announce`` gets a line before each.

    The report, with its drift from the committed baseline, and the table are also saved in
    ``folder``, as ``report.json`` and ``resources.json``. Raises ``ToolMissingError`` without
    Yosys.
    """
    yosys = find_yosys()
    uses, numbers = [], list[HardwareNumber]()
    for part in parts:
        announce(f"yosys: {part.name}")
        report = synthesise(part.module, part.apart)
        uses.append(KernelUse(name=part.name, copies=part.copies, used=report.used))
        numbers += yosys_numbers(part.name, report, board.part)
    table = ResourceTable(
        label="yosys",
        contract=contract.name,
        contract_sha256=contract.sha256,
        board=board.name,
        part=board.part,
        slrs=board.slrs,
        usable_per_slr=board.usable_per_slr,
        parts=tuple(uses),
    )
    summary = against_baseline(
        FlowReport(
            flow="yosys",
            contract=contract.name,
            contract_sha256=contract.sha256,
            board=board.name,
            part=board.part,
            steps=[Step(name="yosys", done=True, detail=f"{len(uses)} parts, none of them placed")],
            hardware=numbers,
            tools={yosys.name: yosys.version},
        )
    )
    save_report(summary, folder / REPORT)
    write_document(table, folder / RESOURCES)
    return summary, table
