"""Reports of Vitis HLS C synthesis: ``csynth.xml`` as a frozen value.

C synthesis estimates: neither placed nor routed. Never show its numbers without the label.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn
from xml.etree import ElementTree

from pydantic import BaseModel, ConfigDict, Field

from fpga_gnn.errors import InputError
from fpga_gnn.files import read_limited
from fpga_gnn.report.lines import MOST_REPORT_BYTES, is_count

_REPORT = "a csynth.xml of Vitis HLS"
_MOST_ELEMENTS, _MOST_DEPTH = 300_000, 64
"""Fields of a report, and fields inside each other."""
_UNKNOWN = frozenset({"undef", "?", "-"})
"""What the tool writes for a number that depends on data."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Resources(_Value):
    """FPGA resources; block RAM in halves of 18 Kb."""

    lut: int = Field(ge=0)
    ff: int = Field(ge=0)
    dsp: int = Field(ge=0)
    bram_18k: int = Field(ge=0)
    uram: int = Field(ge=0)


class Range(_Value):
    """Smallest and largest number of cycles or iterations; None: depends on data, not known."""

    min: int | None
    max: int | None


class Loop(_Value):
    """One loop of the RTL module ``module``; loops inside loops are named ``outer/inner``.

    ``ii`` [cycles] is None for a loop that is not pipelined iteration by iteration, ``depth``
    [cycles] for one that is not pipelined at all.
    """

    module: str
    name: str
    trip_count: Range
    ii: Range | None
    depth: Range | None


class CsynthReport(_Value):
    """What C synthesis reports of one top function; clocks in ns, latency and interval in cycles.

    ``interval`` is between starts of the top function, ``available`` are the device's totals.
    """

    label: Literal["csynth"] = "csynth"
    tool_version: str
    top: str
    part: str
    target_clock_ns: float
    clock_uncertainty_ns: float
    estimated_clock_ns: float
    latency: Range
    interval: Range
    used: Resources
    available: Resources
    loops: tuple[Loop, ...]


def read_csynth(path: Path) -> CsynthReport:
    """Read the ``csynth.xml`` of a whole design or the ``<top>_csynth.xml`` of its top module.

    Only the first lists loops of the modules below the top. Raises ``InputError``, naming file and
    field, for a missing file, broken XML or a field that is missing or no number.
    """
    data = read_limited(path, MOST_REPORT_BYTES, _REPORT)
    try:
        tree = ElementTree.fromstring(data, ElementTree.XMLParser(target=_Tree()))
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise InputError(path, f"broken XML ({error})", _REPORT) from error
    root = _Section(path, "", tree)
    asked = root.child("UserAssignments")
    timing = root.child("PerformanceEstimates/SummaryOfTimingAnalysis")
    cycles = root.child("PerformanceEstimates/SummaryOfOverallLatency")
    top = asked.text("TopModelName")
    return CsynthReport(
        tool_version=root.text("ReportVersion/Version"),
        top=top,
        part=asked.text("Part"),
        target_clock_ns=asked.real("TargetClockPeriod"),
        clock_uncertainty_ns=asked.real("ClockUncertainty"),
        estimated_clock_ns=timing.real("EstimatedClockPeriod"),
        latency=Range(min=cycles.count("Best-caseLatency"), max=cycles.count("Worst-caseLatency")),
        interval=Range(min=cycles.count("Interval-min"), max=cycles.count("Interval-max")),
        used=_resources(root.child("AreaEstimates/Resources")),
        available=_resources(root.child("AreaEstimates/AvailableResources")),
        loops=tuple(_design_loops(root, top)),
    )


