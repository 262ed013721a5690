"""The computing table: time per event of every option of every stage, as JSON and as text.

Times are of the machine named in the report; none is a figure of an FPGA.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, get_args

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from fpga_gnn import __version__
from fpga_gnn.contract.bounded import Count
from fpga_gnn.report.document import write_document
from fpga_gnn.report.evaluation import Number, RateFigure, SampleFigure
from fpga_gnn.report.table import aligned

Stage = Literal["graph", "gnn", "segmentation"]
STAGES: tuple[Stage, ...] = get_args(Stage)
STAGE_TITLES: dict[Stage, str] = {
    "graph": "graph construction",
    "gnn": "GNN",
    "segmentation": "segmentation",
}

Time = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Machine(_Frozen):
    """What ran: ``device`` is PyTorch's, ``threads`` what PyTorch and numba may use,
    ``versions`` by name of the library."""

    device: str
    device_name: str
    cpu: str
    n_cpus: Count
    threads: Count
    versions: dict[str, str]


class CallTime(_Frozen):
    """Wall time of a call in ms: median, 16 % and 84 % quantile of ``n_calls`` in ``n_events``
    events, warm-up calls left out; ``first`` is the very first one, compilation included. Very slow
    options have fewer calls than others."""

    n_events: Annotated[int, Field(ge=1)]
    n_calls: Annotated[int, Field(ge=1)]
    median: Time
    low: Time
    high: Time
    first: Time

    @classmethod
    def of(cls, seconds: Sequence[float], n_events: int, first: float) -> CallTime:
        """Summarize the ``seconds`` of all calls in ``n_events`` events."""
        low, median, high = np.quantile(np.asarray(seconds) * 1e3, [0.16, 0.5, 0.84]).tolist()
        return cls(
            n_events=n_events,
            n_calls=len(seconds),
            median=median,
            low=low,
            high=high,
            first=first * 1e3,
        )


class EdgeChange(_Frozen):
    """Edge scores of an option beside those of the first one: ``n_changed`` of ``n_edges`` lie on
    the other side of p = 0.5. ``speed_up``: the first one's median time / the option's."""

    speed_up: Number
    auc: Number
    auc_change: Number
    n_edges: Count
    n_changed: Count


class TrackOutcome(_Frozen):
    """Tracks of ``builder`` on the scores of an option, ATLAS matching."""

    builder: str
    efficiency: RateFigure
    fake_rate: RateFigure
    duplicate_rate: Number


class BenchmarkRow(_Frozen):
    """One option of a stage: its times, or why it was ``not_run``.

    ``measures`` says what a call covers, ``threads`` how many it may use, ``outputs`` how many
    ``unit`` an event has on average.
    """

    stage: Stage
    name: str
    measures: str
    device: str
    threads: Count
    time: CallTime | None = None
    not_run: str | None = None
    outputs: Number = None
    unit: str = ""
    edges: EdgeChange | None = None
    tracks: TrackOutcome | None = None

    @model_validator(mode="after")
    def _timed_or_not(self) -> BenchmarkRow:
        if (self.time is None) == (self.not_run is None):
            raise ValueError("a time or the reason for none")
        return self


class Comparison(_Frozen):
    """Our option beside the best peer: ratio of median times, and how many of the ``n_compared``
    results differ."""

    what: str
    ours: str
    peer: str
    ratio: Time
    limit: Time
    n_compared: Count
    n_different: Count

    @property
    def passed(self) -> bool:
        """Whether ours takes at most ``limit`` times as long."""
        return self.ratio <= self.limit


class Benchmark(_Frozen):
    """Report of ``fpga-gnn benchmark``: ``backend`` ran the stages of ``model``.

    ``model_sha256`` is the hash of its weights' file; None in older reports.
    """

    schema_version: Literal[1] = 1
    version: str = __version__
    machine: Machine
    model: str
    model_sha256: str | None = None
    backend: str
    sample: SampleFigure
    repeat: Annotated[int, Field(ge=1)]
    hits_per_event: Number
    edges_per_event: Number
    rows: tuple[BenchmarkRow, ...]
    comparisons: tuple[Comparison, ...]


def save_benchmark(benchmark: Benchmark, path: Path) -> None:
    """Write ``benchmark`` as JSON, whole or not at all."""
    write_document(benchmark, path)


def head_lines(benchmark: Benchmark) -> list[str]:
    """Return what the figures of the table hold for."""
    machine = benchmark.machine
    ids = benchmark.sample.event_ids
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    return [
        f"device {machine.device}: {machine.device_name}; CPU {machine.cpu}, "
        f"{machine.threads} of {machine.n_cpus} threads",
        versions,
        f"{benchmark.sample.path}: {len(ids)} events, {_number(benchmark.hits_per_event)} hits and "
        f"{_number(benchmark.edges_per_event)} edges per event; "
        f"model {benchmark.model}, backend {benchmark.backend}",
        f"median (16 %..84 %) of {benchmark.repeat} calls per event after a warm-up, in turns; "
        "no time is of an FPGA",
    ]


def stage_lines(rows: Sequence[BenchmarkRow]) -> list[str]:
    """Return the aligned table of one stage's rows, what each measures last; none for no rows."""
    if not rows:
        return []
    head = ["option", "ms/event", "calls", "first call ms", "device", "threads", "output per event"]
    cells = [_common(row) for row in rows]
    if any(row.edges for row in rows):
        head += ["speed-up", "AUC", "change", "edges changed"]
        cells = [line + _edge_cells(row) for line, row in zip(cells, rows, strict=True)]
    if any(row.tracks for row in rows):
        head += ["track efficiency %", "fake %", "duplicates %"]
        cells = [line + _track_cells(row) for line, row in zip(cells, rows, strict=True)]
    measures = ["measures", *(row.not_run or row.measures for row in rows)]
    table = aligned([head, *cells])
    width = max(len(line) for line in table)
    return [f"{line:<{width}}  {last}" for line, last in zip(table, measures, strict=True)]


def comparison_lines(comparisons: Sequence[Comparison]) -> list[str]:
    """Return one line per comparison."""
    return [
        f"{c.what}: {c.ours} takes {c.ratio:.2f} x the time of {c.peer} "
        f"({'within' if c.passed else 'ABOVE'} the limit of {c.limit:g}); "
        f"{c.n_different:,} of {c.n_compared:,} results differ"
        for c in comparisons
    ]


def _common(row: BenchmarkRow) -> list[str]:
    time = row.time
    return [
        row.name,
        "not run" if time is None else f"{time.median:,.2f} ({time.low:,.2f}..{time.high:,.2f})",
        "-" if time is None else str(time.n_calls),
        "-" if time is None else f"{time.first:,.1f}",
        row.device,
        str(row.threads),
        "-" if row.outputs is None else f"{row.outputs:,.0f} {row.unit}",
    ]


def _edge_cells(row: BenchmarkRow) -> list[str]:
    edges = row.edges
    if edges is None:
        return ["-"] * 4
    return [
        "-" if edges.speed_up is None else f"{edges.speed_up:.2f}",
        "-" if edges.auc is None else f"{edges.auc:.5f}",
        "-" if edges.auc_change is None else f"{edges.auc_change:+.1e}",
        f"{edges.n_changed:,}/{edges.n_edges:,}",
    ]


def _track_cells(row: BenchmarkRow) -> list[str]:
    tracks = row.tracks
    if tracks is None:
        return ["-"] * 3
    rates = tracks.efficiency.value, tracks.fake_rate.value, tracks.duplicate_rate
    return ["-" if rate is None else f"{100 * rate:.2f}" for rate in rates]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}"
