"""Climb the verification ladder and measure the physics of the firmware's own scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fpga_gnn.events.event import Event
from fpga_gnn.events.store import EventStore
from fpga_gnn.events.view import EventView, detector_of, restrict
from fpga_gnn.export.firmware import Firmware
from fpga_gnn.flows.design import REPORT, write_design
from fpga_gnn.graphs.truth import EdgeLabels, label_edges
from fpga_gnn.hw.boards import Board
from fpga_gnn.report.summary import FlowReport, RungResult, save_report
from fpga_gnn.tracks.builder import build_tracks
from fpga_gnn.tracks.candidates import Tracks
from fpga_gnn.tracks.edge_metrics import summarize_edges
from fpga_gnn.tracks.metrics import TrackMatch, match_tracks, summarize
from fpga_gnn.training.pipeline import quality_row
from fpga_gnn.training.run import Run
from fpga_gnn.verify.ladder import Ladder, ScoredEvent
from fpga_gnn.verify.rung import Rung


@dataclass(frozen=True, eq=False)
class Validation:
    """Events that stood every rung, with the rungs' counts."""

    events: list[ScoredEvent]
    rungs: list[RungResult]
    n_edges: int


def validate(
    run: Run,
    firmware: Firmware,
    events: Iterable[Event],
    *,
    min_edges: int | None,
    progress: Callable[[int], None],
) -> Validation:
    """Compare ``events`` on every rung until ``min_edges`` edges (None: all events).

    Raises ``MismatchError`` on the first difference.
    """
    ladder = Ladder(run, firmware)
    scored = ladder.climb(events, min_edges=min_edges, progress=progress)
    return Validation(scored, rung_results(ladder.rungs), ladder.n_edges)


def rung_results(rungs: Iterable[Rung]) -> list[RungResult]:
    """Return the rungs' counts as a report has them."""
    return [
        RungResult(
            kernel=rung.kernel,
            left=rung.left,
            right=rung.right,
            unit=rung.unit,
            compared=rung.n_compared,
            different=rung.n_different,
            seconds=round(rung.seconds, 3),
        )
        for rung in rungs
    ]


@dataclass(frozen=True, eq=False)
class Physics:
    """Quality of the firmware's scores on ``events``: labels, tracks and matches of each."""

    labels: list[EdgeLabels]
    tracks: list[Any]
    matches: list[TrackMatch]
    quality: dict[str, Any]


def physics(run: Run, events: Sequence[ScoredEvent]) -> Physics:
    """Build tracks from the firmware's scores at the run's cut and compare them with truth."""
    config, cut = run.info.training, run.score_cut
    labels = [
        label_edges(
            e.event,
            config.selection,
            e.event_graph.hits.rows,
            e.event_graph.graph.src,
            e.event_graph.graph.dst,
        )
        for e in events
    ]
    tracks = [build_tracks(e.event_graph, e.scores, cut, config.min_track_hits) for e in events]
    matches = [
        match_tracks(e.event, Tracks.from_labels(track), config.selection)
        for e, track in zip(events, tracks, strict=True)
    ]
    edges = summarize_edges([e.scores for e in events], labels, cut)
    return Physics(labels, tracks, matches, quality_row(edges, summarize(matches)))


def held_out_ids(run: Run, store: EventStore) -> tuple[int, ...]:
    """Return the events of ``store`` that neither network, map nor cuts of ``run`` come from."""
    return EventView.of(store, "full").without(run.seen).ids


def held_out_first(run: Run, store: EventStore) -> Iterator[Event]:
    """Read all events of ``store``, those that ``run`` has not seen first, with the hits of the
    detector that its module map knows."""
    unseen, detector = set(held_out_ids(run, store)), detector_of(run.module_map.modules)
    for event_id in sorted(store.event_ids, key=lambda i: (i not in unseen, i)):
        yield restrict(store.read(event_id), detector)


def flow_report(flow: str, run: Run, board: Board, checked: Validation, **found: Any) -> FlowReport:
    """Return the report of a ``flow`` that stood the ladder, with what else it ``found``."""
    return FlowReport(
        flow=flow,
        contract=run.contract.name,
        contract_sha256=run.contract.sha256,
        network_sha256=run.student.integer_network().sha256,
        board=board.name,
        part=board.part,
        events=[scored.event.event_id for scored in checked.events],
        rungs=checked.rungs,
        **found,
    )


def validate_run(
    run: Run,
    board: Board,
    folder: Path,
    store: EventStore,
    *,
    min_edges: int,
    progress: Callable[[int], None],
) -> FlowReport:
    """Write the design of ``run`` into ``folder``, climb the ladder, save ``report.json`` there.

    Events that the run has not seen come first, and only they enter the physics figures.
    """
    firmware = write_design(run, board, folder, held_out_first(run, store))
    checked = validate(
        run, firmware, held_out_first(run, store), min_edges=min_edges, progress=progress
    )
    unseen = set(held_out_ids(run, store))
    held_out = [scored for scored in checked.events if scored.event.event_id in unseen]
    quality = physics(run, held_out).quality if held_out else {}
    report = flow_report("validate", run, board, checked, quality=quality)
    save_report(report, folder / REPORT)
    return report
