"""The computing table: every option of graph construction, GNN and segmentation, timed in turns."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from fpga_gnn.contract.bounded import Few
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import InputError, ToolMissingError
from fpga_gnn.events.event import Event
from fpga_gnn.events.view import EventView
from fpga_gnn.flows.benchmark_graphs import (
    MAP,
    MAP_PEER,
    ModuleMaps,
    map_difference,
    metric_learning_ways,
)
from fpga_gnn.flows.benchmark_models import TimedGraph, TimedModel
from fpga_gnn.flows.benchmark_peers import component_tracks, use_threads
from fpga_gnn.flows.benchmark_way import Way
from fpga_gnn.flows.sample import sample_figure
from fpga_gnn.flows.stopwatch import Option, Stopwatch
from fpga_gnn.graphs.construction import ModuleMapConstruction
from fpga_gnn.graphs.truth import EdgeLabels
from fpga_gnn.hw.toolchain import find_tool
from fpga_gnn.report.benchmark import (
    STAGES,
    Benchmark,
    BenchmarkRow,
    CallTime,
    Comparison,
    EdgeChange,
    Machine,
    Stage,
    TrackOutcome,
    save_benchmark,
)
from fpga_gnn.report.evaluation import RateFigure
from fpga_gnn.tracks.builder import ConnectedComponents, tracks_of
from fpga_gnn.tracks.edge_metrics import summarize_edges
from fpga_gnn.tracks.metrics import TrackMatch, TrackSummary, match_tracks, summarize
from fpga_gnn.training.config import Device, Runtime
from fpga_gnn.training.construction import MetricLearningConstruction
from fpga_gnn.training.edge_model import weights_sha256
from fpga_gnn.training.metric_learning_run import MetricLearning
from fpga_gnn.training.track_points import merit

BENCHMARK = "benchmark.json"
"""The report, in the folder of a benchmark."""

_LIBRARIES = ("torch", "torch-geometric", "numba", "numpy", "scipy")
_LIMIT = 2.0
"""What ours may take, in times of the best peer."""

_CC, _CC_PEER = "cc", "peer: cc by scipy.sparse.csgraph"

Progress = Callable[[int, int], None]


class BenchmarkConfig(BaseModel):
    """What is timed and how: ``repeat`` calls per event and option after a warm-up."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stages: tuple[Stage, ...] = Field(default=STAGES, min_length=1)
    repeat: int = Field(default=5, ge=1)
    threads: Few = 1
    device: Device = "cpu"

    @property
    def runtime(self) -> Runtime:
        """How PyTorch runs."""
        return Runtime(device=self.device, threads=self.threads)


def benchmark(
    model: TimedModel,
    source: Path,
    metric_learning: MetricLearning | None,
    view: EventView,
    config: BenchmarkConfig,
    folder: Path,
    progress: Progress,
) -> Benchmark:
    """Time the options of ``config.stages`` on the events of ``view``; write ``folder``'s JSON.

    ``source`` is where ``model`` was read from. ``InputError`` for no event, or more threads than
    this machine has.
    """
    if not len(view):
        raise InputError(view.store.path, "no event", "events to time")
    run = _Run(model, metric_learning, config)
    progress(0, len(view))
    for done, event in enumerate(view, start=1):
        run.take(event)
        progress(done, len(view))
    report = Benchmark(
        machine=_machine(config),
        model=str(source),
        model_sha256=weights_sha256(source),
        backend=model.backend,
        sample=sample_figure(view),
        repeat=config.repeat,
        hits_per_event=float(np.mean(run.n_hits)),
        edges_per_event=float(np.mean(run.n_edges)),
        rows=tuple(run.rows()),
        comparisons=tuple(run.comparisons()),
    )
    folder.mkdir(parents=True, exist_ok=True)
    save_benchmark(report, folder / BENCHMARK)
    return report


