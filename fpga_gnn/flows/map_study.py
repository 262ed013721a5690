"""How the graphs of a module map change as it learns from more events, or widens its windows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from fpga_gnn.contract import Contract
from fpga_gnn.errors import InputError
from fpga_gnn.events.event import Event
from fpga_gnn.events.targets import TargetSelection
from fpga_gnn.events.view import EventView
from fpga_gnn.flows.figures import column, graph_figure
from fpga_gnn.flows.sample import sample_figure
from fpga_gnn.graphs.construction import GraphConstruction, ModuleMapConstruction
from fpga_gnn.graphs.map_learning import (
    Crossings,
    collect_crossings,
    map_from_crossings,
    merge_crossings,
)
from fpga_gnn.graphs.map_settings import MapSettings
from fpga_gnn.graphs.truth import label_edges
from fpga_gnn.report.evaluation import GraphFigure
from fpga_gnn.report.map_study import MapFigure, MapStudy, save_map_study
from fpga_gnn.report.plots import GraphCurve, graph_growth, graph_windows

MAP_STUDY = "map_study.json"
GROWTH, WINDOWS = "map_growth.png", "map_windows.png"
VARIANTS = (
    MapSettings(min_occurrence=2),
    MapSettings(spread="rms"),
    MapSettings(dydx="physical"),
)
"""Other ways to learn a map, each measured once."""

Progress = Callable[[int, int], None]
_KINDS = ("doublets", "triplets")


def rising(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return ``values`` sorted, each once."""
    return tuple(sorted(set(values)))


