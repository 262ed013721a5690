"""How graphs depend on the module map: versioned JSON and the table a terminal shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, JsonValue

from fpga_gnn import __version__
from fpga_gnn.contract.bounded import Count
from fpga_gnn.report.document import write_document
from fpga_gnn.report.evaluation import (
    GraphFigure,
    SampleFigure,
    milliseconds,
    percent,
    with_error,
)
from fpga_gnn.report.table import aligned


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MapFigure(_Frozen):
    """One module map: how it was learned, its size, and its two kinds of graphs.

    ``name`` are the ``settings`` that are not defaults. ``doublets`` are the graphs of all pairs
    inside the doublet windows, ``triplets`` of those that a triplet confirms.
    """

    name: str
    settings: dict[str, JsonValue]
    n_events: Count
    n_tracks: Count
    n_modules: Count
    n_doublets: Count
    n_triplets: Count
    doublets: GraphFigure
    triplets: GraphFigure


class MapStudy(_Frozen):
    """Report of ``fpga-gnn module-map study``; ``targets`` are the cuts on particles.

    ``growth`` are maps of the first events of ``learning``, fewest first. The others are of all of
    them: ``windows`` with wider and wider windows, ``variants`` learned in another way. Graphs are
    of ``validation``; times are CPU time of the one thread that makes edges of hits.
    """

    schema_version: Literal[1] = 1
    version: str = __version__
    contract: str
    learning: SampleFigure
    validation: SampleFigure
    targets: dict[str, JsonValue]
    growth: tuple[MapFigure, ...]
    windows: tuple[MapFigure, ...]
    variants: tuple[MapFigure, ...]

    @property
    def maps(self) -> tuple[MapFigure, ...]:
        """All maps, each once: the largest of ``growth`` may be among ``windows``, too."""
        others = (m for m in (*self.windows, *self.variants) if m not in self.growth)
        return (*self.growth, *others)


def save_map_study(study: MapStudy, path: Path) -> None:
    """Write ``study`` as JSON, whole or not at all."""
    write_document(study, path)


class _Row(NamedTuple):
    name: str
    events: str
    modules: str
    entries: str
    graph: str
    efficiency: str
    purity: str
    edges: str
    time: str


_HEAD = _Row(
    "module map",
    "events",
    "modules",
    "entries",
    "graph",
    "efficiency %",
    "purity %",
    "edges/event",
    "CPU ms/event",
)


def study_lines(maps: Sequence[MapFigure]) -> list[str]:
    """Return the aligned table of ``maps`` under one head line, two lines each: its two graphs.

    ``entries`` are the map's doublets on the first line, its triplets on the second. Rates in
    percent, the efficiency with its 68 % interval; time is the median per event with its 16 % and
    84 % quantiles. No line for no maps.
    """
    if not maps:
        return []
    return aligned([_HEAD, *(row for figure in maps for row in _rows(figure))])


def _rows(figure: MapFigure) -> tuple[_Row, _Row]:
    size = (f"{figure.n_events:,}", f"{figure.n_modules:,}")
    return (
        _Row(figure.name, *size, f"{figure.n_doublets:,}", "doublets", *_cells(figure.doublets)),
        _Row("", "", "", f"{figure.n_triplets:,}", "triplets", *_cells(figure.triplets)),
    )


def _cells(graph: GraphFigure) -> tuple[str, str, str, str]:
    return (
        with_error(graph.efficiency),
        percent(graph.purity.value),
        f"{graph.edges_per_event or 0:,.0f}",
        milliseconds(graph.time),
    )