class _Run:
    """The events timed so far."""

    def __init__(
        self, model: TimedModel, metric_learning: MetricLearning | None, config: BenchmarkConfig
    ) -> None:
        use_threads(config.threads)
        torch.set_num_threads(config.threads)
        on_gpu = torch.device(config.device).type == "cuda"
        self._model, self._config = model, config
        self._watch = Stopwatch(config.repeat, torch.cuda.synchronize if on_gpu else lambda: None)
        self._ways: dict[str, Way] = {}
        self._outputs: dict[str, list[int]] = {}
        self.n_hits: list[int] = []
        self.n_edges: list[int] = []
        construction = model.construction
        self._map, self._metric_learning = None, metric_learning
        if isinstance(construction, ModuleMapConstruction):
            self._map = ModuleMaps(construction, config.runtime)
        elif isinstance(construction, MetricLearningConstruction) and metric_learning is None:
            self._metric_learning = construction.trained
        self._labels: list[EdgeLabels] = []
        self._probabilities: dict[str, list[NDArray[np.float64]]] = {}
        self._matches: dict[str, list[TrackMatch]] = {}
        self._different: dict[str, tuple[int, int]] = {}
        points = model.points
        self._best = max(points, key=lambda n: merit(points[n].efficiency, points[n].fake_rate))

    def take(self, event: Event) -> None:
        """Time every option on ``event``."""
        stages = self._config.stages
        if "graph" in stages:
            self._time_graphs(event)
        graph = self._model.graph(event)
        self.n_hits.append(len(event.hits))
        self.n_edges.append(graph.graph.n_edges)
        networks = self._model.network_ways(graph)
        if "gnn" in stages:
            output = self._time_networks(event, graph, networks)
        else:
            output = networks[0].call()
        if "segmentation" in stages:
            self._time_builders(event, graph, self._model.scores(output))

    def _time_graphs(self, event: Event) -> None:
        if self._map is not None:
            hits = self._map.hits(event)
            self._time([self._map.quantisation(event)])
            results = self._time(list(self._map.ways(hits)))
            self._note(MAP, *map_difference(len(hits), results[MAP], results[MAP_PEER]))
        self._time(self._model.graph_ways(event))
        if self._metric_learning is not None:
            self._time(
                list(metric_learning_ways(self._metric_learning, event, self._config.threads))
            )

    def _time_networks(self, event: Event, graph: TimedGraph, networks: Sequence[Way]) -> Any:
        """Return the output of the first of ``networks``."""
        model = self._model
        self._time(model.feature_ways(event, graph))
        outputs = self._time(networks)
        self._labels.append(graph.labels)
        for name, output in outputs.items():
            scores = model.scores(output)
            self._probabilities.setdefault(name, []).append(model.probability(scores))
            self._match(name, event, graph, model.labels(self._best, graph, scores))
        return outputs[networks[0].name]

    def _time_builders(self, event: Event, graph: TimedGraph, scores: Any) -> None:
        model, points = self._model, self._model.points
        calls = {name: partial(model.labels, name, graph, scores) for name in points}
        if _CC in points:
            edges = graph.graph
            cc = ConnectedComponents(**points[_CC].settings)
            problem = edges.n_nodes, edges.src, edges.dst, model.probability(scores)
            calls[_CC_PEER] = partial(component_tracks, *problem, cc.cut, cc.min_hits)
        what = "edge scores to the track of each hit"
        ways = [
            Way("segmentation", name, what, call, "tracks", _n_tracks)
            for name, call in calls.items()
        ]
        results = self._time(ways)
        for name in points:
            self._match(name, event, graph, results[name])
        if _CC in results:
            same = results[_CC] == results[_CC_PEER]
            self._note(_CC, same.size, int((~same).sum()))

    def _match(self, option: str, event: Event, graph: TimedGraph, labels: Int64) -> None:
        tracks = tracks_of(labels, graph.graph.rows)
        match = match_tracks(event, tracks, self._model.targets)
        self._matches.setdefault(option, []).append(match)

    def _time(self, ways: Sequence[Way]) -> dict[str, Any]:
        results = self._watch.time(
            [Option(way.name, way.call, way.refusals, way.patience) for way in ways]
        )
        for way in ways:
            self._ways[way.name] = way
            if way.name in results:
                count = way.count(results[way.name])
                self._outputs.setdefault(way.name, []).append(count)
        return results

    def _note(self, ours: str, n_compared: int, n_different: int) -> None:
        compared, different = self._different.get(ours, (0, 0))
        self._different[ours] = compared + n_compared, different + n_different

    def rows(self) -> Iterator[BenchmarkRow]:
        """Return the table, stage by stage; a GNN option has the tracks of the best builder."""
        edges = self._edge_changes()
        for way in sorted(self._ways.values(), key=lambda way: STAGES.index(way.stage)):
            laps = self._watch.laps[way.name]
            time = tracks = None
            if laps.refusal is None:
                assert laps.first is not None
                time = CallTime.of(laps.seconds, laps.n_events, laps.first)
                builder = self._best if way.stage == "gnn" else way.name
                if way.name in self._matches:
                    tracks = _outcome(builder, summarize(self._matches[way.name]))
            yield BenchmarkRow(
                stage=way.stage,
                name=way.name,
                measures=way.measures,
                device=way.device,
                threads=way.threads,
                time=time,
                not_run=laps.refusal,
                outputs=float(np.mean(self._outputs[way.name])) if time else None,
                unit=way.unit,
                edges=edges.get(way.name) if time else None,
                tracks=tracks,
            )

    def _edge_changes(self) -> dict[str, EdgeChange]:
        if not self._probabilities:
            return {}
        reference, first = next(iter(self._probabilities.items()))
        expected = summarize_edges(first, self._labels, 0.5)
        changes = {}
        for name, scores in self._probabilities.items():
            if self._watch.laps[name].refusal is not None:
                continue
            auc = summarize_edges(scores, self._labels, 0.5).auc
            sides = zip(first, scores, strict=True)
            changes[name] = EdgeChange(
                speed_up=self._median(reference) / self._median(name),
                auc=auc,
                auc_change=auc - expected.auc,
                n_edges=expected.n_edges,
                n_changed=sum(int(((one > 0.5) != (two > 0.5)).sum()) for one, two in sides),
            )
        return changes

    def comparisons(self) -> Iterator[Comparison]:
        """Return ours beside the best peer, where both ran."""
        for what, ours, peer in (
            ("module map", MAP, MAP_PEER),
            ("connected components", _CC, _CC_PEER),
        ):
            if ours in self._different:
                compared, different = self._different[ours]
                yield Comparison(
                    what=what,
                    ours=ours,
                    peer=peer,
                    ratio=self._median(ours) / self._median(peer),
                    limit=_LIMIT,
                    n_compared=compared,
                    n_different=different,
                )

    def _median(self, name: str) -> float:
        return float(np.median(self._watch.laps[name].seconds))


def _n_tracks(labels: Int64) -> int:
    return int(labels.max(initial=-1)) + 1


def _outcome(name: str, summary: TrackSummary) -> TrackOutcome:
    rates = summary.rates
    return TrackOutcome(
        builder=name,
        efficiency=RateFigure.model_validate(rates["efficiency"]),
        fake_rate=RateFigure.model_validate(rates["fake_rate"]),
        duplicate_rate=summary.duplicate_rate,
    )


def _machine(config: BenchmarkConfig) -> Machine:
    versions = {name: importlib.metadata.version(name) for name in _LIBRARIES}
    versions["Python"] = platform.python_version()
    with suppress(ToolMissingError):
        versions["g++"] = find_tool("g++", "").version.removeprefix("g++ ")
    cpu = _cpu_model()
    on_gpu = torch.device(config.device).type == "cuda"
    return Machine(
        device=config.device,
        device_name=torch.cuda.get_device_name(config.device) if on_gpu else cpu,
        cpu=cpu,
        n_cpus=os.cpu_count() or 0,
        threads=config.threads,
        versions=versions,
    )


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