_Size = Annotated[int, Field(ge=1)]
_Tolerance = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class StudyPlan(BaseModel):
    """What to vary: the ``sizes`` of the sample that maps learn from, in events, and at the largest
    every pair of a widening and a small-sample margin (``MapSettings``). Sorted, each once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sizes: Annotated[tuple[_Size, ...], Field(min_length=1), AfterValidator(rising)]
    widenings: Annotated[tuple[_Tolerance, ...], AfterValidator(rising)] = ()
    small_samples: Annotated[tuple[_Tolerance, ...], AfterValidator(rising)] = ()

    @property
    def windows(self) -> tuple[MapSettings, ...]:
        """The tolerances to measure, by small-sample margin, then widening."""
        return tuple(
            MapSettings(widening=widening, small_sample=small_sample)
            for small_sample in self.small_samples
            for widening in self.widenings
        )


@dataclass(frozen=True)
class StudyProgress:
    """Callbacks of the steps: done and total, in events learned from and in maps measured."""

    learning: Progress
    measuring: Progress


def study_module_maps(
    plan: StudyPlan,
    learning: EventView,
    validation: EventView,
    contract: Contract,
    folder: Path,
    *,
    progress: StudyProgress,
) -> MapStudy:
    """Learn maps from the first events of ``learning`` as ``plan`` says, build all graphs of
    ``validation`` with each, write ``map_study.json`` and pictures to ``folder``.

    Every event is read once: a map of more events goes on where the smaller one stopped. The
    validation events stay in memory.

    Raises ``InputError`` for fewer events than the largest size, no validation event, or no target
    track among the first events.
    """
    if len(learning) < plan.sizes[-1]:
        raise InputError(
            learning.store.path, f"{len(learning)} events", f"at least {plan.sizes[-1]}"
        )
    if not len(validation):
        raise InputError(validation.store.path, "no event", "events to build graphs of")
    folder.mkdir(parents=True, exist_ok=True)
    selection, default = TargetSelection(), MapSettings()
    at_largest = dict.fromkeys((*plan.windows, *VARIANTS))
    at_largest.pop(default, None)
    n_maps = len(plan.sizes) + len(at_largest)
    ruler = _Ruler(tuple(validation), contract, selection)
    growth: list[MapFigure] = []
    for crossings in _cumulative(learning, plan.sizes, contract, selection, progress.learning):
        growth.append(ruler.measure(crossings, default))
        progress.measuring(len(growth), n_maps)
    found = {default: growth[-1]}
    for settings in at_largest:
        found[settings] = ruler.measure(crossings, settings)
        progress.measuring(len(plan.sizes) + len(found) - 1, n_maps)
    study = MapStudy(
        contract=contract.name,
        learning=sample_figure(replace(learning, ids=learning.ids[: plan.sizes[-1]])),
        validation=sample_figure(validation),
        targets=selection.model_dump(mode="json"),
        growth=tuple(growth),
        windows=tuple(found[settings] for settings in plan.windows),
        variants=tuple(found[settings] for settings in VARIANTS),
    )
    _draw(study, plan, folder)
    save_map_study(study, folder / MAP_STUDY)
    return study


def _cumulative(
    view: EventView,
    sizes: Sequence[int],
    contract: Contract,
    selection: TargetSelection,
    progress: Progress,
) -> Iterator[Crossings]:
    """Yield what the first ``sizes[0]``, ``sizes[1]``, ... events crossed, each read once."""

    def watched() -> Iterator[Event]:
        for done, event in enumerate(view, start=1):
            progress(done, sizes[-1])
            yield event

    events, crossings = watched(), None
    for before, size in zip((0, *sizes), sizes, strict=False):
        more = collect_crossings(islice(events, size - before), contract, selection)
        crossings = merge_crossings([crossings, more]) if crossings else more
        yield crossings


class _Ruler:
    """Measures maps by the graphs of fixed events."""

    def __init__(
        self, events: Sequence[Event], contract: Contract, selection: TargetSelection
    ) -> None:
        self._events, self._contract, self._selection = events, contract, selection
        self._warm = False

    def measure(self, crossings: Crossings, settings: MapSettings) -> MapFigure:
        learned = map_from_crossings(crossings, self._contract, settings)
        doublets, triplets = (
            ModuleMapConstruction(learned, self._contract, triplets=kind == "triplets")
            for kind in _KINDS
        )
        if not self._warm:
            triplets(self._events[0])  # what numba compiles takes no event's time
            self._warm = True
        return MapFigure(
            name=_name(settings),
            settings=settings.model_dump(mode="json"),
            n_events=learned.info.n_events,
            n_tracks=learned.info.n_tracks,
            n_modules=learned.records.n_modules,
            n_doublets=learned.records.n_doublets,
            n_triplets=learned.records.n_triplets,
            doublets=self._graphs(doublets),
            triplets=self._graphs(triplets),
        )

    def _graphs(self, construct: GraphConstruction) -> GraphFigure:
        labels, seconds = [], []
        for event in self._events:
            start = time.thread_time()
            graph = construct(event)
            seconds.append(time.thread_time() - start)
            labels.append(label_edges(event, self._selection, graph.rows, graph.src, graph.dst))
        return graph_figure(construct.name, labels, seconds)


def _name(settings: MapSettings) -> str:
    changed = settings.model_dump(exclude_defaults=True)
    words = [f"{key.replace('_', ' ')} {value}" for key, value in changed.items()]
    return ", ".join(words) or "default"


def _draw(study: MapStudy, plan: StudyPlan, folder: Path) -> None:
    growth = [_curve(kind, study.growth, kind) for kind in _KINDS]
    graph_growth(folder / GROWTH, np.array(plan.sizes), growth)
    if not study.windows:
        return
    width = len(plan.widenings)
    curves = [
        _curve(f"{kind}, small sample {margin:g}", study.windows[i * width : (i + 1) * width], kind)
        for i, margin in enumerate(plan.small_samples)
        for kind in _KINDS
    ]
    graph_windows(folder / WINDOWS, np.array(plan.widenings), curves)


def _curve(name: str, maps: Sequence[MapFigure], kind: str) -> GraphCurve:
    graphs: list[GraphFigure] = [getattr(figure, kind) for figure in maps]
    return GraphCurve(
        name,
        column([graph.efficiency.value for graph in graphs]),
        column([graph.purity.value for graph in graphs]),
        column([graph.edges_per_event for graph in graphs]),
        column([graph.time.median if graph.time else None for graph in graphs]),
    )
