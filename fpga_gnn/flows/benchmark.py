"""The computing table: every option of graph construction, GNN and segmentation, timed in turns."""

from __future__ import annotations

import importlib.metadata
import math
import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from fpga_gnn.contract import (
    CandidateRecords,
    Contract,
    DydxLaw,
    HitRecords,
    ModuleMapRecords,
)
from fpga_gnn.contract.config import ModuleMapShape
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import CapacityError, InputError, ToolFailedError, ToolMissingError
from fpga_gnn.events.event import Event
from fpga_gnn.events.view import EventView
from fpga_gnn.flows.benchmark_peers import PeerModuleMap, component_tracks, use_threads
from fpga_gnn.flows.sample import sample_figure
from fpga_gnn.flows.stopwatch import Option, Stopwatch
from fpga_gnn.graphs.construction import HitGraph, ModuleMapConstruction
from fpga_gnn.graphs.hits import quantize_hits
from fpga_gnn.graphs.metric_learning import neighbour_edges
from fpga_gnn.graphs.module_map import build_candidates
from fpga_gnn.graphs.module_map_numba import build_candidates as numba_candidates
from fpga_gnn.graphs.truth import EdgeLabels
from fpga_gnn.hw.csim import CsimModuleMap
from fpga_gnn.hw.kernels import load_kernels
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
from fpga_gnn.tracks.builder import BUILDERS, ConnectedComponents, TrackBuilder, builder, tracks_of
from fpga_gnn.tracks.edge_metrics import summarize_edges
from fpga_gnn.tracks.metrics import TrackMatch, TrackSummary, match_tracks, summarize
from fpga_gnn.training.config import Runtime
from fpga_gnn.training.construction import MetricLearningConstruction
from fpga_gnn.training.metric_learning_run import MetricLearning
from fpga_gnn.training.neighbour_graphs import embed
from fpga_gnn.training.teacher import Scorer
from fpga_gnn.training.teacher_data import TeacherGraph, teacher_graph, teacher_inputs
from fpga_gnn.training.teacher_run import Teacher
from fpga_gnn.training.track_points import ScoredGraph, merit, track_summary

BENCHMARK = "benchmark.json"
"""The report, in the folder of a benchmark."""

_LIBRARIES = ("torch", "torch-geometric", "numba", "numpy", "scipy")
_LIMIT = 2.0
"""What ours may take, in times of the best peer."""
_KERNEL_PATIENCE = 10.0
"""Seconds: the HLS kernel tests all hit pairs, which takes minutes on the host at mu=200."""

_MAP, _MAP_PEER = "module map, numba", "peer: module map, float64, parallel numba"
_CC, _CC_PEER = "cc", "peer: cc by scipy.sparse.csgraph"
_FEATURES = "edge and node features"
_RUNTIMES: dict[str, dict[str, bool]] = {
    "fp32": {},
    "AMP (bfloat16)": {"amp": True},
    "torch.compile": {"compile": True},
    "AMP + torch.compile": {"amp": True, "compile": True},
}
_REFERENCE = "fp32"

Progress = Callable[[int, int], None]


