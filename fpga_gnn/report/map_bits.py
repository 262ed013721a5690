"""What the number formats of the module map cost: versioned JSON, text and Markdown tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from fpga_gnn import __version__
from fpga_gnn.contract import FixedPoint
from fpga_gnn.contract.bounded import Count
from fpga_gnn.files import write_whole
from fpga_gnn.report.document import write_document
from fpga_gnn.report.evaluation import GraphFigure, SampleFigure, percent, with_error
from fpga_gnn.report.table import aligned, markdown


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BitsFigure(_Frozen):
    """The graphs of one set of formats: ``hit`` and ``windows`` by name.

    ``gained`` and ``lost`` are the target segments that only they have as edges, or only float64.
    """

    name: str
    hit: dict[str, FixedPoint]
    windows: dict[str, FixedPoint]
    graph: GraphFigure
    gained: Count
    lost: Count

    @property
    def difference(self) -> float:
        """Target-edge efficiency minus that of float64."""
        return (self.gained - self.lost) / max(self.graph.efficiency.total, 1)

    @property
    def error(self) -> float:
        """Standard deviation of ``difference``: of paired proportions (McNemar), segments taken as
        independent."""
        total = max(self.graph.efficiency.total, 1)
        variance = self.gained + self.lost - (self.gained - self.lost) ** 2 / total
        return math.sqrt(variance) / total


class BitsStudy(_Frozen):
    """Report of ``fpga-gnn module-map bits``; ``targets`` are the cuts on particles.

    ``settings`` (``MapSettings``) are those of all maps, each learned of the events of
    ``learning`` in its own formats. ``real`` are the graphs in float64, ``formats`` those of the
    contract and of its variations. All are of the events of ``validation``.
    """

    schema_version: Literal[1] = 1
    version: str = __version__
    contract: str
    learning: SampleFigure
    validation: SampleFigure
    settings: dict[str, JsonValue]
    targets: dict[str, JsonValue]
    real: GraphFigure
    formats: tuple[BitsFigure, ...]


def save_bits_study(study: BitsStudy, path: Path) -> None:
    """Write ``study`` as JSON, whole or not at all."""
    write_document(study, path)


def write_markdown(study: BitsStudy, path: Path) -> None:
    """Write the table as Markdown, whole or not at all."""
    write_whole(path, ("\n".join(markdown(_rows(study))) + "\n").encode())


def bits_lines(study: BitsStudy) -> list[str]:
    """Return the aligned table: float64, then one line per set of formats.

    Bits of the hits (length/phi/eta) and windows (z0/dphi/deta/phi_slope/dydx/dzdr); efficiency in
    percent with its 68 % interval; its difference to float64 in points with the error of pairs.
    """
    return aligned(_rows(study))


_HEAD = (
    *("formats", "hit bits", "window bits", "efficiency %", "difference", "purity %"),
    *("edges/event", "to float64 %"),
)


def _rows(study: BitsStudy) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = [_HEAD]
    for figure in (None, *study.formats):
        graph = figure.graph if figure else study.real
        name, hit, windows, difference, change = "float64", "", "", "", ""
        if figure:
            name, hit, windows = figure.name, _bits(figure.hit), _bits(figure.windows)
            difference = f"{100 * figure.difference:+.3f} +-{100 * figure.error:.3f}"
        if figure and study.real.edges_per_event:
            ratio = (graph.edges_per_event or 0) / study.real.edges_per_event
            change = f"{100 * (ratio - 1):+.1f}"
        purity, edges = percent(graph.purity.value), f"{graph.edges_per_event or 0:,.0f}"
        efficiency = with_error(graph.efficiency)
        rows.append((name, hit, windows, efficiency, difference, purity, edges, change))
    return rows


def _bits(formats: dict[str, FixedPoint]) -> str:
    return "/".join(str(fixed.bits) for fixed in formats.values())
