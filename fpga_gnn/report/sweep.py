"""Cost next to quality of many students: versioned JSON, and the table of text and Markdown."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue, field_validator

from fpga_gnn import __version__
from fpga_gnn.contract import read_json
from fpga_gnn.contract.bounded import Count
from fpga_gnn.files import write_whole
from fpga_gnn.report.csynth import Resources
from fpga_gnn.report.document import write_document
from fpga_gnn.report.evaluation import Number, RateFigure, SampleFigure
from fpga_gnn.report.table import aligned, markdown

BUILDERS = ("cc", "cc-jr")
"""Track builders of a sweep; the last is the one whose efficiency the Pareto front is about."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True)


class BuilderFigure(_Frozen):
    """A track builder with its ``settings``: efficiency on targets and rate of fakes."""

    settings: dict[str, JsonValue]
    efficiency: RateFigure
    fake_rate: RateFigure


class QualityFigure(_Frozen):
    """Edges and tracks of ``n_events``; ``builders`` by name."""

    n_events: Count
    edge_auc: Number
    builders: dict[str, BuilderFigure]

    @field_validator("builders")
    @classmethod
    def _all_builders(cls, builders: dict[str, BuilderFigure]) -> dict[str, BuilderFigure]:
        if not {*BUILDERS} <= builders.keys():
            raise ValueError(f"those of {', '.join(BUILDERS)}")
        return builders


class CostFigure(_Frozen):
    """Estimates of the firmware's cost: da4ml's LUTs (None: it cannot read the weights, and
    ``note`` says why), what ``report.estimates.ClassifierCost`` counts, and the resources of the
    RTL of one lane by ``report.rtl_estimates``.

    ``partitions_per_event``, ``unplaced_edges`` (which no partition holds) and ``cycles_per_edge``
    are those of ``n_partitioned`` validation events.
    """

    luts: Count | None
    note: str
    macs_per_edge: Count
    macs_per_node: Count
    nonzero_macs_per_edge: Count
    nonzero_macs_per_node: Count
    bit_operations_per_edge: float
    weights: Count
    nonzero_weights: Count
    weight_bits: Count
    memory_bits: Count
    lane: Resources
    n_partitioned: Count
    partitions_per_event: float
    unplaced_edges: Count
    cycles_per_edge: Number


class RunFigure(_Frozen):
    """One training: the spec's ``candidate`` with one seed; ``contract`` and ``training`` hold the
    settings that are not those of the sweep. ``seconds`` are those of the session that ended it.

    ``plan_sha256`` names all that decides the training, ``test_sha256`` the test events.
    """

    name: str
    candidate: str
    plan_sha256: str
    test_sha256: str | None
    contract: dict[str, JsonValue]
    training: dict[str, JsonValue]
    seed: Count
    start: str | None
    cost: CostFigure
    validation: QualityFigure
    test: QualityFigure | None
    seconds: float

    @property
    def held_out(self) -> QualityFigure:
        """Quality on test events, without them on validation events."""
        return self.test or self.validation


class Sweep(_Frozen):
    """Report of ``fpga-gnn sweep``: the finished ``runs`` in the order of the spec, and the names
    of those without result."""

    schema_version: Literal[1] = 1
    version: str = __version__
    contract: str
    training: dict[str, JsonValue]
    teacher_sha256: str | None
    learning: tuple[SampleFigure, ...]
    validation: SampleFigure
    test: SampleFigure | None
    runs: tuple[RunFigure, ...]
    unfinished: tuple[str, ...]


@dataclass(frozen=True)
class SweepPoint:
    """A candidate in the plane of cost and quality: means over its runs.

    ``low``, ``high`` bound the efficiency: the 68 % Wilson interval of one run, mean -+ standard
    deviation of several.
    """

    name: str
    luts: float
    efficiency: float
    low: float
    high: float


def save_sweep(sweep: Sweep, path: Path) -> None:
    """Write ``sweep`` as JSON, whole or not at all."""
    write_document(sweep, path)


def save_run_figure(figure: RunFigure, path: Path) -> None:
    """Write ``figure`` as JSON, whole or not at all."""
    write_document(figure, path)


