"""How fast a service answers concurrent clients: versioned JSON and the tables of it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from fpga_gnn import __version__
from fpga_gnn.contract.bounded import Count
from fpga_gnn.files import write_whole
from fpga_gnn.report.document import write_document
from fpga_gnn.report.plots import ServerCurve, serving_scan
from fpga_gnn.report.table import aligned, markdown

SERVING, TABLE, PICTURE = "serving.json", "serving.md", "serving.png"
"""The report, its table and its picture, in one folder."""
ATHENA_TRITON = (3, 2.4)
"""Published for AthenaTriton, ATLAS's client of NVIDIA Triton: instances of a server, and their
throughput over that of one."""
_SATURATED = 0.95


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LoadPoint(_Frozen):
    """So many ``clients``, each with one request in flight, on a server of ``instances``
    (None: unknown).

    ``refused`` requests got 503, for the queue was full; ``answered`` ones took the latencies
    (milliseconds, percentiles). ``seconds`` is from the first request to the last answer.
    """

    instances: Count | None
    clients: Count
    answered: Count
    refused: Count
    seconds: float
    p50_ms: float
    p95_ms: float
    p99_ms: float

    @property
    def events_per_second(self) -> float:
        """Throughput: a request has one event."""
        return self.answered / self.seconds


class ServingReport(_Frozen):
    """Report of ``fpga-gnn benchmark-serve``; ``settings`` say what was served to whom."""

    schema_version: Literal[1] = 1
    version: str = __version__
    settings: dict[str, str]
    points: tuple[LoadPoint, ...]

    @property
    def instances(self) -> tuple[int | None, ...]:
        """The servers' numbers of instances, in their order."""
        return tuple(dict.fromkeys(point.instances for point in self.points))

    def of(self, instances: int | None) -> tuple[LoadPoint, ...]:
        """Return the points of one server."""
        return tuple(point for point in self.points if point.instances == instances)

    def best(self, instances: int | None) -> float:
        """Return the highest throughput of one server, in events per second."""
        return max(point.events_per_second for point in self.of(instances))

    def saturation(self, instances: int | None) -> int:
        """Return the fewest clients that reach 95 % of a server's highest throughput."""
        enough = _SATURATED * self.best(instances)
        return min(p.clients for p in self.of(instances) if p.events_per_second >= enough)


def save_serving(report: ServingReport, folder: Path) -> None:
    """Write ``report`` into ``folder``: as JSON, its table and its picture."""
    folder.mkdir(parents=True, exist_ok=True)
    write_document(report, folder / SERVING)
    write_whole(folder / TABLE, "\n".join([*markdown(point_rows(report)), ""]).encode())
    serving_scan(folder / PICTURE, [_curve(report, n) for n in report.instances])


def point_rows(report: ServingReport) -> list[tuple[str, ...]]:
    """Return a table of all points under a head row."""
    head = ("instances", "clients", "events/s", "p50 ms", "p95 ms", "p99 ms", "answered", "refused")
    return [
        head,
        *(
            (
                "?" if point.instances is None else str(point.instances),
                str(point.clients),
                f"{point.events_per_second:.2f}",
                *(f"{value:.0f}" for value in (point.p50_ms, point.p95_ms, point.p99_ms)),
                str(point.answered),
                str(point.refused),
            )
            for point in report.points
        ),
    ]


def point_lines(report: ServingReport) -> list[str]:
    """Return the table of all points as text."""
    return aligned(point_rows(report))


def scaling_lines(report: ServingReport) -> list[str]:
    """Return where each server saturates, and what more instances gain."""
    lines = []
    base = report.instances[0]
    for instances in report.instances:
        line = (
            f"{_name(instances)}: {report.best(instances):.2f} events/s, "
            f"saturated by {report.saturation(instances)} client(s)"
        )
        if instances != base:
            line += f", {report.best(instances) / report.best(base):.2f} x {_name(base)}"
        lines.append(line)
    if len(report.instances) > 1:
        n, gain = ATHENA_TRITON
        lines.append(f"AthenaTriton (published): {n} instances have {gain} x the throughput of 1")
    return lines


def _name(instances: int | None) -> str:
    return "the server" if instances is None else f"{instances} instance{'s'[: instances > 1]}"


def _curve(report: ServingReport, instances: int | None) -> ServerCurve:
    points = report.of(instances)
    return ServerCurve(
        _name(instances),
        np.array([point.clients for point in points]),
        np.array([point.events_per_second for point in points]),
        np.array([point.p50_ms for point in points]),
        np.array([point.p99_ms for point in points]),
    )
