"""What the number formats of hits and windows cost the graphs of a module map, against float64."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from fpga_gnn.contract import Contract, FixedPoint, read_json
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import InputError
from fpga_gnn.events.event import Event
from fpga_gnn.events.targets import TargetSelection
from fpga_gnn.events.view import EventView
from fpga_gnn.flows.figures import graph_figure
from fpga_gnn.flows.map_study import StudyProgress, rising
from fpga_gnn.flows.sample import sample_figure
from fpga_gnn.graphs.arithmetic import Arithmetic, FloatArithmetic
from fpga_gnn.graphs.construction import GraphConstruction, ModuleMapConstruction
from fpga_gnn.graphs.map_learning import Crossings, collect_crossings, map_from_crossings
from fpga_gnn.graphs.map_settings import MapSettings
from fpga_gnn.graphs.module_map_float import FloatMapConstruction, learn_float_map
from fpga_gnn.graphs.truth import label_edges
from fpga_gnn.report.evaluation import GraphFigure
from fpga_gnn.report.map_bits import BitsFigure, BitsStudy, save_bits_study, write_markdown

BITS_STUDY, MARKDOWN = "map_bits.json", "map_bits.md"

_COORDINATES = {"length": "z0", "phi": "dphi", "eta": "deta"}
"""Coordinates of a hit, and the windows in their unit."""
_RATIOS = ("phi_slope", "dydx", "dzdr")
_WINDOWS = (*_COORDINATES.values(), *_RATIOS)

_Bits = Annotated[tuple[Annotated[int, Field(ge=1)], ...], AfterValidator(rising)]


class BitsPlan(BaseModel):
    """What to vary around a contract: how many bits are taken away from the ``low`` end (coarser
    numbers) and from the ``high`` end (windows of smaller range: a bound that does not fit is
    open), of one format at a time and of all. Sorted, each once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: _Bits = ()
    high: _Bits = ()

    def variants(self, contract: Contract) -> dict[str, Contract]:
        """Return ``contract`` and its variations by name.

        ``InputError`` for a format that has too few bits.
        """
        found = {contract.name: contract}
        for names, sizes, end, cut in (
            ((*_COORDINATES, *_RATIOS), self.low, "low", _without_low_bits),
            (_WINDOWS, self.high, "high", _without_high_bits),
        ):
            for name in (*names, "all"):
                for n in sizes:
                    changed = contract
                    for one in names if name == "all" else (name,):
                        changed = cut(changed, one, n)
                    found[f"{name} -{n} {end}"] = changed
        return found


def study_bits(
    plan: BitsPlan,
    learning: EventView,
    validation: EventView,
    contract: Contract,
    settings: MapSettings,
    folder: Path,
    *,
    progress: StudyProgress,
) -> BitsStudy:
    """Learn a map of all events of ``learning`` in float64, in the formats of ``contract`` and in
    those of each variation, build all graphs of ``validation`` with each, write ``map_bits.json``
    and ``map_bits.md`` to ``folder`` after each.

    The map in float64 has the doublets and triplets of ``contract``'s. What an earlier study of
    the same events and settings found in ``folder`` is not measured again. The validation events
    stay in memory.

    Raises ``InputError`` for no event, no target track, a format of too few bits, or windows that
    ``learn_float_map`` does not know.
    """
    variants = plan.variants(contract)
    if not len(validation):
        raise InputError(validation.store.path, "no event", "events to build graphs of")
    folder.mkdir(parents=True, exist_ok=True)
    selection, events = TargetSelection(), tuple(validation)

    def crossings(numbers: Contract | Arithmetic) -> Crossings:
        return collect_crossings(_watched(learning, progress), numbers, selection)

    rows = map_from_crossings(crossings(contract), contract, settings)
    real = FloatMapConstruction(learn_float_map(crossings(FloatArithmetic()), rows))
    graph, segments = _measure(real, events, selection)
    study = BitsStudy(
        contract=contract.name,
        learning=sample_figure(learning),
        validation=sample_figure(validation),
        settings=settings.model_dump(mode="json"),
        targets=selection.model_dump(mode="json"),
        real=graph,
        formats=(),
    )
    known = _known(folder / BITS_STUDY, study)
    for done, (name, variant) in enumerate(variants.items(), start=1):
        hit, windows = dict(variant.hit), dict(variant.windows)
        figure = known.get(name)
        if figure is None or (figure.hit, figure.windows) != (hit, windows):
            learned = (
                rows
                if variant is contract
                else map_from_crossings(crossings(variant), variant, settings)
            )
            construct = ModuleMapConstruction(learned, variant)
            graph, found = _measure(construct, events, selection)
            figure = BitsFigure(
                name=name,
                hit=hit,
                windows=windows,
                graph=graph,
                gained=_only_first(found, segments),
                lost=_only_first(segments, found),
            )
        study = study.model_copy(update={"formats": (*study.formats, figure)})
        save_bits_study(study, folder / BITS_STUDY)
        write_markdown(study, folder / MARKDOWN)
        progress.measuring(done, len(variants))
    return study


