"""``fpga-gnn sweep``: many students, their cost next to their quality."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from fpga_gnn.cli.output import console
from fpga_gnn.cli.progress import progress_bars
from fpga_gnn.cli.training_inputs import (
    Amp,
    Events,
    HitsToUse,
    Map,
    MaxEvents,
    TeacherCache,
    TeacherFolder,
    Validation,
    teacher_folder,
    training_events,
    training_map,
)
from fpga_gnn.cli.workers import Dask, NWorkers, chosen_workers
from fpga_gnn.errors import FpgaGnnError, InputError
from fpga_gnn.events.store import EventStore
from fpga_gnn.events.view import EventView


def sweep(
    spec: Annotated[str, typer.Argument(help="Sweep: a name or a YAML file.")],
    out: Annotated[Path, typer.Option(help="Folder; an interrupted or longer sweep goes on.")],
    events: Events = None,
    validation: Validation = None,
    test: Annotated[
        Path | None,
        typer.Option(help="Event store to report on; default: the test part if one is split."),
    ] = None,
    max_test: Annotated[
        int | None, typer.Option(min=1, help="Report on the first so many events.")
    ] = None,
    detector: HitsToUse = None,
    max_events: MaxEvents = None,
    module_map: Map = None,
    teacher: TeacherFolder = None,
    teacher_cache: TeacherCache = None,
    float_from: Annotated[
        Path | None,
        typer.Option(help="Begin with the float network of this run, where no start is given."),
    ] = None,
    amp: Amp = False,
    workers: NWorkers = None,
    dask: Dask = None,
) -> None:
    """Train many students; weigh efficiency against cost.

    Reports the track efficiency of every candidate and what its firmware costs. Each worker trains
    one student at a time; without --workers or --dask there is one.
    """
    from fpga_gnn.flows.sweep import MARKDOWN, PICTURE, SWEEP, SweepProgress, Teaching
    from fpga_gnn.flows.sweep import sweep as run_sweep
    from fpga_gnn.flows.sweep_plan import load_spec, plan_sweep
    from fpga_gnn.report.sweep import sweep_lines
    from fpga_gnn.training.config import Runtime

    executor = chosen_workers(workers, dask, default=1).executor
    plan = plan_sweep(load_spec(spec))
    data = training_events("sweep", events, validation, detector, max_events)
    hits = data.validation.detector
    held_out = EventView.of(EventStore.open(test), hits, max_test) if test else data.test
    if max_test and not test:
        raise InputError("sweep", "--max-test without --test", "--test EVENTS")
    if not len(data.validation):
        raise InputError(data.validation.store.path, "no event", "validation events")
    learned = training_map(module_map, plan.contract, plan.training, data, shipped=not events)
    teaching = None
    if teacher:
        cache = teacher_cache or out / "teacher"
        teaching = Teaching(teacher_folder(teacher), cache, Runtime(amp=amp))
    out_line = console().print
    with progress_bars("teacher", "candidates") as (asked, runs):

        def ended(name: str, error: str | None) -> None:
            out_line(f"{name}: {error or 'done'}")

        result = run_sweep(
            plan,
            replace(data, test=None),
            held_out,
            learned,
            out,
            teaching=teaching,
            float_from=float_from,
            executor=executor,
            progress=SweepProgress(teacher=asked, runs=runs, ended=ended),
        )
    for line in sweep_lines(result.sweep):
        out_line(line)
    files = f"{out / SWEEP}, {MARKDOWN} and {PICTURE} beside it"
    if result.failures:
        names = ", ".join(result.failures)
        raise FpgaGnnError(
            f"sweep: {len(result.failures)} of {len(plan.runs)} runs failed ({names}); the others "
            f"are in {files}; the same command tries them again"
        )
    out_line(f"\nreport: {files}")
