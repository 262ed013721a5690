"""Hits to tracks for every event of a store, on one backend, held against another if asked."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import InputError
from fpga_gnn.events.event import Event
from fpga_gnn.events.store import EventStore
from fpga_gnn.events.view import EventView, detector_of
from fpga_gnn.files import sha256_of
from fpga_gnn.flows.backend_names import BackendName
from fpga_gnn.flows.backends import (
    Backend,
    BuiltGraph,
    GraphScores,
    load_backend,
    require_builder,
    require_no_xclbin,
)
from fpga_gnn.report.reconstruction import (
    STAGES,
    EventFigure,
    Reconstruction,
    save_reconstruction,
)
from fpga_gnn.tracks.builder import tracks_of
from fpga_gnn.tracks.candidates import Tracks
from fpga_gnn.tracks.store import save_tracks, tracks_file, tracks_metadata
from fpga_gnn.training.run import RUN_FILE, load_run
from fpga_gnn.verify.compare import require_equal

RECONSTRUCTION = "reconstruction.json"
"""The report, in the folder of the tracks."""

Progress = Callable[[int, int], None]


def reconstruct(
    model: Path,
    store: EventStore,
    folder: Path,
    *,
    max_events: int | None = None,
    backend: BackendName,
    builder: str,
    against: BackendName | None = None,
    xclbin: Path | None = None,
    progress: Progress,
) -> Reconstruction:
    """Find the tracks of ``store`` with the run ``model``; write them and a report into ``folder``.

    Events whose tracks lie there already, made the same way, are not done again. With ``against``
    each stage is held to ``==`` against that backend on the same input: ``MismatchError`` at the
    first difference. csim keeps its project in ``folder/design``, board loads ``xclbin``.
    """
    require_no_xclbin(xclbin, backend, against)
    run = load_run(model)
    view = EventView.of(store, detector_of(run.module_map.modules), max_events)
    if not len(view):
        raise InputError(store.path, "no event", "events to reconstruct")
    settings = {"backend": backend, "builder": builder, "model": sha256_of(model / RUN_FILE)}
    if against:
        settings["against"] = against
    if xclbin:
        settings["xclbin"] = sha256_of(xclbin)
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[int, EventFigure] = {}
    keys = {}
    for event_id, sha256 in zip(view.ids, view.hashes, strict=True):
        keys[event_id] = json.dumps([settings, sha256], sort_keys=True)
        figure = _earlier(tracks_file(folder, event_id), keys[event_id])
        if figure is not None:
            found[event_id] = figure
    begin = time.perf_counter()
    if len(found) < len(view):
        ours = load_backend(backend, run, folder / _DESIGN, xclbin)
        peer = load_backend(against, run, folder / _DESIGN, xclbin) if against else None
        for one in (ours, peer or ours):
            require_builder(builder, one)
    setup = time.perf_counter() - begin
    progress(len(found), len(view))
    for event_id in view.ids:
        if event_id in found:
            continue
        event = view.read(event_id)
        figure, tracks = _event(ours, peer, event, builder)
        metadata = {_KEY: keys[event_id], _FIGURE: figure.model_dump_json()}
        save_tracks(tracks_file(folder, event_id), event, tracks, metadata)
        found[event_id] = figure
        progress(len(found), len(view))
    report = Reconstruction(
        settings=settings,
        setup_seconds=setup,
        peak_memory_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        events=tuple(found[event_id] for event_id in view.ids),
    )
    save_reconstruction(report, folder / RECONSTRUCTION)
    return report


_DESIGN = "design"
_KEY, _FIGURE = "fpga_gnn_key", "fpga_gnn_figure"


def _earlier(file: Path, key: str) -> EventFigure | None:
    """Return the figure of an event that was done before in the same way."""
    if not file.is_file():
        return None
    metadata = tracks_metadata(file)
    if metadata.get(_KEY) != key:
        return None
    return EventFigure.model_validate_json(metadata[_FIGURE])


def _event(
    ours: Backend, peer: Backend | None, event: Event, builder: str
) -> tuple[EventFigure, Tracks]:
    times = [time.perf_counter()]
    built = ours.graph(event)
    times.append(time.perf_counter())
    scored = ours.scores(built.graph)
    times.append(time.perf_counter())
    labels = ours.labels(builder, built.graph, scored)
    times.append(time.perf_counter())
    tracks = tracks_of(labels, built.hits.rows)
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
        seconds=dict(zip(STAGES, np.diff(times).tolist(), strict=True)),
        compared=_compare(peer, event, builder, built, scored, labels) if peer else {},
    )
    return figure, tracks


def _compare(
    peer: Backend, event: Event, builder: str, built: BuiltGraph, scored: GraphScores, labels: Int64
) -> dict[str, int]:
    """Hold each stage against ``peer``; return how many values were compared."""
    case, graph = f"event {event.event_id}, {peer.name}", built.graph
    other = peer.graph(event)
    placed = scored.placed
    n_graph = require_equal("candidates", case, other.n_candidates, built.n_candidates)
    for name in ("src", "dst", "node_features", "edge_features"):
        expected, got = getattr(other.graph, name), getattr(graph, name)
        n_graph += require_equal(f"graph {name}", case, expected, got)
    expected = peer.scores(graph).scores
    n_scores = require_equal("scores", case, expected[placed], scored.scores[placed])
    n_tracks = require_equal("tracks", case, peer.labels(builder, graph, scored), labels)
    return dict(zip(STAGES, (n_graph, n_scores, n_tracks), strict=True))
