"""Linking with v++: compute units of kernels on the board's platform, as configuration and run.

Compute unit i goes to SLR ``i mod slrs`` and talks to a memory bank of that SLR. The streams of a
composition run inside its kernel, so that no ``stream_connect`` is needed.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from fpga_gnn.contract import Contract
from fpga_gnn.errors import InputError
from fpga_gnn.hw.binary import Design, LinkTarget, record_file, save_record
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


def compute_units(name: str, contract: Contract) -> dict[str, int]:
    """Return how many compute units the parts of binary ``name`` of ``hls/kernels.yaml`` have.

    Those with an edge classifier inside have as many as ``contract`` has classifiers, others one.
    """
    kernels, lanes = load_kernels(), contract.kernels.edge_classifier.lanes
    return {part: lanes if part in kernels.compositions else 1 for part in kernels.binaries[name]}


def slr_overflow(board: Board, units: Mapping[str, int], used: Mapping[str, Resources]) -> str:
    """Return which resources of an SLR its compute units would exceed; empty if they fit.

    ``units`` counts the compute units by kernel, ``used`` is what one uses.
    """
    placed = [used[kernel] for kernel, n_units in units.items() for _ in range(n_units)]
    too_much = []
    for kind, usable in board.usable_per_slr:
        needs = [
            sum(getattr(unit, kind) for unit in placed[slr :: board.slrs])
            for slr in range(board.slrs)
        ]
        if max(needs) > usable:
            too_much.append(f"{kind.upper()} {max(needs)} of {usable}")
    return ", ".join(too_much)


def binary_config(
    name: str, contract: Contract, board: Board, used: Mapping[str, Resources] | None = None
) -> str:
    """Return the configuration that links binary ``name`` of ``hls/kernels.yaml``.

    Each compute unit is tied to its SLR unless ``used``, what one of each kernel uses, says that
    they do not fit: v++ then spreads them.
    """
    tops = load_kernels().tops
    units = compute_units(name, contract)
    place = used is None or not slr_overflow(board, units, used)
    lines = [
        f"platform={board.platform}",
        f"kernel_frequency={board.clock_mhz:g}",
        "save-temps=1",
        "temp_dir=_x",
        "",
        "[connectivity]",
        *(f"nk={tops[part].top}:{n_units}" for part, n_units in units.items()),
    ]
    placed = [(tops[part], i + 1) for part, n_units in units.items() for i in range(n_units)]
    for i, (kernel, number) in enumerate(placed):
        unit_name, slr = f"{kernel.top}_{number}", i % board.slrs
        if place:
            lines.append(f"slr={unit_name}:SLR{slr}")
        ports = kernel_ports(hls_dir() / kernel.source)
        lines += [f"sp={unit_name}.{port}:DDR[{_bank(board, slr)}]" for port in ports]
    return "\n".join([*lines, ""])


def link_arguments(name: str, kernels: Sequence[Path], target: LinkTarget) -> list[str]:
    """Return the arguments of v++ in the folder of ``link.cfg`` and ``kernels`` (.xo)."""
    files = ["--output", f"{name}.xclbin", *(kernel.name for kernel in kernels)]
    return ["--link", "--target", target, "--config", LINK_CONFIG, *files]


def run_link(
    tool: Tool,
    name: str,
    kernels: Sequence[Path],
    made_from: Sequence[str],
    config: str,
    design: Design,
    root: Path,
    timeout_s: float | None = None,
) -> StepResult:
    """Link the Vitis ``kernels`` (.xo) to binary ``name``, unless it is done with equal inputs.

    ``design``, which names the target, is recorded beside the binary. The work folder below
    ``root`` is named by the binary, the target and the hash of ``config``, ``design``, the tool's
    version and ``made_from``, which names what each kernel was made from. Raises
    ``ToolFailedError``, naming the log, when v++ fails, runs longer than its limit or leaves no
    binary.
    """
    target = design.target
    key = step_key(tool, root, [], *made_from, config, design.model_dump_json())
    folder = root / f"{name}-{target}-{key[:KEY_DIGITS]}"
    binary = folder / f"{name}.xclbin"
    info = folder / f"{binary.name}.info"

    def start(log: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for kernel in kernels:
            shutil.copyfile(kernel, folder / kernel.name)
        (folder / LINK_CONFIG).write_text(config, encoding="utf-8")
        command: list[str | Path] = [tool.path, *link_arguments(name, kernels, target)]
        run_logged(command, log, timeout_s or _TIMEOUT_S[target])
        if binary.is_file():
            save_record(design, binary)

    def read() -> Found:
        if target == "hw_emu":
            return binary.name, []
        used = read_utilization(folder / RESULTS / _UTILIZATION)
        timing = read_timing(folder / RESULTS / _TIMING)
        clock = read_kernel_clock(info)
        numbers = link_numbers(name, design.platform, used, timing, clock)
        return f"{binary.name} at {clock.achieved_mhz:g} of {clock.requested_mhz:g} MHz", numbers

    made = [binary, record_file(binary)]
    products = Products(made, {}) if target == "hw_emu" else Products([*made, info], _REPORTS)
    return run_once(target, key, tool, folder, products, start, read)


def _bank(board: Board, slr: int) -> int:
    return board.ddr_slrs.index(slr) if slr in board.ddr_slrs else 0