class BenchmarkConfig(BaseModel):
    """What is timed and how: ``repeat`` calls per event and option after a warm-up."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stages: tuple[Stage, ...] = Field(default=STAGES, min_length=1)
    repeat: int = Field(default=5, ge=1)
    threads: int = Field(default=1, ge=1)
    device: str = "cpu"


def benchmark(
    teacher: Teacher,
    model: Path,
    metric_learning: MetricLearning | None,
    view: EventView,
    config: BenchmarkConfig,
    folder: Path,
    progress: Progress,
) -> Benchmark:
    """Time the options of ``config.stages`` on the events of ``view``; write ``folder``'s JSON.

    ``model`` is where ``teacher`` was read from. ``InputError`` for no event, or a device or
    threads that this machine does not have.
    """
    if not len(view):
        raise InputError(view.store.path, "no event", "events to time")
    run = _Run(teacher, metric_learning, config)
    progress(0, len(view))
    for done, event in enumerate(view, start=1):
        run.take(event)
        progress(done, len(view))
    report = Benchmark(
        machine=_machine(config),
        model=str(model),
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


@dataclass(frozen=True, eq=False)
class _Way:
    """An option as the table describes it; ``count`` tells how many ``unit`` a result holds."""

    stage: Stage
    name: str
    measures: str
    call: Callable[[], Any]
    unit: str
    count: Callable[[Any], int]
    device: str = "cpu"
    threads: int = 1
    refusals: tuple[type[Exception], ...] = ()
    patience: float = math.inf


class _Run:
    """The events timed so far."""

    def __init__(
        self, teacher: Teacher, metric_learning: MetricLearning | None, config: BenchmarkConfig
    ) -> None:
        use_threads(config.threads)
        torch.set_num_threads(config.threads)
        _require_device(config.device)
        on_gpu = torch.device(config.device).type == "cuda"
        self._teacher, self._config = teacher, config
        self._watch = Stopwatch(config.repeat, torch.cuda.synchronize if on_gpu else lambda: None)
        self._ways: dict[str, _Way] = {}
        self._outputs: dict[str, list[int]] = {}
        self.n_hits: list[int] = []
        self.n_edges: list[int] = []
        construction = teacher.construction
        self._map, self._metric_learning = None, metric_learning
        if isinstance(construction, ModuleMapConstruction):
            self._map = _ModuleMaps(construction, config)
        elif isinstance(construction, MetricLearningConstruction) and metric_learning is None:
            self._metric_learning = construction.trained
        self._labels: list[EdgeLabels] = []
        self._scored: dict[str, list[ScoredGraph]] = {}
        self._matches: dict[str, list[TrackMatch]] = {}
        self._different: dict[str, tuple[int, int]] = {}
        plain = Runtime(device=config.device, threads=config.threads)
        self._scorers = {
            name: Scorer(teacher.network, plain.model_copy(update=options))
            for name, options in _RUNTIMES.items()
        }
        self._builders = {
            name: builder(name, **teacher.info.builders[name].settings)
            for name in BUILDERS
            if name in teacher.info.builders
        }

    def take(self, event: Event) -> None:
        """Time every option on ``event``."""
        stages, training = self._config.stages, self._teacher.info.training
        if "graph" in stages:
            self._time_graphs(event)
        graph = teacher_graph(event, self._teacher.construction, training)
        self.n_hits.append(len(event.hits))
        self.n_edges.append(graph.graph.n_edges)
        if "gnn" in stages:
            self._time_networks(event, graph)
        if "segmentation" in stages:
            self._time_builders(event, graph)

    def _time_graphs(self, event: Event) -> None:
        if self._map is not None:
            hits = self._map.hits(event)
            self._time([self._map.quantisation(event)])
            results = self._time(list(self._map.ways(hits)))
            self._note(_MAP, *_map_difference(len(hits), results[_MAP], results[_MAP_PEER]))
        if self._metric_learning is not None:
            self._time(
                list(_metric_learning_ways(self._metric_learning, event, self._config.threads))
            )

    def _time_networks(self, event: Event, graph: TeacherGraph) -> None:
        training, inputs = self._teacher.info.training, graph.inputs

        def edges(_: object) -> int:
            return graph.graph.n_edges

        features = _Way(
            "gnn",
            _FEATURES,
            "event and graph to the network's float32 inputs (numpy)",
            partial(teacher_inputs, event, graph.graph, training),
            "edges",
            edges,
        )
        self._time([features])
        scores = self._time(
            [
                _Way(
                    "gnn",
                    name,
                    "inputs to logits, both in host memory",
                    partial(scorer.logits, inputs),
                    "edges",
                    edges,
                    self._config.device,
                    self._config.threads,
                    (RuntimeError,) if name != _REFERENCE else (),
                )
                for name, scorer in self._scorers.items()
            ]
        )
        self._labels.append(graph.labels)
        for name, logits in scores.items():
            probability = _probability(logits)
            self._scored.setdefault(name, []).append(ScoredGraph(event, graph.graph, probability))

    def _time_builders(self, event: Event, scored: TeacherGraph) -> None:
        known = self._scored.get(_REFERENCE)
        if known and known[-1].event is event:
            score = known[-1].score
        else:
            score = _probability(self._scorers[_REFERENCE].logits(scored.inputs))
        graph = scored.graph
        ways = [_builder_way(name, build, graph, score) for name, build in self._builders.items()]
        cc = self._builders.get(_CC)
        if isinstance(cc, ConnectedComponents):
            ways.append(_peer_way(cc, graph, score))
        results = self._time(ways)
        targets = self._teacher.info.training.selection
        for name in self._builders:
            match = match_tracks(event, tracks_of(results[name], graph.rows), targets)
            self._matches.setdefault(name, []).append(match)
        if _CC in results:
            same = results[_CC] == results[_CC_PEER]
            self._note(_CC, same.size, int((~same).sum()))

    def _time(self, ways: Sequence[_Way]) -> dict[str, Any]:
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
        """Return the table, stage by stage."""
        tracks = {name: _outcome(name, summarize(found)) for name, found in self._matches.items()}
        edges = self._edge_changes()
        tracks |= self._best_tracks()
        for way in sorted(self._ways.values(), key=lambda way: STAGES.index(way.stage)):
            laps = self._watch.laps[way.name]
            time = None
            if laps.refusal is None:
                assert laps.first is not None
                time = CallTime.of(laps.seconds, laps.n_events, laps.first)
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
                tracks=tracks.get(way.name) if time else None,
            )

    def _edge_changes(self) -> dict[str, EdgeChange]:
        if not self._scored:
            return {}
        first = [item.score for item in self._scored[_REFERENCE]]
        reference = summarize_edges(first, self._labels, 0.5)
        changes = {}
        for name, scored in self._scored.items():
            if self._watch.laps[name].refusal is not None:
                continue
            scores = [item.score for item in scored]
            auc = summarize_edges(scores, self._labels, 0.5).auc
            sides = zip(first, scores, strict=True)
            changes[name] = EdgeChange(
                speed_up=self._median(_REFERENCE) / self._median(name),
                auc=auc,
                auc_change=auc - reference.auc,
                n_edges=reference.n_edges,
                n_changed=sum(int(((one > 0.5) != (two > 0.5)).sum()) for one, two in sides),
            )
        return changes

    def _best_tracks(self) -> dict[str, TrackOutcome]:
        """Return the tracks of each GNN option, by the best builder of the teacher's record."""
        points, targets = self._teacher.info.builders, self._teacher.info.training.selection
        name = max(points, key=lambda n: merit(points[n].efficiency, points[n].fake_rate))
        return {
            option: _outcome(name, track_summary(name, points[name].settings, scored, targets))
            for option, scored in self._scored.items()
        }

    def comparisons(self) -> Iterator[Comparison]:
        """Return ours beside the best peer, where both ran."""
        for what, ours, peer in (
            ("module map", _MAP, _MAP_PEER),
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


class _ModuleMaps:
    """The implementations of the module map, on the same hit records."""

    def __init__(self, construction: ModuleMapConstruction, config: BenchmarkConfig) -> None:
        self._construction, self._config = construction, config
        records, contract = construction.module_map.records, construction.contract
        dydx = construction.module_map.info.dydx
        self._peer = PeerModuleMap(records, contract, dydx, config.threads)
        self._kernel = _Kernel(contract, dydx)

    def hits(self, event: Event) -> HitRecords:
        construction = self._construction
        modules = construction.module_map.modules
        return quantize_hits(event, modules, construction.contract).records

    def quantisation(self, event: Event) -> _Way:
        what = "event to integer hit records sorted by module (numpy)"
        return _Way("graph", "hit quantisation", what, partial(self.hits, event), "hits", len)

    def ways(self, hits: HitRecords) -> Iterator[_Way]:
        records, contract = self._construction.module_map.records, self._construction.contract
        dydx, config = self._construction.module_map.info.dydx, self._config
        device, threads = config.device, config.threads

        def tagged(result: Any) -> int:
            return int(np.count_nonzero(result.tagged))

        yield _Way(
            "graph",
            _MAP,
            "hit records to candidates, tagged, in canonical order",
            partial(numba_candidates, hits, records, contract, dydx),
            "edges",
            tagged,
        )
        yield _Way(
            "graph",
            "module map, PyTorch",
            "hit records to candidates, tagged, in canonical order, with the copies to the device",
            partial(build_candidates, hits, records, contract, device, dydx),
            "edges",
            tagged,
            device,
            threads,
        )
        flags = " ".join(flag for flag in load_kernels().cxxflags if flag.startswith("-O"))
        yield _Way(
            "graph",
            f"module map, HLS C++ (g++ {flags}), not FPGA",
            "hit records to candidates, tagged, by the firmware's source on this CPU, with packing",
            partial(self._kernel.build, hits, records),
            "edges",
            tagged,
            refusals=(ToolMissingError, ToolFailedError, CapacityError, InputError),
            patience=_KERNEL_PATIENCE,
        )
        yield _Way(
            "graph",
            _MAP_PEER,
            "hit records to candidates, tagged, in no order",
            partial(self._peer.build, hits),
            "edges",
            lambda result: int(np.count_nonzero(result[2])),
            threads=threads,
        )


class _Kernel:
    """The HLS kernel compiled for the host, with slots for the largest event so far."""

    def __init__(self, contract: Contract, dydx: DydxLaw) -> None:
        self._contract, self._dydx = contract, dydx
        self._kernel: CsimModuleMap | None = None

    def build(self, hits: HitRecords, module_map: ModuleMapRecords) -> CandidateRecords:
        """Return the candidates; compile first where nothing or too little was compiled."""
        self._reserve(
            max_hits=len(hits),
            max_modules=module_map.n_modules,
            max_doublets=module_map.n_doublets,
        )
        while True:
            if self._kernel is None:
                self._kernel = CsimModuleMap(self._contract)
            try:
                return self._kernel.build(hits, module_map, self._dydx)
            except CapacityError:
                self._reserve(
                    max_blocks=self._shape.max_blocks + 1, max_edges=self._shape.max_edges + 1
                )

    @property
    def _shape(self) -> ModuleMapShape:
        return self._contract.kernels.module_map

    def _reserve(self, **sizes: int) -> None:
        """Double every capacity that is below ``sizes`` until it is not."""
        grown = {}
        for name, size in sizes.items():
            capacity = getattr(self._shape, name)
            while capacity < size:
                capacity *= 2
            grown[name] = capacity
        shape = self._shape.model_copy(update=grown)
        if shape != self._shape:
            kernels = self._contract.kernels.model_copy(update={"module_map": shape})
            self._contract = self._contract.model_copy(update={"kernels": kernels})
            self._kernel = None


def _metric_learning_ways(trained: MetricLearning, event: Event, threads: int) -> Iterator[_Way]:
    points = embed(trained.network, event)
    radius = trained.info.radius
    yield _Way(
        "graph",
        "metric learning, embedding",
        "event to points of the embedding (PyTorch)",
        partial(embed, trained.network, event),
        "hits",
        len,
        threads=threads,
    )
    yield _Way(
        "graph",
        "metric learning, neighbour search",
        f"points to edges within {radius:g} in canonical order (scipy k-d tree)",
        partial(neighbour_edges, points, event.hits, radius),
        "edges",
        lambda edges: int(edges.src.size),
    )


def _builder_way(
    name: str, build: TrackBuilder, graph: HitGraph, score: NDArray[np.float64]
) -> _Way:
    return _Way(
        "segmentation",
        name,
        "edge scores to the track of each hit",
        partial(build.labels, graph.n_nodes, graph.src, graph.dst, score),
        "tracks",
        _n_tracks,
    )


def _peer_way(cc: ConnectedComponents, graph: HitGraph, score: NDArray[np.float64]) -> _Way:
    return _Way(
        "segmentation",
        _CC_PEER,
        "edge scores to the track of each hit",
        partial(component_tracks, graph.n_nodes, graph.src, graph.dst, score, cc.cut, cc.min_hits),
        "tracks",
        _n_tracks,
    )


def _n_tracks(labels: Int64) -> int:
    return int(labels.max(initial=-1)) + 1


def _map_difference(
    n_hits: int, ours: CandidateRecords, peer: tuple[Int64, Int64, NDArray[np.bool_]]
) -> tuple[int, int]:
    """Return the number of candidates and tags, and how many only one of the two has."""
    columns = (ours.src, ours.dst, ours.tagged == 1), peer
    keys = [(src * n_hits + dst, tagged) for src, dst, tagged in columns]
    (one, one_tagged), (two, two_tagged) = keys
    different = np.setxor1d(one, two).size + np.setxor1d(one[one_tagged], two[two_tagged]).size
    return one.size + int(one_tagged.sum()), different


def _outcome(name: str, summary: TrackSummary) -> TrackOutcome:
    rates = summary.rates
    return TrackOutcome(
        builder=name,
        efficiency=RateFigure.model_validate(rates["efficiency"]),
        fake_rate=RateFigure.model_validate(rates["fake_rate"]),
        duplicate_rate=summary.duplicate_rate,
    )


def _probability(logits: torch.Tensor) -> NDArray[np.float64]:
    probability: NDArray[np.float64] = logits.double().sigmoid().numpy()
    return probability


def _require_device(device: str) -> None:
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError("device", f"{device} ({reason})", "a device of this machine") from None


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