def load_run_figure(path: Path) -> RunFigure:
    """Read the figures of one run; ``InputError`` for no file, broken JSON or another schema."""
    hint = "delete it, and run fpga-gnn sweep again"
    return read_json(path, RunFigure, "figures of a run", hint)


def by_candidate(runs: Sequence[RunFigure]) -> dict[str, list[RunFigure]]:
    """Return the runs of each candidate, in the order of ``runs``."""
    grouped: dict[str, list[RunFigure]] = {}
    for run in runs:
        grouped.setdefault(run.candidate, []).append(run)
    return grouped


def sweep_points(runs: Sequence[RunFigure]) -> list[SweepPoint]:
    """Return a point per candidate; none for those without LUTs or without targets."""
    points = (_point(name, its) for name, its in by_candidate(runs).items())
    return [point for point in points if point is not None]


def pareto_front(points: Sequence[SweepPoint]) -> list[SweepPoint]:
    """Return the points that no other dominates, fewest LUTs first.

    A point dominates another if it has no more LUTs and no less efficiency, and is better in one of
    the two; equal points stay both.
    """

    def dominates(one: SweepPoint, other: SweepPoint) -> bool:
        better = one.luts < other.luts or one.efficiency > other.efficiency
        return one.luts <= other.luts and one.efficiency >= other.efficiency and better

    front = (p for p in points if not any(dominates(other, p) for other in points))
    return sorted(front, key=lambda point: (point.luts, -point.efficiency))


def sweep_lines(sweep: Sweep) -> list[str]:
    """Return two aligned tables, quality and cost, one line per candidate; no line for no runs."""
    if not sweep.runs:
        return []
    quality, cost = sweep_tables(sweep)
    return [*aligned(quality), "", *aligned(cost), *_notes(sweep)]


def save_markdown(sweep: Sweep, path: Path, picture: str) -> None:
    """Write the tables, what makes each candidate, and a link to ``picture`` as Markdown."""
    events = sweep.test or sweep.validation
    lines = [
        f"# Sweep of {sweep.contract}",
        "",
        f"Quality on {len(events.event_ids)} {_part(sweep)} events of `{events.path}`; "
        "cuts chosen on validation events. +- is the 68 % Wilson interval of one run, the standard "
        "deviation of several. Costs are estimates.",
        "",
        f"![Track efficiency against LUTs]({picture})",
    ]
    for rows in (*sweep_tables(sweep), _changes(sweep.runs)):
        lines += ["", *markdown(rows)]
    if notes := _notes(sweep):
        lines += ["", *notes[1:]]
    write_whole(path, ("\n".join(lines) + "\n").encode())


def _point(name: str, runs: Sequence[RunFigure]) -> SweepPoint | None:
    rates = [run.held_out.builders[BUILDERS[-1]].efficiency for run in runs]
    values = [rate.value for rate in rates if rate.value is not None]
    luts = [run.cost.luts for run in runs if run.cost.luts is not None]
    if len(values) < len(runs) or len(luts) < len(runs):
        return None
    mean = statistics.mean(values)
    if len(runs) > 1:
        spread = statistics.stdev(values)
        low, high = mean - spread, mean + spread
    else:
        low, high = (mean if bound is None else bound for bound in rates[0].interval)
    return SweepPoint(name, statistics.mean(luts), mean, low, high)


def _part(sweep: Sweep) -> str:
    return "test" if sweep.test else "validation"


_Row = list[str]


