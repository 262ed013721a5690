"""What an evaluation on events found: versioned JSON and the table a terminal shows.

Rates, curves and bins validate from any object with the same attributes (``from_attributes``):
``RateFigure.model_validate(rate)``. Numbers that are not finite become None.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue

from fpga_gnn import __version__
from fpga_gnn.contract import read_json
from fpga_gnn.contract.bounded import Count
from fpga_gnn.report.document import write_document
from fpga_gnn.report.table import aligned

_HINT = "make one with `fpga-gnn evaluate`"


def _number(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _column(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value


Number = Annotated[float | None, BeforeValidator(_number)]
Numbers = Annotated[tuple[Number, ...], BeforeValidator(_column)]
Counts = Annotated[tuple[Annotated[int, Field(ge=0)], ...], BeforeValidator(_column)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True)


class RateFigure(_Frozen):
    """``passed`` out of ``total``; ``interval`` is the 68 % Wilson interval of ``value``."""

    passed: Count
    total: Count
    value: Number
    interval: tuple[Number, Number]


class BinnedFigure(_Frozen):
    """Rates in bins between ``edges`` [B + 1]; ``interval`` are lower and upper bounds [B]."""

    edges: Numbers
    passed: Counts
    total: Counts
    value: Numbers
    interval: tuple[Numbers, Numbers]


class TimeFigure(_Frozen):
    """Time of one step per event in ms: median, 16 % and 84 % quantile of ``n_events``."""

    n_events: Count
    median: float
    low: float
    high: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> TimeFigure | None:
        """Summarize one time per event; None for no events."""
        if not len(seconds):
            return None
        low, median, high = np.quantile(np.asarray(seconds) * 1e3, [0.16, 0.5, 0.84]).tolist()
        return cls(n_events=len(seconds), median=median, low=low, high=high)


class SampleFigure(_Frozen):
    """The events: where they lie, how they were made, and the hash of their manifest."""

    path: str
    origin: dict[str, JsonValue]
    event_ids: tuple[Count, ...]
    manifest_sha256: str | None


class GraphFigure(_Frozen):
    """Graph construction: target-edge ``efficiency`` against all target segments, masked
    ``purity``."""

    builder: str
    edges_per_event: Number
    efficiency: RateFigure
    purity: RateFigure
    time: TimeFigure | None


class CurveFigure(_Frozen):
    """Efficiency, masked purity and fake efficiency of edges at every cut [C]."""

    cuts: Numbers
    efficiency: Numbers
    purity: Numbers
    fake_efficiency: Numbers


class EdgeFigure(_Frozen):
    """The edge classifier: area under the ROC curve, the curve itself, edge efficiency at ``cut``
    against pT and eta of the particle."""

    auc: Number
    cut: float
    curve: CurveFigure
    by_pt: BinnedFigure
    by_eta: BinnedFigure
    time: TimeFigure | None


class TrackFigure(_Frozen):
    """One track builder, or the CKF ("ckf"): its ``settings``, the ``cuts`` on its tracks, rates.

    ``duplicate_rate`` = (matched tracks - distinct particles) / distinct particles.
    """

    builder: str
    settings: dict[str, JsonValue]
    cuts: dict[str, JsonValue]
    n_targets: Count
    n_tracks: Count
    n_matched: Count
    n_distinct: Count
    efficiency: RateFigure
    efficiency_two_way: RateFigure
    efficiency_lhc: RateFigure
    fake_rate: RateFigure
    strict_fake_rate: RateFigure
    duplicate_rate: Number
    by_pt: BinnedFigure
    by_eta: BinnedFigure
    time: TimeFigure | None


class Evaluation(_Frozen):
    """Report of ``fpga-gnn evaluate``; ``targets`` are the cuts on particles.

    ``model`` is the folder, ``model_sha256`` the hash of its weights' file; None in older reports.
    ``n_seen`` events of the sample are left out: the model comes from them.
    """

    schema_version: Literal[1] = 1
    version: str = __version__
    model: str | None = None
    model_sha256: str | None = None
    sample: SampleFigure
    n_seen: Count = 0
    targets: dict[str, JsonValue]
    graph: GraphFigure | None
    edges: EdgeFigure | None
    tracks: tuple[TrackFigure, ...]


def save_evaluation(evaluation: Evaluation, path: Path) -> None:
    """Write ``evaluation`` as JSON, whole or not at all."""
    write_document(evaluation, path)


def load_evaluation(path: Path) -> Evaluation:
    """Read an evaluation; ``InputError`` for no file, broken JSON or another schema."""
    return read_json(path, Evaluation, "an evaluation", _HINT)


class _Row(NamedTuple):
    builder: str
    efficiency: str
    two_way: str
    lhc: str
    fake: str
    strict: str
    duplicates: str
    time: str


_HEAD = _Row(
    "builder",
    "efficiency %",
    "two-way %",
    "LHC %",
    "fake %",
    "strict fake %",
    "duplicates %",
    "ms/event",
)


def table_lines(tracks: Sequence[TrackFigure]) -> list[str]:
    """Return the aligned table of track builders, one line each under one head line.

    Rates in percent, the efficiency with its 68 % interval; time is the median per event with its
    16 % and 84 % quantiles. No line for no builders.
    """
    if not tracks:
        return []
    return aligned([_HEAD, *(_row(track) for track in tracks)])


def _row(track: TrackFigure) -> _Row:
    return _Row(track.builder, *track_cells(track))


def track_cells(track: TrackFigure) -> tuple[str, ...]:
    """Return efficiency, two-way, LHC, fakes, strict fakes, duplicates and time as text."""
    return (
        with_error(track.efficiency),
        percent(track.efficiency_two_way.value),
        percent(track.efficiency_lhc.value),
        percent(track.fake_rate.value),
        percent(track.strict_fake_rate.value),
        percent(track.duplicate_rate),
        milliseconds(track.time),
    )


def with_error(rate: RateFigure) -> str:
    """Return ``rate`` in percent with its 68 % interval."""
    low, high = rate.interval
    if rate.value is None or low is None or high is None:
        return "-"
    return f"{percent(rate.value)} +{percent(high - rate.value)} -{percent(rate.value - low)}"


def percent(value: float | None) -> str:
    """Return a fraction in percent."""
    return "-" if value is None else f"{100 * value:.2f}"


def milliseconds(time: TimeFigure | None) -> str:
    """Return the median in ms with the 16 % and 84 % quantiles."""
    return "-" if time is None else f"{time.median:,.1f} ({time.low:,.1f}..{time.high:,.1f})"


def graph_lines(evaluation: Evaluation) -> list[str]:
    """Return the lines on sample, graph construction and edge classifier."""
    tracks, graph, edges = evaluation.tracks, evaluation.graph, evaluation.edges
    lines = [
        f"{len(evaluation.sample.event_ids)} events of {evaluation.sample.path}, "
        f"{tracks[0].n_targets if tracks else 0} target particles"
    ]
    if evaluation.n_seen:
        lines.append(f"left out: {evaluation.n_seen} events that the model comes from")
    if graph:
        lines.append(
            f"graph ({graph.builder}): {graph.edges_per_event or 0:,.0f} edges/event, target-edge "
            f"efficiency {with_error(graph.efficiency)} %, purity {percent(graph.purity.value)} "
            f"%, {milliseconds(graph.time)} ms"
        )
    if edges:
        lines.append(
            f"edge classifier: AUC {edges.auc or float('nan'):.5f}, {milliseconds(edges.time)} ms"
        )
    return lines
