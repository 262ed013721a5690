"""Figures of vendor tools as hardware numbers, each with the label of how it was obtained."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fpga_gnn.report.cosim import CosimReport
from fpga_gnn.report.csynth import CsynthReport, Resources
from fpga_gnn.report.summary import HardwareNumber, Label
from fpga_gnn.report.vivado import Clock, KernelClock, TimingSummary, Utilization

_Figure = tuple[str, float | None, str]


def csynth_numbers(name: str, report: CsynthReport) -> list[HardwareNumber]:
    """Return resources, clock, latency and interval that C synthesis estimates of ``name``."""
    figures: list[_Figure] = [
        *_resources(report.used),
        ("estimated clock", report.estimated_clock_ns, "ns"),
        *(
            (f"{bound} {what}", cycles, "cycles")
            for what, span in (("latency", report.latency), ("interval", report.interval))
            for bound, cycles in span
        ),
    ]
    return _numbers(figures, "csynth", f"{name} on {report.part}")


def cosim_numbers(name: str, part: str, report: CosimReport) -> list[HardwareNumber]:
    """Return latency and interval of ``name``'s Verilog under its bench's golden vectors."""
    figures: list[_Figure] = [
        (f"{bound} {what}", cycles, "cycles")
        for what, span in (("latency", report.latency), ("interval", report.interval))
        for bound, cycles in span
    ]
    return _numbers(figures, "cosim", f"{name} on {part}, its golden vectors")


def impl_numbers(
    name: str, used: Utilization, timing: TimingSummary, clock: Clock
) -> list[HardwareNumber]:
    """Return resources and clock of ``name``, placed and routed out of context."""
    figures = [*_resources(used.used), *_slack(timing), ("achieved clock", clock.achieved_ns, "ns")]
    return _numbers(figures, "vivado", f"{name} alone on {used.device}")


def link_numbers(
    name: str, platform: str, used: Utilization, timing: TimingSummary, clock: KernelClock
) -> list[HardwareNumber]:
    """Return resources, also of each SLR, and clock of the linked binary ``name``, the platform's
    shell included."""
    figures: list[_Figure] = [
        *_resources(used.used),
        *(
            (f"{kind.upper()} in SLR{slr}", amount, "")
            for slr, amounts in enumerate(used.slrs)
            for kind, amount in amounts.items()
        ),
        *_slack(timing),
        ("kernel clock", clock.achieved_mhz, "MHz"),
    ]
    return _numbers(figures, "vivado", f"{name} with the shell of {platform}")


def used_by_slr(numbers: Iterable[HardwareNumber]) -> dict[str, list[dict[str, float]]]:
    """Return what each SLR holds, by kind of resource, of every binary that ``numbers`` are of."""
    found: dict[str, list[dict[str, float]]] = {}
    for number in numbers:
        match = re.fullmatch(r"(\w+) in SLR(\d)", number.name)
        if match and number.value is not None:
            slrs = found.setdefault(number.basis, [])
            slrs += ({} for _ in range(int(match[2]) + 1 - len(slrs)))
            slrs[int(match[2])][match[1].lower()] = number.value
    return found


def _resources(used: Resources) -> list[_Figure]:
    return [(kind.upper(), amount, "") for kind, amount in used]


def _slack(timing: TimingSummary) -> list[_Figure]:
    return [("worst setup slack", timing.wns_ns, "ns"), ("worst hold slack", timing.whs_ns, "ns")]


def _numbers(figures: Iterable[_Figure], label: Label, basis: str) -> list[HardwareNumber]:
    return [
        HardwareNumber(name=what, value=value, unit=unit, label=label, basis=basis)
        for what, value, unit in figures
    ]
