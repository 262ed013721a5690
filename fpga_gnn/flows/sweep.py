"""Train, measure and cost the students of a sweep, each once, and compare them in one report."""

from __future__ import annotations

import hashlib
import json
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import NonNegativeInt

from fpga_gnn.contract import IntegerNetwork, read_json
from fpga_gnn.errors import FpgaGnnError, InputError
from fpga_gnn.events.store import EventStore
from fpga_gnn.events.view import EventView
from fpga_gnn.export.da4ml_cost import network_luts
from fpga_gnn.files import sha256_of, write_whole
from fpga_gnn.flows.sample import sample_figure
from fpga_gnn.flows.sweep_plan import PlannedRun, SweepPlan
from fpga_gnn.graphs.graph import build_event_graph
from fpga_gnn.graphs.module_map import ModuleMap
from fpga_gnn.graphs.module_map_store import (
    MAP_FOLDER,
    load_model_map,
    save_model_map,
    shared_map_sha256,
)
from fpga_gnn.graphs.partition import partition_graph
from fpga_gnn.graphs.truth import label_edges
from fpga_gnn.report.estimates import classifier_cost, cycles_per_edge
from fpga_gnn.report.evaluation import RateFigure
from fpga_gnn.report.plots import ParetoPoint, pareto
from fpga_gnn.report.resource_fit import load_fit
from fpga_gnn.report.resources import added
from fpga_gnn.report.rtl_estimates import classifier_resources
from fpga_gnn.report.sweep import (
    BUILDERS,
    BuilderFigure,
    CostFigure,
    QualityFigure,
    RunFigure,
    Sweep,
    load_run_figure,
    pareto_front,
    save_markdown,
    save_run_figure,
    save_sweep,
    sweep_points,
)
from fpga_gnn.tasks import Executors
from fpga_gnn.tracks.edge_metrics import summarize_edges
from fpga_gnn.training.checkpoint import save_json
from fpga_gnn.training.config import Runtime, TrainingConfig
from fpga_gnn.training.data import labelled_graph
from fpga_gnn.training.distillation import Distiller
from fpga_gnn.training.edge_model import StudentModel
from fpga_gnn.training.pipeline import TrainingEvents, TrainingProgress, train_run
from fpga_gnn.training.run import FLOAT_FILE, RUN_FILE, Run, load_run
from fpga_gnn.training.track_points import ScoredGraph, track_summary

SWEEP, MARKDOWN, PICTURE = "sweep.json", "sweep.md", "pareto.png"
"""The report, in the folder of a sweep."""
FIGURES = "candidate.json"
"""Figures of a finished run, in its folder."""
_PLAN, _LOG, _PARTITIONS = "plan.json", "error.log", "partitions"
_N_PARTITIONED = 1
"""Validation events that are partitioned: one of pile-up 200 takes half a minute in small slots."""

Count = Callable[[int, int], None]


@dataclass(frozen=True)
class Teaching:
    """A teacher's folder, where its answers are kept, and how it runs."""

    folder: Path
    cache: Path
    runtime: Runtime


@dataclass(frozen=True)
class SweepProgress:
    """Callbacks: events the teacher was asked about and runs ended, each with the total; a run that
    ended by its name, with the error or None."""

    teacher: Count
    runs: Count
    ended: Callable[[str, str | None], None]


@dataclass(frozen=True)
class SweepResult:
    """The report of the finished runs, and what went wrong with the others by their name."""

    sweep: Sweep
    failures: dict[str, str]


