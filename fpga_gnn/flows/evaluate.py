"""How well a trained model finds edges and tracks of unseen events, with the CKF beside it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fpga_gnn.errors import InputError
from fpga_gnn.events.event import Event
from fpga_gnn.events.store import EventStore
from fpga_gnn.events.targets import target_mask
from fpga_gnn.events.view import Detector, EventView, is_trackml
from fpga_gnn.flows.figures import column, graph_figure
from fpga_gnn.flows.sample import sample_figure
from fpga_gnn.graphs.truth import EdgeLabels, label_edges
from fpga_gnn.report.evaluation import (
    BinnedFigure,
    CurveFigure,
    EdgeFigure,
    Evaluation,
    RateFigure,
    TimeFigure,
    TrackFigure,
    save_evaluation,
)
from fpga_gnn.report.plots import (
    BinnedCurve,
    efficiency_vs_eta,
    efficiency_vs_pt,
    rates_vs_cut,
    residuals,
    score_histogram,
)
from fpga_gnn.tracks.binomial import BinnedRate, binned_efficiency
from fpga_gnn.tracks.builder import tracks_of
from fpga_gnn.tracks.candidates import Tracks
from fpga_gnn.tracks.ckf import FULL_CKF, PIXEL_CKF, Ckf
from fpga_gnn.tracks.edge_metrics import (
    curve_cuts,
    edge_curve,
    edge_particles,
    summarize_edges,
)
from fpga_gnn.tracks.fit import residuals as fit_residuals
from fpga_gnn.tracks.fit import true_perigee
from fpga_gnn.tracks.metrics import (
    CHEP_2024,
    ETA_EDGES,
    PT_EDGES,
    TrackMatch,
    TrackSelection,
    match_tracks,
    select_tracks,
    summarize,
)
from fpga_gnn.tracks.scattering_fit import fit_hits
from fpga_gnn.tracks.submission import submission
from fpga_gnn.training.checkpoint import load_tensors, save_tensors
from fpga_gnn.training.edge_model import EdgeModel, weights_sha256

EVALUATION = "evaluation.json"
"""The report, in the folder of an evaluation."""
TRACKS = "tracks.csv"
"""The tracks of one builder, beside the report."""
CKF = "ckf"
_EDGE_CUT = 0.0
"""Logit at which edge efficiency is binned: probability one half."""

Progress = Callable[[int, int], None]


@dataclass
class _Found:
    """What one builder found: a match per event, the seconds, the residuals of fitted tracks."""

    settings: dict[str, Any]
    matches: list[TrackMatch] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    residuals: list[dict[str, NDArray[np.float64]]] = field(default_factory=list)


@dataclass
class _Edges:
    """What the edges of the events were, in the order of the events."""

    logits: list[NDArray[np.float64]] = field(default_factory=list)
    labels: list[EdgeLabels] = field(default_factory=list)
    pt: list[NDArray[np.float64]] = field(default_factory=list)
    eta: list[NDArray[np.float64]] = field(default_factory=list)
    graph_seconds: list[float] = field(default_factory=list)
    score_seconds: list[float] = field(default_factory=list)


def evaluate(
    model: EdgeModel,
    source: Path,
    store: EventStore,
    folder: Path,
    *,
    detector: Detector | None = None,
    max_events: int | None = None,
    builder: str,
    chep: bool = False,
    with_ckf: bool,
    progress: Progress,
) -> Evaluation:
    """Evaluate ``model`` with all its builders; write JSON, pictures and tracks to ``folder``.

    ``source`` is where ``model`` was read from. The events are the first ``max_events`` of those of
    ``store`` that it does not come from; the tracks written are those of ``builder``.
    ``chep`` cuts on tracks as the CHEP 2024 plots do, which takes the full TrackML detector: with 8
    hits per track a pixel-only track is none. ``with_ckf`` runs the frozen CKF of the detector on
    the same events; its tracks are kept in ``folder/ckf``, so that an interrupted or repeated
    evaluation does not find them again. Tracks are fitted, for cuts and residuals, in the TrackML
    detector only.
    """
    detector = detector or model.detector
    view, n_seen = _unseen(model, store, detector, max_events)
    if not any(target_mask(event, model.targets).any() for event in view):
        hint = "fpga-gnn reconstruct finds tracks without truth"
        raise InputError(store.path, "no target particle", "events with truth", hint)
    fits = is_trackml(view.read(view.ids[0]))
    if chep and detector == "pixel":
        raise InputError("evaluate", "--chep with pixel hits", "--detector full (8 hits a track)")
    if (chep or with_ckf) and not fits:
        found = f"{'--chep' if chep else '--ckf'} with hits of another detector"
        raise InputError("evaluate", found, "hits of the TrackML detector")
    if builder not in model.builders:
        expected = f"one of {', '.join(model.builders)}"
        raise InputError("track builder", repr(builder), expected)
    folder.mkdir(parents=True, exist_ok=True)
    cuts = CHEP_2024 if chep else model.tracks
    found = {name: _Found(settings) for name, settings in model.builders.items()}
    ckf = _CachedCkf(view, folder / CKF) if with_ckf else None
    if ckf:
        found[CKF] = _Found(ckf.settings)
    edges = _Edges()
    progress(0, len(view))
    with submission(folder / TRACKS) as submit:
        for done, event in enumerate(view, start=1):
            graph, logits = _score(model, event, edges)
            for name in model.builders:
                start = time.perf_counter()
                labels = model.labels(name, graph, logits)
                seconds = time.perf_counter() - start
                tracks = tracks_of(labels, graph.rows)
                kept = _match(found[name], event, tracks, seconds, cuts, model, fits)
                if name == builder:
                    submit(event, kept)
            if ckf:
                _match(found[CKF], event, *ckf.find(event), cuts, model, fits)
            progress(done, len(view))
    evaluation = Evaluation(
        model=str(source),
        model_sha256=weights_sha256(source),
        sample=sample_figure(view),
        n_seen=n_seen,
        targets=model.targets.model_dump(mode="json"),
        graph=graph_figure(model.construction_name, edges.labels, edges.graph_seconds),
        edges=_edge_figure(edges),
        tracks=tuple(_track_figure(name, its, cuts) for name, its in found.items()),
    )
    _draw(evaluation, edges, found, folder)
    save_evaluation(evaluation, folder / EVALUATION)
    return evaluation


def _unseen(
    model: EdgeModel, store: EventStore, detector: Detector, max_events: int | None
) -> tuple[EventView, int]:
    """Return the events to evaluate, and how many of ``store`` the model comes from."""
    whole = EventView.of(store, detector)
    if not len(whole):
        raise InputError(store.path, "no event", "events to evaluate")
    unseen = whole.without(model.seen)
    n_seen = len(whole) - len(unseen)
    if len(unseen) < (max_events or 1):
        found = f"{len(whole)} events" + (f", {n_seen} that the model comes from" if n_seen else "")
        raise InputError(store.path, found, f"at least {max_events or 1} that it has not seen")
    return replace(unseen, ids=unseen.ids[:max_events]), n_seen


def _score(model: EdgeModel, event: Event, edges: _Edges) -> tuple[Any, NDArray[np.float64]]:
    start = time.perf_counter()
    graph = model.graph(event)
    built = time.perf_counter()
    logits = model.logits(event, graph)
    edges.score_seconds.append(time.perf_counter() - built)
    edges.graph_seconds.append(built - start)
    labels = label_edges(event, model.targets, graph.rows, graph.src, graph.dst)
    particle = edge_particles(event, graph.rows, graph.src, labels)
    edges.logits.append(logits)
    edges.labels.append(labels)
    edges.pt.append(event.particles.pt[particle])
    edges.eta.append(event.particles.eta[particle])
    return graph, logits


def _match(
    found: _Found,
    event: Event,
    tracks: Tracks,
    seconds: float,
    cuts: TrackSelection,
    model: EdgeModel,
    fits: bool,
) -> Tracks:
    """Match the ``tracks`` that pass the ``cuts``, and return them."""
    perigee = fit_hits(event.hits, tracks) if fits else None
    kept = select_tracks(tracks, perigee, cuts)
    match = match_tracks(event, tracks.take(kept), model.targets)
    if perigee is not None:
        of_target = np.flatnonzero((match.matched >= 0) & match.target[match.matched])
        truth = true_perigee(event.particles.take(match.matched[of_target]))
        found.residuals.append(fit_residuals(perigee.take(kept).take(of_target), truth))
    found.matches.append(match)
    found.seconds.append(seconds)
    return tracks.take(kept)


class _CachedCkf:
    """The frozen CKF of a detector, with the tracks of each event kept in ``folder``."""

    def __init__(self, view: EventView, folder: Path) -> None:
        config = PIXEL_CKF if view.detector == "pixel" else FULL_CKF
        self.settings: dict[str, Any] = config.model_dump(mode="json")
        self._ckf = Ckf(config)
        self._folder = folder
        self._hashes = dict(zip(view.ids, view.hashes, strict=True))
        folder.mkdir(parents=True, exist_ok=True)

    def find(self, event: Event) -> tuple[Tracks, float]:
        """Return the tracks and the seconds they took."""
        file = self._folder / f"event{event.event_id:09d}.safetensors"
        key = json.dumps([self.settings, self._hashes[event.event_id]], sort_keys=True)
        if file.exists():
            tensors, metadata = load_tensors(file)
            if metadata.get("key") == key:
                tracks = Tracks(tensors["start"].numpy(), tensors["hits"].numpy())
                return tracks, float(metadata["seconds"])
        result = self._ckf.find(event)
        seconds = sum(result.seconds.values())
        save_tensors(
            file,
            {
                "start": torch.from_numpy(result.tracks.start),
                "hits": torch.from_numpy(result.tracks.hits),
            },
            {"key": key, "seconds": repr(seconds)},
        )
        return result.tracks, seconds


def _edge_figure(edges: _Edges) -> EdgeFigure:
    quality = summarize_edges(edges.logits, edges.labels, _EDGE_CUT)
    cuts = curve_cuts(edges.logits, edges.labels)
    passing = np.concatenate(
        [
            logits[label.target] > _EDGE_CUT
            for logits, label in zip(edges.logits, edges.labels, strict=True)
        ]
    )
    return EdgeFigure(
        auc=quality.auc,
        cut=_EDGE_CUT,
        curve=CurveFigure.model_validate(edge_curve(edges.logits, edges.labels, cuts)),
        by_pt=_binned(np.concatenate(edges.pt), passing, PT_EDGES, overflow=True),
        by_eta=_binned(np.concatenate(edges.eta), passing, ETA_EDGES),
        time=TimeFigure.of(edges.score_seconds),
    )


def _track_figure(name: str, found: _Found, cuts: TrackSelection) -> TrackFigure:
    summary = summarize(found.matches)
    targets = [match.target for match in found.matches]
    pt, eta, is_found = (
        np.concatenate([getattr(m, column)[t] for m, t in zip(found.matches, targets, strict=True)])
        for column in ("pt", "eta", "found")
    )
    return TrackFigure(
        builder=name,
        settings=found.settings,
        cuts=cuts.model_dump(mode="json"),
        n_targets=summary.n_targets,
        n_tracks=summary.n_tracks,
        n_matched=summary.n_matched,
        n_distinct=summary.n_distinct,
        **{key: RateFigure.model_validate(rate) for key, rate in summary.rates.items()},
        duplicate_rate=summary.duplicate_rate,
        by_pt=_binned(pt, is_found, PT_EDGES, overflow=True),
        by_eta=_binned(eta, is_found, ETA_EDGES),
        time=TimeFigure.of(found.seconds),
    )


def _binned(
    values: NDArray[np.float64],
    found: NDArray[np.bool_],
    bins: NDArray[np.float64],
    *,
    overflow: bool = False,
) -> BinnedFigure:
    binned: BinnedRate = binned_efficiency(values, found, bins, overflow=overflow)
    return BinnedFigure.model_validate(binned)


def _draw(evaluation: Evaluation, edges: _Edges, found: dict[str, _Found], folder: Path) -> None:
    """Draw the pictures of an evaluation."""
    n_events, n_targets = len(evaluation.sample.event_ids), evaluation.tracks[0].n_targets
    title = f"{n_targets} target particles in {n_events} events"
    by_pt = [_curve(track.builder, track.by_pt) for track in evaluation.tracks]
    by_eta = [_curve(track.builder, track.by_eta) for track in evaluation.tracks]
    efficiency_vs_pt(folder / "efficiency_pt.png", by_pt, title)
    efficiency_vs_eta(folder / "efficiency_eta.png", by_eta, title)
    logits = np.concatenate(edges.logits)
    target = np.concatenate([label.target for label in edges.labels])
    ignored = np.concatenate([label.ignored for label in edges.labels])
    score_histogram(folder / "scores.png", logits, target, ~target & ~ignored, _EDGE_CUT)
    assert evaluation.edges is not None
    curve = evaluation.edges.curve
    rates_vs_cut(
        folder / "edge_rates.png",
        *map(column, (curve.cuts, curve.efficiency, curve.purity)),
        _EDGE_CUT,
    )
    for name, its in found.items():
        if not its.residuals:
            continue
        differences = {
            key: np.concatenate([event[key] for event in its.residuals]) for key in its.residuals[0]
        }
        residuals(folder / f"residuals_{name}.png", differences, f"{name}: {title}")


def _curve(name: str, binned: BinnedFigure) -> BinnedCurve:
    columns = (binned.edges, binned.value, *binned.interval)
    return BinnedCurve(name, *map(column, columns))
