"""What a reconstruction did to every event: versioned JSON and the table a terminal shows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from fpga_gnn import __version__
from fpga_gnn.contract.bounded import Count
from fpga_gnn.report.document import write_document
from fpga_gnn.report.table import aligned

STAGES = ("graph", "scores", "tracks")
"""The stages of the pipeline, in order."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EventFigure(_Frozen):
    """One event: sizes, losses and seconds per stage.

    ``unmapped_hits`` lie on modules that the map does not know, ``saturated_features`` were clipped
    by the feature format, ``unplaced_edges`` fit no partition and count as rejected. ``compared``
    values were held against another backend (0: none) and all were equal.
    """

    event_id: int
    hits: Count
    unmapped_hits: Count
    candidates: Count
    edges: Count
    saturated_features: Count
    partitions: Count
    unplaced_edges: Count
    tracks: Count
    hits_on_tracks: Count
    seconds: dict[str, float]
    compared: dict[str, Count] = Field(default_factory=dict)


class Reconstruction(_Frozen):
    """Report of ``fpga-gnn reconstruct``; ``settings`` are all that the tracks depend on.

    ``setup_seconds`` is the time to compile and load; ``peak_memory_mib`` the largest resident set
    that a process of the command had so far.
    """

    schema_version: Literal[1] = 1
    version: str = __version__
    settings: dict[str, str]
    setup_seconds: float
    peak_memory_mib: float
    events: tuple[EventFigure, ...]


def save_reconstruction(report: Reconstruction, path: Path) -> None:
    """Write ``report`` as JSON, whole or not at all."""
    write_document(report, path)


def event_lines(events: Sequence[EventFigure]) -> list[str]:
    """Return one line per event, below a head line."""
    head = ("event", "hits", "candidates", "edges", "partitions", "unplaced", "tracks")
    rows = [(*head, *(f"{stage} s" for stage in STAGES), "total s")]
    for event in events:
        counts = (
            *(event.event_id, event.hits, event.candidates, event.edges),
            *(event.partitions, event.unplaced_edges, event.tracks),
        )
        seconds = [event.seconds[stage] for stage in STAGES]
        rows.append((*map(str, counts), *(f"{s:.2f}" for s in (*seconds, sum(seconds)))))
    return aligned(rows)


def total_lines(report: Reconstruction) -> list[str]:
    """Return what was lost, what was compared, and what it took."""
    events = report.events
    lost = {
        "hits on modules the map does not know": sum(e.unmapped_hits for e in events),
        "features clipped by their format": sum(e.saturated_features for e in events),
        "edges that fit no partition": sum(e.unplaced_edges for e in events),
    }
    lines = [f"{what}: {count}" for what, count in lost.items()]
    if "against" in report.settings:
        compared = {
            stage: sum(e.compared.get(stage, 0) for e in events)
            for stage in dict.fromkeys(key for e in events for key in e.compared)
        }
        counts = ", ".join(f"{stage} {count}" for stage, count in compared.items())
        lines.append(f"values held against {report.settings['against']}: {counts}; 0 differ")
    if report.setup_seconds:
        lines.append(f"set-up: {report.setup_seconds:.1f} s")
    lines.append(f"peak memory: {report.peak_memory_mib:.0f} MiB")
    return lines