def sweep(
    plan: SweepPlan,
    events: TrainingEvents,
    test: EventView | None,
    module_map: ModuleMap,
    folder: Path,
    *,
    teaching: Teaching | None = None,
    float_from: Path | None = None,
    executor: Executors,
    progress: SweepProgress,
) -> SweepResult:
    """Do the runs of ``plan`` that ``folder`` does not hold yet, and write the report there.

    Each run has a folder of its own name; they share ``folder/module_map``. A run waits for the one
    it starts from; one that fails leaves the others alone, and the next call tries it again. On
    ``test`` events finished runs are only measured. ``teaching`` is for runs with weight on soft
    scores or features, ``float_from`` the folder of a run whose float network starts those that
    start from no other. A run is a task.

    Raises ``InputError`` if ``folder`` holds a run of other settings, events, teacher or map.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    map_sha256 = _share_map(module_map, folder)
    distiller = None
    if teaching:
        distiller = Distiller(teaching.folder, teaching.cache, teaching.runtime)
    jobs = _jobs(plan, events, test, folder, map_sha256, teaching, distiller, float_from)
    for job in jobs:
        _require_same_plan(job)
    left = [job for job in jobs if _finished(job) is None]
    untrained = [job for job in left if not job.is_trained]
    with executor(folder, len(left)) as pool:
        if distiller and any(job.teaching for job in untrained):
            _ask(distiller, events, module_map, plan, progress.teacher)
        failures = _do_all(left, len(jobs), pool, progress)
    found = {job.run.name: _finished(job) for job in jobs}
    report = Sweep(
        contract=plan.contract.name,
        training=plan.training.model_dump(mode="json"),
        teacher_sha256=distiller.sha256 if distiller else None,
        learning=tuple(sample_figure(view) for view in events.train),
        validation=sample_figure(events.validation),
        test=sample_figure(test) if test else None,
        runs=tuple(figure for figure in found.values() if figure),
        unfinished=tuple(name for name, figure in found.items() if not figure),
    )
    _write(report, folder)
    return SweepResult(report, failures)


@dataclass(frozen=True)
class _Job:
    """What a worker needs for one run; ``plan`` is all that decides the training."""

    run: PlannedRun
    out: Path
    train: tuple[EventView, ...]
    validation: EventView
    test: EventView | None
    start: Path | None
    map_sha256: str
    teaching: Teaching | None
    plan: dict[str, Any]

    @property
    def folder(self) -> Path:
        return self.out / self.run.name

    @property
    def is_trained(self) -> bool:
        return (self.folder / RUN_FILE).is_file()

    @property
    def plan_sha256(self) -> str:
        return _digest(self.plan)

    @property
    def test_sha256(self) -> str | None:
        return _digest(self.test.record) if self.test else None


def _share_map(module_map: ModuleMap, folder: Path) -> str:
    """Write the map that the runs in ``folder`` share, if it is not there; return its hash."""
    if not (folder / MAP_FOLDER).exists():
        return save_model_map(module_map, folder)
    with TemporaryDirectory() as scratch:
        mine = save_model_map(module_map, Path(scratch))
    found = shared_map_sha256(folder / SWEEP)
    if found != mine:
        where = folder / MAP_FOLDER
        raise InputError(
            where, f"map {found[:12]}", f"map {mine[:12]} of this sweep", "choose another --out"
        )
    return mine


def _jobs(
    plan: SweepPlan,
    events: TrainingEvents,
    test: EventView | None,
    folder: Path,
    map_sha256: str,
    teaching: Teaching | None,
    distiller: Distiller | None,
    float_from: Path | None,
) -> list[_Job]:
    """Return a job per run, all paths absolute: a worker may have another working folder."""
    train, validation = tuple(map(_absolute, events.train)), _absolute(events.validation)
    by_name = {run.name: run for run in plan.runs}
    if teaching:
        teacher_folder, cache = teaching.folder.resolve(), teaching.cache.resolve()
        teaching = replace(teaching, folder=teacher_folder, cache=cache)
    teacher = [distiller.sha256, teaching.runtime.amp] if distiller and teaching else None

    start_sha256 = sha256_of(float_from / FLOAT_FILE) if float_from else None

    def planned(run: PlannedRun) -> dict[str, Any]:
        start = by_name[run.start] if run.start else None
        return {
            "contract": run.contract.sha256,
            "training": run.config.model_dump(mode="json"),
            "start": [start.name, _digest(planned(start))] if start else start_sha256,
            "teacher": teacher if _distils(run.config) else None,
            "events": _digest(events.record),
            "module map": map_sha256,
        }

    return [
        _Job(
            run=run,
            out=folder,
            train=train,
            validation=validation,
            test=_absolute(test) if test else None,
            start=folder / run.start if run.start else float_from and float_from.resolve(),
            map_sha256=map_sha256,
            teaching=teaching if _distils(run.config) else None,
            plan=planned(run),
        )
        for run in plan.runs
    ]


def _absolute(view: EventView) -> EventView:
    return replace(view, store=EventStore.open(view.store.path.resolve()))


def _digest(data: Any) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def _distils(config: TrainingConfig) -> bool:
    """Whether a teacher's word counts in the loss."""
    return config.soft_scores > 0 or config.features > 0