def _watched(view: EventView, progress: StudyProgress) -> Iterator[Event]:
    for done, event in enumerate(view, start=1):
        yield event
        progress.learning(done, len(view))


def _known(path: Path, study: BitsStudy) -> dict[str, BitsFigure]:
    """Return the figures in ``path``, by name, if they are of the same study."""
    try:
        earlier = read_json(path, BitsStudy, "a study")
    except InputError:
        return {}
    same = earlier.model_copy(update={"formats": ()}) == study
    return {figure.name: figure for figure in earlier.formats} if same else {}


def _measure(
    construct: GraphConstruction, events: Sequence[Event], selection: TargetSelection
) -> tuple[GraphFigure, list[Int64]]:
    """Return the quality of the graphs, and the target segments among the edges of each event."""
    labels, segments = [], []
    for event in events:
        graph = construct(event)
        label = label_edges(event, selection, graph.rows, graph.src, graph.dst)
        ends = graph.rows[np.stack([graph.src, graph.dst])[:, label.target]]
        labels.append(label)
        segments.append(ends[0] * len(event.hits) + ends[1])
    return graph_figure(construct.name, labels, ()), segments


def _only_first(first: Sequence[Int64], second: Sequence[Int64]) -> int:
    return sum(np.setdiff1d(a, b).size for a, b in zip(first, second, strict=True))


def _without_low_bits(contract: Contract, name: str, n: int) -> Contract:
    """Take ``n`` low bits from a coordinate and the window in its unit, or from a ratio's window.

    ``phi_slope`` keeps its resolution and range in turns per mm when its unit changes.
    """
    if name not in _COORDINATES:
        return _changed(contract, windows={name: _cut(contract, name, low=n)})
    slope = contract.windows.phi_slope
    frac = slope.frac + {"length": -n, "phi": n, "eta": 0}[name]
    return _changed(
        contract,
        hit={name: _cut(contract, name, low=n)},
        windows={
            _COORDINATES[name]: _cut(contract, _COORDINATES[name], low=n),
            "phi_slope": slope.model_copy(update={"frac": frac}),
        },
    )


def _without_high_bits(contract: Contract, name: str, n: int) -> Contract:
    return _changed(contract, windows={name: _cut(contract, name, high=n)})


def _cut(contract: Contract, name: str, *, low: int = 0, high: int = 0) -> FixedPoint:
    fixed: FixedPoint = getattr(contract.hit if name in _COORDINATES else contract.windows, name)
    if fixed.bits - low - high < 2:
        raise InputError(
            f"contract {contract.name}: {name}", f"{fixed.bits} bits", f"at least {low + high + 2}"
        )
    return fixed.model_copy(update={"bits": fixed.bits - low - high, "frac": fixed.frac - low})


def _changed(
    contract: Contract,
    hit: dict[str, FixedPoint] | None = None,
    windows: dict[str, FixedPoint] | None = None,
) -> Contract:
    changed = contract.windows.model_copy(update=windows or {})
    for name in _RATIOS:
        frac = getattr(changed, name).frac
        if frac < 0:
            where = f"contract {contract.name}: {name}"
            raise InputError(where, f"{frac} fraction bits", "0 or more")
    return contract.model_copy(
        update={"hit": contract.hit.model_copy(update=hit or {}), "windows": changed}
    )
