"""The whole story on the shipped events: learn, train, write firmware, verify, find tracks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fpga_gnn.contract import Contract
from fpga_gnn.errors import InputError
from fpga_gnn.events.sample import map_store, sample_store
from fpga_gnn.events.view import EventView
from fpga_gnn.flows.design import REPORT, write_design
from fpga_gnn.flows.validate import (
    Physics,
    flow_report,
    held_out_first,
    held_out_ids,
    physics,
    validate,
)
from fpga_gnn.hw.boards import Board
from fpga_gnn.report.estimates import classifier_estimates
from fpga_gnn.report.plots import (
    BinnedCurve,
    efficiency_vs_pt,
    event_display,
    score_histogram,
)
from fpga_gnn.report.summary import FlowReport, save_report
from fpga_gnn.tracks.binomial import binned_efficiency
from fpga_gnn.tracks.metrics import PT_EDGES
from fpga_gnn.training.config import Runtime, TrainingConfig
from fpga_gnn.training.distillation import Distiller
from fpga_gnn.training.loop import Count
from fpga_gnn.training.pipeline import (
    TrainingEvents,
    TrainingProgress,
    learn_training_map,
    train_run,
)
from fpga_gnn.training.run import Run
from fpga_gnn.training.teacher_run import default_teacher
from fpga_gnn.verify.ladder import ScoredEvent

PICTURES = ("event.png", "scores.png", "efficiency_pt.png")


@dataclass(frozen=True)
class DemoProgress:
    """Callbacks of the demo's long steps: done and total, or an epoch's row."""

    module_map: Count
    training: TrainingProgress
    ladder: Count


def demo(
    contract: Contract,
    config: TrainingConfig,
    board: Board,
    folder: Path,
    *,
    min_edges: int,
    progress: DemoProgress,
) -> FlowReport:
    """Run the demo into ``folder``: ``run/``, ``design/``, pictures and ``report.json``.

    The ladder takes the held-out events first, then others until ``min_edges`` edges; the physics
    figures and pictures are of the held-out events only.
    """
    store = sample_store()
    events, run_folder = TrainingEvents.split(store, "pixel"), folder / "run"
    sources = [*events.train, EventView.of(map_store(), "pixel")]
    learned = learn_training_map(contract, config, sources, progress.module_map)
    distiller = Distiller(default_teacher(), run_folder, Runtime())
    run = train_run(
        contract,
        config,
        events,
        learned,
        run_folder,
        distiller=distiller,
        progress=progress.training,
    )
    firmware = write_design(run, board, folder / "design", held_out_first(run, store))
    checked = validate(
        run,
        firmware,
        held_out_first(run, store),
        min_edges=min_edges,
        progress=lambda done: progress.ladder(min(done, min_edges), min_edges),
    )
    unseen = held_out_ids(run, store)
    held_out = [e for e in checked.events if e.event.event_id in unseen]
    if len(held_out) < len(unseen):
        raise InputError("demo", f"{min_edges} edges to compare", "enough for all held-out events")
    found = physics(run, held_out)
    draw(run, held_out, found, folder)
    report = flow_report(
        "demo",
        run,
        board,
        checked,
        quality=found.quality,
        hardware=classifier_estimates(run.student.integer_network(), contract, board.clock_mhz),
    )
    save_report(report, folder / REPORT)
    return report


def draw(run: Run, events: list[ScoredEvent], found: Physics, folder: Path) -> None:
    """Draw ``PICTURES`` of scored ``events`` into ``folder``."""
    first, graph = events[0], events[0].event_graph.graph
    rows, hits = first.event_graph.hits.rows, first.event.hits
    event_display(
        folder / PICTURES[0],
        *(column[rows].astype(np.float64) for column in (hits.x, hits.y, hits.z)),
        graph.src,
        graph.dst,
        first.scores > run.score_cut,
        found.tracks[0][rows],
        f"event {first.event.event_id}: {len(hits)} hits, {graph.n_edges} edges, "
        f"{found.matches[0].matched.size} tracks",
    )
    to_logit = run.student.integer_network().score.to_float
    target = np.concatenate([label.target for label in found.labels])
    ignored = np.concatenate([label.ignored for label in found.labels])
    score_histogram(
        folder / PICTURES[1],
        to_logit(np.concatenate([e.scores for e in events])),
        target,
        ~target & ~ignored,
        float(to_logit(run.score_cut)),
    )
    n_targets = sum(int(match.target.sum()) for match in found.matches)
    rate = binned_efficiency(
        np.concatenate([match.pt[match.target] for match in found.matches]),
        np.concatenate([match.found[match.target] for match in found.matches]),
        PT_EDGES,
        overflow=True,
    )
    efficiency_vs_pt(
        folder / PICTURES[2],
        [BinnedCurve("connected components", rate.edges, rate.value, *rate.interval)],
        f"{n_targets} target particles, held-out events",
    )
