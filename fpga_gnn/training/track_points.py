"""Choose the cuts of every track builder on validation events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, ConfigDict

from fpga_gnn.errors import InputError
from fpga_gnn.events.event import Event
from fpga_gnn.events.targets import TargetSelection
from fpga_gnn.graphs.construction import HitGraph
from fpga_gnn.models.scoring import probability
from fpga_gnn.tracks.builder import builder, tracks_of
from fpga_gnn.tracks.metrics import TrackSelection, TrackSummary, match_tracks, summarize

MOST_FAKES = 0.045
"""Fake rate that a working point should stay below; the CKF peer is tuned for less than 5 %."""


def _probabilities(first: float, last: float, step: float) -> tuple[float, ...]:
    logits = np.arange(first, last + step / 2, step)
    return tuple(float(p) for p in np.round(probability(logits), 4))


_FINE = _probabilities(-4.0, 4.0, 0.1)
_WALK = {"min_cut": _probabilities(-1.0, 1.5, 0.5), "add_cut": _probabilities(0.0, 4.0, 1.0)}
_GRID: dict[str, dict[str, Sequence[float]]] = {
    "cc": {"cut": _FINE},
    "cc-jr": {"cut": _FINE},
    "cc-jr-acorn": {
        "chain_cut": _probabilities(1.0, 4.0, 1.0),
        "junction_cut": _probabilities(-1.0, 2.0, 0.5),
    },
    "walkthrough": _WALK,
    "fast-walkthrough": _WALK,
    "dwalk": _WALK,
}
"""Cuts to try, as probabilities."""


class WorkingPoint(BaseModel):
    """A track builder with the cuts chosen on validation events, and its figures there."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    settings: dict[str, Any]
    efficiency: float
    fake_rate: float


def _of_known_builders(points: dict[str, WorkingPoint]) -> dict[str, WorkingPoint]:
    try:
        known = {name: dict(builder(name, **point.settings)) for name, point in points.items()}
    except InputError as error:
        raise ValueError(str(error)) from None
    return {
        name: point.model_copy(
            update={"settings": {key: known[name][key] for key in point.settings}}
        )
        for name, point in points.items()
    }


WorkingPoints = Annotated[dict[str, WorkingPoint], AfterValidator(_of_known_builders)]
"""The working points of a model by builder; their settings are those of the builders."""


@dataclass(frozen=True, eq=False)
class ScoredGraph:
    """An event, its graph, and the probability of each edge [E]."""

    event: Event
    graph: HitGraph
    score: NDArray[np.float64]

    @classmethod
    def of_logits(cls, event: Event, graph: HitGraph, logits: NDArray[np.float64]) -> ScoredGraph:
        """Score ``graph`` with one logit per edge [E]."""
        return cls(event, graph, probability(logits))


def working_points(
    scored: Sequence[ScoredGraph],
    builders: Sequence[str],
    tracks: TrackSelection,
    targets: TargetSelection,
    count: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, WorkingPoint]:
    """Return the best settings of each of ``builders`` on ``scored`` events.

    ``count`` is called with settings tried and their total.
    """
    done, total = 0, n_settings(builders)

    def tried() -> None:
        nonlocal done
        done += 1
        count(done, total)

    points = {}
    for name in builders:
        settings, summary = choose_settings(name, scored, tracks.min_hits, targets, tried)
        points[name] = WorkingPoint(
            settings=settings,
            efficiency=float(np.nan_to_num(summary.efficiency)),
            fake_rate=float(np.nan_to_num(summary.fake_rate)),
        )
    return points


def choose_settings(
    name: str,
    scored: Sequence[ScoredGraph],
    min_hits: int,
    targets: TargetSelection,
    tried: Callable[[], None] = lambda: None,
) -> tuple[dict[str, Any], TrackSummary]:
    """Return the settings of builder ``name`` that find most targets at fewer than ``MOST_FAKES``.

    If none stays below, those with the largest efficiency x (1 - fake rate). The first of equals;
    with the summary of its tracks on ``scored``.
    """
    best: tuple[tuple[bool, float], dict[str, Any], TrackSummary] | None = None
    for cuts in _settings(name):
        settings = {"min_hits": min_hits, **cuts}
        summary = track_summary(name, settings, scored, targets)
        rank = merit(summary.efficiency, summary.fake_rate)
        if best is None or rank > best[0]:
            best = rank, settings, summary
        tried()
    assert best is not None
    return best[1], best[2]


def merit(efficiency: float, fake_rate: float) -> tuple[bool, float]:
    """Return what to sort working points by; the largest is the best.

    Any below ``MOST_FAKES`` beats any above; then efficiency counts, above it times (1 - fakes).
    """
    pure = fake_rate <= MOST_FAKES
    figure = efficiency * (1.0 if pure else 1 - fake_rate)
    return pure, float(np.nan_to_num(figure))


def n_settings(builders: Sequence[str]) -> int:
    """Return how many settings ``working_points`` tries for ``builders``."""
    return sum(len(list(_settings(name))) for name in builders)


def track_summary(
    name: str, settings: dict[str, Any], scored: Sequence[ScoredGraph], targets: TargetSelection
) -> TrackSummary:
    """Build tracks with one builder and summarize them over the events."""
    build = builder(name, **settings)
    matches = []
    for item in scored:
        graph = item.graph
        labels = build.labels(graph.n_nodes, graph.src, graph.dst, item.score)
        matches.append(match_tracks(item.event, tracks_of(labels, graph.rows), targets))
    return summarize(matches)


def _settings(name: str) -> Iterator[dict[str, float]]:
    grid = _GRID[name]
    for values in product(*grid.values()):
        settings = dict(zip(grid, values, strict=True))
        if settings.get("min_cut", 0.0) <= settings.get("add_cut", 1.0):
            yield settings