class _Tree(ElementTree.TreeBuilder):
    """Builds a tree of limited size; refuses definitions, which may repeat each other for ever."""

    def __init__(self) -> None:
        super().__init__()
        self._elements = self._depth = 0

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ValueError("a document type")

    def start(self, tag: str, attributes: dict[str, str]) -> ElementTree.Element:
        self._elements += 1
        self._depth += 1
        if self._elements > _MOST_ELEMENTS or self._depth > _MOST_DEPTH:
            raise ValueError(f"element {self._elements} at depth {self._depth}")
        return super().start(tag, attributes)

    def end(self, tag: str) -> ElementTree.Element:
        self._depth -= 1
        return super().end(tag)


@dataclass(frozen=True)
class _Section:
    """An element of the report with its field name, for errors."""

    path: Path
    field: str
    element: ElementTree.Element

    def find(self, name: str) -> _Section | None:
        element = self.element.find(name)
        field = f"{self.field}/{name}" if self.field else name
        return None if element is None else _Section(self.path, field, element)

    def find_all(self, name: str) -> Iterator[_Section]:
        for element in self.element.findall(name):
            yield _Section(self.path, f"{self.field}/{element.tag}".lstrip("/"), element)

    def child(self, name: str) -> _Section:
        found = self.find(name)
        if found is None:
            field = f"{self.field}/{name}" if self.field else name
            raise InputError(self.path, f"no {field}", "the field to be there")
        return found

    def text(self, name: str) -> str:
        child = self.child(name)
        text = (child.element.text or "").strip()
        return text or child.refuse(text, "a value")

    def real(self, name: str) -> float:
        text = self.text(name)
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        return number if math.isfinite(number) else self.child(name).refuse(text, "a number")

    def count(self, name: str) -> int | None:
        return self.child(name).as_count(self.text(name))

    def span(self, name: str) -> Range:
        """Read ``7``, ``7 ~ 9`` or a ``range`` element of ``min`` and ``max``."""
        limits = self.find(f"{name}/range")
        if limits is not None:
            return Range(min=limits.count("min"), max=limits.count("max"))
        low, _, high = self.text(name).partition("~")
        child = self.child(name)
        return Range(min=child.as_count(low), max=child.as_count(high or low))

    def optional_span(self, name: str) -> Range | None:
        return None if self.find(name) is None else self.span(name)

    def as_count(self, text: str) -> int | None:
        text = text.strip()
        if text in _UNKNOWN:
            return None
        return int(text) if is_count(text) else self.refuse(text, "a number or undef")

    def refuse(self, found: str, expected: str) -> NoReturn:
        raise InputError(f"{self.path}: {self.field}", repr(found), expected)


def _resources(section: _Section) -> Resources:
    def amount(name: str) -> int:
        number = section.count(name)
        return section.child(name).refuse("undef", "a number") if number is None else number

    return Resources(
        lut=amount("LUT"),
        ff=amount("FF"),
        dsp=amount("DSP"),
        bram_18k=amount("BRAM_18K"),
        uram=amount("URAM"),
    )


def _design_loops(root: _Section, top: str) -> Iterator[Loop]:
    yield from _module_loops(root, top)
    for module in root.find_all("ModuleInformation/Module"):
        name = module.text("Name")
        if name != top:
            yield from _module_loops(module, name)


def _module_loops(section: _Section, module: str) -> Iterator[Loop]:
    for loop in section.find_all("PerformanceEstimates/SummaryOfLoopLatency/*"):
        yield from _loop_nest(loop, module, "")


def _loop_nest(loop: _Section, module: str, outer: str) -> Iterator[Loop]:
    name = outer + loop.element.tag
    yield Loop(
        module=module,
        name=name,
        trip_count=loop.span("TripCount"),
        ii=loop.optional_span("PipelineII"),
        depth=loop.optional_span("PipelineDepth"),
    )
    for inner in loop.find_all("*"):
        if _is_loop(inner.element):
            yield from _loop_nest(inner, module, f"{name}/")


def _is_loop(element: ElementTree.Element) -> bool:
    """Tell a loop from the fields of the loop around it, which have no fields of their own."""
    return element.tag != "InstanceList" and any(field.tag != "range" for field in element)
