"""Hits to tracks for every event of some stores, on one backend, held against another if asked."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

from fpga_gnn.contract import parse_json
from fpga_gnn.errors import FpgaGnnError, InputError, WorkerDiedError
from fpga_gnn.events.event import Event
from fpga_gnn.events.store import EventRecord, EventStore, read_event_files
from fpga_gnn.events.view import Detector, EventView, detector_of, restrict
from fpga_gnn.files import sha256_of
from fpga_gnn.flows.backend_names import BackendName
from fpga_gnn.flows.backends import (
    Backend,
    build_design,
    open_backend,
    require_builder,
    require_no_xclbin,
)
from fpga_gnn.flows.cluster import Workers
from fpga_gnn.flows.track_finding import FoundTracks, find_tracks
from fpga_gnn.report.reconstruction import (
    STAGES,
    EventFigure,
    Reconstruction,
    save_reconstruction,
)
from fpga_gnn.tasks import as_done
from fpga_gnn.tracks.builder import tracks_of
from fpga_gnn.tracks.candidates import Tracks
from fpga_gnn.tracks.store import save_tracks, tracks_file, tracks_metadata
from fpga_gnn.training.run import RUN_FILE, load_run
from fpga_gnn.verify.compare import require_equal

RECONSTRUCTION = "reconstruction.json"
"""The report, in the folder of the tracks."""

Progress = Callable[[int, int], None]

_DESIGN = "design"
_KEY, _FIGURE = "fpga_gnn_key", "fpga_gnn_figure"


def reconstruct(
    model: Path,
    stores: Sequence[EventStore],
    out: Path,
    *,
    max_events: int | None = None,
    backend: BackendName,
    builder: str,
    against: BackendName | None = None,
    xclbin: Path | None = None,
    workers: Workers,
    progress: Progress,
) -> dict[Path, Reconstruction]:
    """Find the tracks of ``stores`` with the run ``model``; return the reports by their folder.

    Tracks and report of one store are in ``out``, those of several in ``out/NAME`` of each. Events
    whose tracks lie there already, made the same way, are not done again. With ``against`` each
    stage is held to ``==`` against that backend on the same input: ``MismatchError`` at the first
    difference. csim keeps its project in ``out/design``, board loads ``xclbin``.

    An event is a task of ``workers``, which read it and write its tracks. Those that kill every
    worker are counted in an ``FpgaGnnError`` when all others have their tracks.
    """
    require_no_xclbin(xclbin, backend, against)
    if "board" in (backend, against) and workers != Workers():
        raise InputError("--backend board", "several workers", "one process, which drives the card")
    run = load_run(model)
    way = _Way(
        model=model.resolve(),
        model_sha256=sha256_of(model / RUN_FILE),
        detector=detector_of(run.module_map.modules),
        backend=backend,
        builder=builder,
        against=against,
        xclbin=xclbin.resolve() if xclbin else None,
    )
    settings = way.settings
    tasks = {
        folder: _tasks(EventView.of(store, way.detector, max_events), folder, settings)
        for folder, store in _folders(stores, out).items()
    }
    every = [task for own in tasks.values() for task in own]
    found = {task: figure for task in every if (figure := _earlier(task)) is not None}
    left = [task for task in every if task not in found]
    begin = time.perf_counter()
    if left:
        designs = out.resolve() / _DESIGN
        way = replace(way, designs=tuple(build_design(name, run, designs) for name in way.backends))
        _load(way)
    setup = time.perf_counter() - begin
    peak = _peak_memory_mib()
    progress(len(found), len(every))
    died: dict[_Task, WorkerDiedError] = {}
    try:
        with workers.executor(out, len(left)) as pool:
            for task, done in as_done(pool, partial(_do, way), left):
                error = done.exception()
                if isinstance(error, WorkerDiedError):
                    died[task] = error
                    continue
                found[task], memory = done.result()
                peak = max(peak, memory)
                progress(len(found), len(every))
    finally:
        _load.cache_clear()
    if died:
        task, error = next(iter(died.items()))
        raise FpgaGnnError(
            f"{len(died)} of {len(every)} events have no tracks; event {task.record.event_id} of "
            f"{task.store}: {error}; the others have theirs, repeat the command to go on"
        )
    reports = {
        folder: Reconstruction(
            settings=settings,
            setup_seconds=setup,
            peak_memory_mib=peak,
            events=tuple(found[task] for task in own),
        )
        for folder, own in tasks.items()
    }
    for folder, report in reports.items():
        save_reconstruction(report, folder / RECONSTRUCTION)
    return reports


@dataclass(frozen=True)
class _Way:
    """How hits become tracks: what a process loads once. Paths are absolute.

    ``designs`` are what ``build_design`` returned for each of ``backends``.
    """

    model: Path
    model_sha256: str
    detector: Detector
    backend: BackendName
    builder: str
    against: BackendName | None
    xclbin: Path | None
    designs: tuple[Path | None, ...] = ()

    @property
    def backends(self) -> tuple[BackendName, ...]:
        """The backend, and the one it is held against if any."""
        return (self.backend, self.against) if self.against else (self.backend,)

    @property
    def settings(self) -> dict[str, str]:
        """All that the tracks depend on."""
        settings = {"backend": self.backend, "builder": self.builder, "model": self.model_sha256}
        if self.against:
            settings["against"] = self.against
        if self.xclbin:
            settings["xclbin"] = sha256_of(self.xclbin)
        return settings


@dataclass(frozen=True)
class _Task:
    """An event of ``store``, the ``file`` of its tracks, and the ``key`` of how they are made."""

    store: Path
    record: EventRecord
    file: Path
    key: str


def _folders(stores: Sequence[EventStore], out: Path) -> dict[Path, EventStore]:
    """Return ``stores`` by the folders of their tracks."""
    if len(stores) == 1:
        return {out: stores[0]}
    folders: dict[Path, EventStore] = {}
    for store in stores:
        name = store.path.resolve().name
        if out / name in folders or name == _DESIGN:
            expected = f"stores of different names, none of them {_DESIGN}"
            raise InputError(store.path, f"a store {name}", expected)
        folders[out / name] = store
    return folders


def _tasks(view: EventView, folder: Path, settings: dict[str, str]) -> list[_Task]:
    """Make ``folder`` and return a task for each event of ``view``."""
    if not len(view):
        raise InputError(view.store.path, "no event", "events to reconstruct")
    folder.mkdir(parents=True, exist_ok=True)
    store, tracks = view.store.path.resolve(), folder.resolve()
    return [
        _Task(
            store=store,
            record=record,
            file=tracks_file(tracks, record.event_id),
            key=json.dumps([settings, record.hits_sha256], sort_keys=True),
        )
        for record in view.records
    ]


def _earlier(task: _Task) -> EventFigure | None:
    """Return the figure of an event that was done before in the same way."""
    if not task.file.is_file():
        return None
    metadata = tracks_metadata(task.file)
    if metadata.get(_KEY) != task.key:
        return None
    figure = metadata.get(_FIGURE, "").encode()
    return parse_json(figure, EventFigure, task.file, "tracks of reconstruct", "delete it")


@lru_cache(maxsize=1)
def _load(way: _Way) -> tuple[Backend, Backend | None]:
    """Return the backend of ``way`` and the one it is held against."""
    found = sha256_of(way.model / RUN_FILE)
    if found != way.model_sha256:
        expected = f"{way.model_sha256[:12]} as for the command"
        raise InputError(way.model / RUN_FILE, f"sha256 {found[:12]}", expected)
    run = load_run(way.model)
    pairs = zip(way.backends, way.designs, strict=True)
    opened = [open_backend(name, run, design, way.xclbin) for name, design in pairs]
    for backend in opened:
        require_builder(way.builder, backend)
    return opened[0], opened[1] if way.against else None


def _do(way: _Way, task: _Task) -> tuple[EventFigure, float]:
    """Find the tracks of an event in a worker and write them; return figure and peak memory."""
    ours, peer = _load(way)
    event = restrict(read_event_files(task.store, task.record), way.detector)
    figure, tracks = _event(ours, peer, event, way.builder)
    save_tracks(task.file, event, tracks, {_KEY: task.key, _FIGURE: figure.model_dump_json()})
    return figure, _peak_memory_mib()


def _peak_memory_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _event(
    ours: Backend, peer: Backend | None, event: Event, builder: str
) -> tuple[EventFigure, Tracks]:
    [found], seconds = find_tracks(ours, builder, [event])
    built, scored = found.built, found.scored
    tracks = tracks_of(found.labels, built.hits.rows)
    graph = built.graph
    figure = EventFigure(
        event_id=event.event_id,
        hits=graph.n_nodes,
        unmapped_hits=built.hits.n_unmapped,
        candidates=built.n_candidates,
        edges=graph.n_edges,
        saturated_features=graph.n_saturated,
        partitions=scored.n_partitions,
        unplaced_edges=scored.unplaced.size,
        tracks=len(tracks),
        hits_on_tracks=tracks.hits.size,
        seconds=seconds,
        compared=_compare(peer, event, builder, found) if peer else {},
    )
    return figure, tracks


def _compare(peer: Backend, event: Event, builder: str, found: FoundTracks) -> dict[str, int]:
    """Hold each stage against ``peer``; return how many values were compared."""
    built, scored, labels = found.built, found.scored, found.labels
    case, graph = f"event {event.event_id}, {peer.name}", built.graph
    other = peer.graph(event)
    placed = scored.placed
    n_graph = require_equal("candidates", case, other.n_candidates, built.n_candidates)
    for name in ("src", "dst", "node_features", "edge_features"):
        expected, got = getattr(other.graph, name), getattr(graph, name)
        n_graph += require_equal(f"graph {name}", case, expected, got)
    [expected] = peer.scores([graph])
    n_scores = require_equal("scores", case, expected.scores[placed], scored.scores[placed])
    n_tracks = require_equal("tracks", case, peer.labels(builder, graph, scored), labels)
    return dict(zip(STAGES, (n_graph, n_scores, n_tracks), strict=True))