def _require_same_plan(job: _Job) -> None:
    folder, hint = job.folder, "choose another --out or name, or delete the folder"
    if (folder / _PLAN).is_file():
        known = read_json(folder / _PLAN, dict[str, Any], "the plan of a run", hint)
        keys = [key for key, value in job.plan.items() if known.get(key) != value]
        if keys:
            expected = "what the spec and the options say now"
            raise InputError(folder, f"a run with other {' and '.join(keys)}", expected, hint)
    elif folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise InputError(folder, "other files", "a run of this sweep", hint)


def _finished(job: _Job) -> RunFigure | None:
    """Return the figures of a run that is done, test events included if the sweep has some."""
    file = job.folder / FIGURES
    if not (job.is_trained and file.is_file()):
        return None
    figure = load_run_figure(file)
    if figure.plan_sha256 != job.plan_sha256:
        return None
    if job.test is None:
        return figure.model_copy(update={"test": None, "test_sha256": None})
    return figure if figure.test_sha256 == job.test_sha256 else None


def _ask(
    distiller: Distiller,
    events: TrainingEvents,
    module_map: ModuleMap,
    plan: SweepPlan,
    count: Count,
) -> None:
    """Keep the teacher's answers on all training events, so that workers only read them."""
    total, done = sum(len(view) for view in events.train), 0
    for view in events.train:
        for event in view:
            labelled = labelled_graph(event, module_map, plan.contract, plan.training.selection)
            distiller.targets(event, labelled.hit_graph)
            done += 1
            count(done, total)


def _do_all(
    jobs: Sequence[_Job], total: int, executor: Executor, progress: SweepProgress
) -> dict[str, str]:
    """Do ``jobs``, each after the one it starts from; return the errors by the run's name."""
    waiting = {job.run.name: job for job in jobs}
    unfinished, failures = set(waiting), {}
    running: dict[Future[str | None], str] = {}
    progress.runs(total - len(unfinished), total)

    def end(name: str, error: str | None) -> None:
        unfinished.discard(name)
        if error is not None:
            failures[name] = error
        progress.ended(name, error)
        progress.runs(total - len(waiting) - len(running), total)

    while waiting or running:
        for name, job in list(waiting.items()):
            start = job.run.start
            if start in failures:
                del waiting[name]
                end(name, f"its start {start} has no result")
            elif start not in unfinished:
                del waiting[name]
                try:
                    future = executor.submit(_work, job)
                except BrokenExecutor as error:
                    end(name, _text(error))
                    continue
                running[future] = name
                if future.done():
                    break
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            name = running.pop(future)
            end(name, _error_of(future))
    return failures


def _error_of(future: Future[str | None]) -> str | None:
    error = future.exception()
    if error is None:
        return future.result()
    return str(error) if isinstance(error, FpgaGnnError) else _text(error)


