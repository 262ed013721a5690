"""The RTL of a design through Yosys: what each of its kernels takes of a board."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
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
from fpga_gnn.report.yosys import YosysReport, yosys_numbers

RESOURCES = "resources.json"
"""The table, in the folder of the results."""

_MODULE_MAP_APART = ("doublet_test", "outer_test", "edge_features")
"""The module map's arithmetic: three modules, each in one or many instances."""


@dataclass(frozen=True)
class RtlKernel:
    """A kernel of a design, in ``copies``; its modules ``apart`` are synthesised on their own,
    once, however many instances there are."""

    name: str
    copies: int
    module: RtlModule
    apart: tuple[RtlModule, ...] = ()


def classifier_kernel(network: IntegerNetwork, contract: Contract, folder: Path) -> RtlKernel:
    """Return the classifier of ``network``, whose RTL is written to ``folder``; its MLPs are apart,
    in firmware order."""
    write_rtl_design(network, contract, folder)
    operators = tuple(folder / file for file in operator_sources())
    names = [module_name(mlp) for mlp in network_mlps(network)]
    return RtlKernel(
        "edge_classifier",
        contract.kernels.edge_classifier.lanes,
        classifier_module(folder, contract),
        tuple(_apart(name, (folder / f"{name}.v", *operators)) for name in names),
    )


def module_map_kernel(contract: Contract) -> RtlKernel:
    """Return the module map, its arithmetic apart."""
    module = module_map_module(contract)
    apart = tuple(_apart(name, module.sources) for name in _MODULE_MAP_APART)
    return RtlKernel("module_map", 1, module, apart)


def track_kernels(contract: Contract) -> list[RtlKernel]:
    """Return the kernels that build tracks."""
    return [
        RtlKernel("connected_components", 1, connected_components_module(contract)),
        RtlKernel("track_builder", 1, track_builder_module(contract)),
    ]


def rtl_synthesis(
    kernels: Iterable[RtlKernel],
    contract: Contract,
    board: Board,
    folder: Path,
    announce: Callable[[str], None],
    network_sha256: str | None = None,
) -> tuple[FlowReport, ResourceTable]:
    """Synthesise ``kernels`` of a design of ``contract``; ``announce`` gets a line for each part.

    The report, with its drift from the committed baseline, and the table are also saved in
    ``folder``, as ``report.json`` and ``resources.json``. Raises ``ToolMissingError`` without
    Yosys.
    """
    yosys = find_yosys()
    uses, numbers = list[KernelUse](), list[HardwareNumber]()
    for kernel in kernels:
        for name, instances, report in synthesise_parts(kernel, announce):
            uses.append(KernelUse(name=name, copies=kernel.copies * instances, used=report.used))
            numbers += yosys_numbers(name, report, board.part)
    table = ResourceTable(
        label="yosys",
        contract=contract.name,
        contract_sha256=contract.sha256,
        network_sha256=network_sha256,
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
            network_sha256=network_sha256,
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


def synthesise_parts(
    kernel: RtlKernel, announce: Callable[[str], None]
) -> Iterator[tuple[str, int, YosysReport]]:
    """Yield name, instances and report of each module apart, then of the rest of ``kernel``."""
    rest = f"{kernel.name}, the rest" if kernel.apart else kernel.name
    announce(f"yosys: {rest}")
    whole = synthesise(kernel.module, [module.top for module in kernel.apart])
    for module in kernel.apart:
        name = f"{kernel.name}.{module.top}"
        announce(f"yosys: {name}")
        yield name, whole.apart[module.top], synthesise(module)
    yield rest, 1, whole


def _apart(name: str, sources: tuple[Path, ...]) -> RtlModule:
    return RtlModule(name, sources, (), ())