def sweep_tables(sweep: Sweep) -> tuple[list[_Row], list[_Row]]:
    """Return rows of quality and of cost under their head lines; the front has a star."""
    best, part = BUILDERS[-1], _part(sweep)
    head = [f"candidate ({part})", "runs", "front", f"{best} efficiency %", f"{best} fake %"]
    head += [f"{name} {figure} %" for name in BUILDERS[:-1] for figure in ("efficiency", "fake")]
    head += ["edge AUC"]
    if sweep.test:
        head += [f"validation {best} %", "fake %"]
    quality, cost = [[*head, "seconds"]], [[*_COSTS, "unplaced edges"]]
    front = {point.name for point in pareto_front(sweep_points(sweep.runs))}
    for name, runs in by_candidate(sweep.runs).items():
        row = [name, str(len(runs)), "*" if name in front else ""]
        held_out = [run.held_out for run in runs]
        for builder in (best, *BUILDERS[:-1]):
            row += _rates([figure.builders[builder] for figure in held_out])
        row.append(_cell([figure.edge_auc for figure in held_out], 1.0, 5))
        if sweep.test:
            row += _rates([run.validation.builders[best] for run in runs])
        quality.append([*row, _cell([run.seconds for run in runs], 1.0, 0)])
        cost.append(
            [
                name,
                *(_cell([read(run.cost) for run in runs], 1.0, n) for read, n in _COLUMNS),
                f"{max(run.cost.unplaced_edges for run in runs):,}",
            ]
        )
    return quality, cost


_COSTS = (
    *("candidate", "LUT (da4ml)", "BOP/edge", "MAC/edge", "MAC/node", "weights", "nonzero"),
    *("weight kbit", "memory kbit", "LUT/lane", "FF/lane", "BRAM36/lane", "URAM/lane"),
    *("partitions/event", "cycles/edge"),
)
_COLUMNS: tuple[tuple[Callable[[CostFigure], float | None], int], ...] = (
    (lambda cost: cost.luts, 0),
    (lambda cost: cost.bit_operations_per_edge, 0),
    (lambda cost: cost.nonzero_macs_per_edge, 0),
    (lambda cost: cost.nonzero_macs_per_node, 0),
    (lambda cost: cost.weights, 0),
    (lambda cost: cost.nonzero_weights, 0),
    (lambda cost: cost.weight_bits / 1000, 1),
    (lambda cost: cost.memory_bits / 1000, 0),
    (lambda cost: cost.lane.lut, 0),
    (lambda cost: cost.lane.ff, 0),
    (lambda cost: cost.lane.bram_18k / 2, 1),
    (lambda cost: cost.lane.uram, 0),
    (lambda cost: cost.partitions_per_event, 0),
    (lambda cost: cost.cycles_per_edge, 1),
)
"""Columns of the cost table: the figure and its decimals. MACs leave out zero weights."""


def _rates(figures: Sequence[BuilderFigure]) -> tuple[str, str]:
    efficiency = [figure.efficiency for figure in figures]
    text = _cell([rate.value for rate in efficiency], 100.0, 2)
    if len(figures) == 1 and None not in efficiency[0].interval:
        low, high = (bound or 0.0 for bound in efficiency[0].interval)
        text += f" +-{50 * (high - low):.2f}"
    return text, _cell([figure.fake_rate.value for figure in figures], 100.0, 2)


def _cell(values: Sequence[float | None], scale: float, decimals: int) -> str:
    """Mean, and of several runs the standard deviation unless they all agree."""
    known = [scale * value for value in values if value is not None]
    if len(known) < len(values):
        return "-"
    text = f"{statistics.mean(known):,.{decimals}f}"
    if len(set(known)) > 1:
        text += f" +-{statistics.stdev(known):,.{decimals}f}"
    return text


def _changes(all_runs: Sequence[RunFigure]) -> list[_Row]:
    """What makes each candidate."""
    rows = [["candidate", "contract", "training", "starts from"]]
    for name, runs in by_candidate(all_runs).items():
        training = {key: value for key, value in runs[0].training.items() if key != "seed"}
        training["seed"] = " ".join(str(run.seed) for run in runs)
        starts = dict.fromkeys(run.start for run in runs if run.start)
        rows.append([name, _settings(runs[0].contract), _settings(training), ", ".join(starts)])
    return rows


def _settings(values: dict[str, JsonValue]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items())


def _notes(sweep: Sweep) -> list[str]:
    notes = [f"{run.name}: {run.cost.note}" for run in sweep.runs if run.cost.note]
    if sweep.unfinished:
        notes.append(f"without result: {', '.join(sweep.unfinished)}")
    return ["", *notes] if notes else []