def _text(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _work(job: _Job) -> str | None:
    """Do one run in a worker; return what went wrong in one line, or None."""
    try:
        _do(job)
    except FpgaGnnError as error:
        return str(error)
    except Exception as error:
        log = job.folder / _LOG
        job.folder.mkdir(parents=True, exist_ok=True)
        write_whole(log, traceback.format_exc().encode())
        return f"{_text(error)}; see {log}"
    return None


def _do(job: _Job) -> None:
    began = time.perf_counter()
    run, folder = job.run, job.folder
    folder.mkdir(parents=True, exist_ok=True)
    save_json(folder / _PLAN, job.plan)
    file, known = folder / FIGURES, None
    if not job.is_trained:
        _train(job)
    elif file.is_file():
        known = load_run_figure(file)
    model = StudentModel(load_run(folder))
    validation = known.validation if known else _quality(model, job.validation)
    cost = known.cost if known else _cost(model.run, job)
    test = _quality(model, job.test) if job.test else None
    figure = RunFigure(
        name=run.name,
        candidate=run.candidate,
        plan_sha256=job.plan_sha256,
        test_sha256=job.test_sha256,
        contract=run.contract_changes,
        training=run.training_changes,
        seed=run.config.seed,
        start=run.start,
        cost=cost,
        validation=validation,
        test=test,
        seconds=known.seconds if known else round(time.perf_counter() - began, 3),
    )
    save_run_figure(figure, file)


def _train(job: _Job) -> None:
    run, teaching = job.run, job.teaching
    distiller = None
    if teaching:
        distiller = Distiller(teaching.folder, teaching.cache, teaching.runtime)
    train_run(
        run.contract,
        run.config,
        TrainingEvents(job.train, job.validation, None),
        load_model_map(job.folder, run.contract, job.map_sha256),
        job.folder,
        distiller=distiller,
        start=job.start,
        builders=BUILDERS,
        shared_map=True,
        progress=TrainingProgress(_unseen, _unseen, lambda row: None, _unseen),
    )


def _unseen(done: int, total: int) -> None:
    """Take a worker's progress, which nobody watches."""


def _quality(model: StudentModel, view: EventView) -> QualityFigure:
    scored, labels, logits = [], [], []
    for event in view:
        graph = model.graph(event)
        logits.append(model.logits(event, graph))
        scored.append(ScoredGraph.of_logits(event, graph, logits[-1]))
        labels.append(label_edges(event, model.targets, graph.rows, graph.src, graph.dst))
    builders = {}
    for name, settings in model.builders.items():
        rates = track_summary(name, settings, scored, model.targets).rates
        builders[name] = BuilderFigure(
            settings=settings,
            efficiency=RateFigure.model_validate(rates["efficiency"]),
            fake_rate=RateFigure.model_validate(rates["fake_rate"]),
        )
    auc = summarize_edges(logits, labels, cut=0.0).auc
    return QualityFigure(n_events=len(view), edge_auc=auc, builders=builders)


def _cost(run: Run, job: _Job) -> CostFigure:
    network = run.student.integer_network()
    cost = classifier_cost(network, run.contract)
    luts, note = _luts(network)
    counts = [_partitions(run, job, event_id) for event_id in job.validation.ids[:_N_PARTITIONED]]
    n_partitions, n_edges, n_unplaced = (sum(column) for column in zip(*counts, strict=True))
    return CostFigure(
        luts=luts,
        note=note,
        macs_per_edge=cost.macs_per_edge,
        macs_per_node=cost.macs_per_node,
        nonzero_macs_per_edge=cost.nonzero_macs_per_edge,
        nonzero_macs_per_node=cost.nonzero_macs_per_node,
        bit_operations_per_edge=cost.bit_operations_per_edge,
        weights=cost.weights,
        nonzero_weights=cost.nonzero_weights,
        weight_bits=cost.weight_bits,
        memory_bits=cost.memory_bits,
        lane=added(classifier_resources(network, run.contract, load_fit().coefficients)),
        n_partitioned=len(counts),
        partitions_per_event=n_partitions / len(counts),
        unplaced_edges=n_unplaced,
        cycles_per_edge=cycles_per_edge(n_partitions, n_edges, cost.interval) if n_edges else None,
    )


def _luts(network: IntegerNetwork) -> tuple[int | None, str]:
    try:
        return sum(mlp.luts for mlp in network_luts(network).values()), ""
    except FpgaGnnError as error:
        return None, str(error)


def _partitions(run: Run, job: _Job, event_id: int) -> tuple[int, int, int]:
    """Return partitions, edges and unplaced edges of an event, kept for runs of equal shape."""
    shape, hops = run.contract.partition, run.contract.network.iterations
    hashes = dict(zip(job.validation.ids, job.validation.hashes, strict=True))
    where = [hashes[event_id], job.validation.detector, job.map_sha256]
    file = job.out / _PARTITIONS / f"{_digest([*where, shape.model_dump(), hops])[:32]}.json"
    if not file.is_file():
        event = job.validation.read(event_id)
        graph = build_event_graph(event, run.module_map, run.contract).graph
        parts = partition_graph(graph, shape, hops)
        file.parent.mkdir(exist_ok=True)
        save_json(file, [len(parts.partitions), graph.n_edges, int(parts.unplaced.size)])
    counts = tuple[NonNegativeInt, NonNegativeInt, NonNegativeInt]
    return read_json(file, counts, "three counts", "delete it")


def _write(report: Sweep, folder: Path) -> None:
    points = sweep_points(report.runs)
    front = pareto_front(points)
    events = report.test or report.validation
    pareto(
        folder / PICTURE,
        [
            ParetoPoint(p.name, p.luts, p.efficiency, p.low, p.high, on_front=p in front)
            for p in points
        ],
        f"{BUILDERS[-1]}, {len(events.event_ids)} {'test' if report.test else 'validation'} events",
    )
    save_markdown(report, folder / MARKDOWN, PICTURE)
    save_sweep(report, folder / SWEEP)
