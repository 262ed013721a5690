"""Linking with v++: compute units of one kernel on the board's platform, as configuration and run.

Compute unit i goes to SLR ``i mod slrs`` and talks to a memory bank of that SLR. The streams of a
composition run inside its kernel, so that no ``stream_connect`` is needed.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Literal

from fpga_gnn.contract import Contract
from fpga_gnn.errors import InputError
from fpga_gnn.hw.boards import Board
from fpga_gnn.hw.kernels import hls_dir, load_kernels
from fpga_gnn.hw.toolchain import Tool
from fpga_gnn.hw.vitis.resume import (
    KEY_DIGITS,
    RESULTS,
    Found,
    Products,
    StepResult,
    run_once,
    step_key,
)
from fpga_gnn.hw.vitis.tools import run_logged
from fpga_gnn.report.csynth import Resources
from fpga_gnn.report.vendor import link_numbers
from fpga_gnn.report.vivado import read_kernel_clock, read_timing, read_utilization

LinkTarget = Literal["hw", "hw_emu"]
"""``hw``: a bitstream for the card; ``hw_emu``: simulation of the linked design on a host."""
LINK_CONFIG = "link.cfg"

_HOUR_S = 3600.0
_TIMEOUT_S = {"hw": 48 * _HOUR_S, "hw_emu": 12 * _HOUR_S}
_UTILIZATION, _TIMING = "utilization_routed.rpt", "timing_routed.rpt"
_IMPL = "_x/reports/**/impl_1_"
_REPORTS = {
    _UTILIZATION: [f"{_IMPL}full_util_routed.rpt"],
    _TIMING: [
        f"{_IMPL}hw_bb_locked_timing_summary_postroute_physopted.rpt",
        f"{_IMPL}hw_bb_locked_timing_summary_routed.rpt",
    ],
}
"""Of v++; the first timing summary is there when the design was optimised after routing."""


def kernel_ports(source: Path) -> list[str]:
    """Return the names of the AXI masters in the interface pragmas of the top ``source``.

    Raises ``InputError`` for a top without one, for one without a bundle, or with a stream, which
    nothing would feed.
    """
    text = source.read_text(encoding="utf-8")
    kinds = Counter(re.findall(r"interface\s+(\w+)", text))
    bundles = re.findall(r"interface\s+m_axi\s+port = \w+\s+bundle = (\w+)", text)
    if not bundles or len(bundles) != kinds["m_axi"] or kinds["axis"]:
        found = f"{kinds['m_axi']} AXI masters, {len(bundles)} bundles, {kinds['axis']} streams"
        raise InputError(source, found, "AXI masters with a bundle each and no stream")
    return [f"m_axi_{bundle}" for bundle in dict.fromkeys(bundles)]


def slr_overflow(board: Board, n_units: int, unit: Resources) -> str:
    """Return which resources of one SLR its compute units would exceed; empty if they fit."""
    per_slr = -(-n_units // board.slrs)
    return ", ".join(
        f"{kind.upper()} {per_slr * used} of {getattr(board.usable_per_slr, kind)}"
        for kind, used in unit
        if per_slr * used > getattr(board.usable_per_slr, kind)
    )


def composition_config(
    name: str, contract: Contract, board: Board, unit: Resources | None = None
) -> str:
    """Return the configuration that links composition ``name`` of ``hls/kernels.yaml``.

    It has as many compute units as ``contract`` has edge classifiers, each of them tied to its SLR
    unless ``unit``, what one uses, does not fit there: v++ spreads such a one over several.
    """
    composition = load_kernels().compositions[name]
    ports = kernel_ports(hls_dir() / composition.source)
    n_units = contract.kernels.edge_classifier.lanes
    place = unit is None or not slr_overflow(board, n_units, unit)
    lines = [
        f"platform={board.platform}",
        f"kernel_frequency={board.clock_mhz:g}",
        "save-temps=1",
        "temp_dir=_x",
        "",
        "[connectivity]",
        f"nk={composition.top}:{n_units}",
    ]
    for i in range(n_units):
        unit_name, slr = f"{composition.top}_{i + 1}", i % board.slrs
        if place:
            lines.append(f"slr={unit_name}:SLR{slr}")
        lines += [f"sp={unit_name}.{port}:DDR[{_bank(board, slr)}]" for port in ports]
    return "\n".join([*lines, ""])


def link_arguments(kernel: str, target: LinkTarget) -> list[str]:
    """Return the arguments of v++ in the folder of ``link.cfg`` and ``<kernel>.xo``."""
    files = ["--output", f"{kernel}.xclbin", f"{kernel}.xo"]
    return ["--link", "--target", target, "--config", LINK_CONFIG, *files]


def run_link(
    tool: Tool,
    kernel: Path,
    made_from: str,
    config: str,
    board: Board,
    target: LinkTarget,
    root: Path,
    timeout_s: float | None = None,
) -> StepResult:
    """Link the Vitis kernel ``kernel`` (.xo) for ``target``, unless it is done with equal inputs.

    The work folder below ``root`` is named by the target and the hash of ``config``, the tool's
    version and ``made_from``, which names what the kernel was made from. Raises
    ``ToolFailedError``, naming the log, when v++ fails, runs longer than its limit or leaves no
    binary.
    """
    key = step_key(tool, root, [], made_from, config, target)
    folder = root / f"{target}-{key[:KEY_DIGITS]}"
    binary = folder / f"{kernel.stem}.xclbin"
    info = folder / f"{binary.name}.info"

    def start(log: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        shutil.copyfile(kernel, folder / kernel.name)
        (folder / LINK_CONFIG).write_text(config, encoding="utf-8")
        command: list[str | Path] = [tool.path, *link_arguments(kernel.stem, target)]
        run_logged(command, log, timeout_s or _TIMEOUT_S[target])

    def read() -> Found:
        if target == "hw_emu":
            return binary.name, []
        used = read_utilization(folder / RESULTS / _UTILIZATION)
        timing = read_timing(folder / RESULTS / _TIMING)
        clock = read_kernel_clock(info)
        numbers = link_numbers(kernel.stem, board.platform, used, timing, clock)
        return f"{binary.name} at {clock.achieved_mhz:g} of {clock.requested_mhz:g} MHz", numbers

    products = Products([binary], {}) if target == "hw_emu" else Products([binary, info], _REPORTS)
    return run_once(target, key, tool, folder, products, start, read)


def _bank(board: Board, slr: int) -> int:
    return board.ddr_slrs.index(slr) if slr in board.ddr_slrs else 0
