"""How events fill partitions of one shape or another: versioned JSON and the table it prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from fpga_gnn import __version__
from fpga_gnn.report.document import write_document
from fpga_gnn.report.evaluation import SampleFigure
from fpga_gnn.report.table import aligned


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ShapeFigure(_Frozen):
    """Partitions of one shape.

    ``partitions`` per event; ``nodes`` and ``edges`` of every partition, halo included, ``owned``
    of its edges; ``unplaced`` edges fit none. ``memory_bits`` and ``fifo_bits`` of one lane,
    ``lanes`` that the board's on-chip memory holds, if the classifier has it to itself, and the
    ``cycles_per_edge`` of so many (``estimate``).
    """

    max_nodes: int
    max_edges: int
    partitions: tuple[int, ...]
    nodes: tuple[int, ...]
    edges: tuple[int, ...]
    owned: tuple[int, ...]
    unplaced: int
    interval: int
    memory_bits: int
    fifo_bits: int
    lanes: int
    cycles_per_edge: float | None

    @property
    def name(self) -> str:
        """Name in tables."""
        return f"{self.max_nodes} / {self.max_edges}"


class PartitionStudy(_Frozen):
    """Report of ``fpga-gnn partitions``: the events' graphs, cut for ``hops`` iterations."""

    schema_version: Literal[1] = 1
    version: str = __version__
    sample: SampleFigure
    contract: str
    board: str
    hops: int
    shapes: tuple[ShapeFigure, ...]


def save_partition_study(study: PartitionStudy, path: Path) -> None:
    """Write ``study`` as JSON, whole or not at all."""
    write_document(study, path)


def shape_lines(shapes: Sequence[ShapeFigure]) -> list[str]:
    """Return one line per shape, below a head line; hardware figures are estimates."""
    head = (
        *("nodes / edges", "partitions", "most", "node fill", "edge fill", "owned", "unplaced"),
        *("memory Mbit", "FIFO Mbit", "lanes", "cycles/edge"),
    )
    rows: list[tuple[str, ...]] = [head]
    for shape in shapes:
        n = len(shape.edges)
        n_edges = sum(shape.edges)
        rows.append(
            (
                shape.name,
                f"{n / len(shape.partitions):.1f}",
                str(max(shape.partitions)),
                _share(sum(shape.nodes), n * shape.max_nodes),
                _share(n_edges, n * shape.max_edges),
                _share(sum(shape.owned), n_edges),
                str(shape.unplaced),
                f"{shape.memory_bits / 1e6:.0f}",
                f"{shape.fifo_bits / 1e6:.0f}",
                str(shape.lanes),
                "-" if shape.cycles_per_edge is None else f"{shape.cycles_per_edge:.2f}",
            )
        )
    return aligned(rows)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "-"
