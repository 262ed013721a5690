"""The page's parts on physics and on quantization."""

from __future__ import annotations

import json
from collections.abc import Sequence

from fpga_gnn.contract import Contract
from fpga_gnn.report.evaluation import (
    Evaluation,
    SampleFigure,
    TrackFigure,
    graph_lines,
    percent,
    track_cells,
)
from fpga_gnn.report.page import plots
from fpga_gnn.report.page.blocks import Block, Missing, Section, Table, Text
from fpga_gnn.report.page.event import FAKE, OTHER, TARGET, EventDisplay
from fpga_gnn.report.page.plots import CKF, Candidate, Curve
from fpga_gnn.report.page.subject import Subject
from fpga_gnn.report.sweep import Sweep, pareto_front, sweep_points, sweep_tables
from fpga_gnn.report.table import counted

_HEAD = ("model", "builder", "efficiency %", "two-way %", "LHC %", "fake %", "strict fake %")
_Group = dict[str, Evaluation]
"""Evaluations that can be compared, by what their models are to the run."""

_AXES = {"by_pt": "particle pT [GeV], last bin: all above", "by_eta": "particle eta"}
_TRUTH = {"fake": FAKE, "target": TARGET, "other particles": OTHER}


def physics(subject: Subject, evaluations: Sequence[Evaluation], event: EventDisplay) -> Section:
    """Return efficiencies beside the CKF's, rates, and scores of edges; ``event`` is shown."""
    blocks: list[Block] = [
        Text(
            "Track efficiency: target particles of which a track has more than half of its hits "
            "(ATLAS matching). Fake: no particle has more than half of the hits. Bars are 68 % "
            "Wilson intervals."
        )
    ]
    if not evaluations:
        command = f"fpga-gnn evaluate --model {subject.model} --events EVENTS --ckf --out DIR"
        blocks.append(Missing("efficiencies on events that the model has not seen", command))
    groups = _groups(subject, evaluations)
    for i, group in enumerate(groups):
        blocks += _curves(group, event.tracks.builder, i)
    edges, logit = event.edges, event.edges.format.to_float
    scores = {who: logit(edges.score[edges.truth == truth]) for who, truth in _TRUTH.items()}
    blocks.append(plots.score_histogram("scores", scores, float(logit(edges.cut))))
    for group in groups:
        blocks += _rates(group)
    points = [
        (
            name,
            percent(point.efficiency),
            percent(point.fake_rate),
            ", ".join(f"{key} {value:g}" for key, value in point.settings.items()),
        )
        for name, point in subject.points.items()
    ]
    blocks.append(
        Table(
            "Working points, chosen on validation events",
            ("builder", "efficiency %", "fake %", "cuts on the edge probability"),
            points,
        )
    )
    return Section("physics", "Physics", blocks)


def quantization(subject: Subject, sweeps: Sequence[Sweep]) -> Section:
    """Return the contract's number formats, and what others would cost and lose."""
    blocks: list[Block] = [Text("Scales are powers of two, rounding is half-even or as stated.")]
    if not sweeps:
        command = "fpga-gnn sweep bits --events EVENTS --validation EVENTS --out DIR"
        blocks.append(Missing("efficiency against cost for other bit widths", command))
    for i, sweep in enumerate(sweeps):
        points = sweep_points(sweep.runs)
        front = {point.name for point in pareto_front(points)}
        candidates = [
            Candidate(p.name, p.luts, p.efficiency, p.low, p.high, p.name in front) for p in points
        ]
        events = sweep.test or sweep.validation
        caption = f"Sweep of {sweep.contract}: cc-jr on {_events(events)}"
        blocks.append(plots.pareto(f"pareto{i}", caption, candidates))
        for what, rows in zip(("quality", "cost [estimate]"), sweep_tables(sweep), strict=True):
            head, *body = ([cell.replace("+-", "± ") for cell in row] for row in rows)
            blocks.append(Table(f"Sweep of {sweep.contract}: {what}", head, body))
        if sweep.unfinished:
            blocks.append(Text(f"without result: {', '.join(sweep.unfinished)}", warning=True))
    blocks.append(_formats(subject.contract))
    return Section("quantization", "Quantization", blocks)


def _groups(subject: Subject, evaluations: Sequence[Evaluation]) -> list[_Group]:
    """Return evaluations of the same events with the same cuts together."""
    groups: dict[str, _Group] = {}
    for evaluation in evaluations:
        sample = evaluation.sample.model_dump(mode="json", exclude={"path"})
        cuts = [track.cuts for track in evaluation.tracks]
        key = json.dumps([sample, evaluation.targets, cuts[:1]], sort_keys=True)
        group, role = groups.setdefault(key, {}), subject.role(evaluation.model_sha256)
        n_before = sum(name == role or name.startswith(f"{role} (") for name in group)
        group[f"{role} ({n_before + 1})" if n_before else role] = evaluation
    return list(groups.values())


def _curves(group: _Group, builder: str, number: int) -> list[Block]:
    """Return the curves of ``group``, the CKF's once; those of ``builder`` come first."""
    named: dict[str, TrackFigure] = {}
    for model, evaluation in group.items():
        for track in evaluation.tracks:
            name = CKF if track.builder == CKF.lower() else f"{model}, {track.builder}"
            named.setdefault(name, track)

    def shown(name: str) -> bool:
        return name == CKF or name.endswith(f", {builder}")

    first = sorted(named, key=lambda name: not shown(name))
    blocks: list[Block] = []
    for axis, title in _AXES.items():
        curves = [Curve(name, getattr(named[name], axis), shown(name)) for name in first]
        blocks.append(plots.efficiency(f"{axis}{number}", _caption(group), title, curves))
    known = {model: found.edges.curve for model, found in group.items() if found.edges}
    if known:
        blocks.append(plots.edge_rates(f"edges{number}", known, 0.0))
    return blocks


def _rates(group: _Group) -> list[Block]:
    """Return the rates of ``group``, the CKF's once."""
    rows: dict[tuple[str, str], tuple[str, ...]] = {}
    for model, evaluation in group.items():
        for track in evaluation.tracks:
            key = "" if track.builder == CKF.lower() else model, track.builder
            rows.setdefault(key, (*key, *track_cells(track)))
    note = "; ".join(
        f"{model}: {line}" for model, found in group.items() for line in graph_lines(found)[1:]
    )
    head = (*_HEAD, "duplicates %", "ms/event")
    (first, *_) = group.values()
    return [
        Table(f"Track builders: {_caption(group)}", head, list(rows.values()), note=note),
        Text(f"Sample: {_origin(first.sample)}."),
    ]


def _caption(group: _Group) -> str:
    (first, *_) = group.values()
    n_targets = max((track.n_targets for track in first.tracks), default=0)
    cuts = {key: cut for track in first.tracks[:1] for key, cut in track.cuts.items() if cut}
    of_tracks = ", ".join(f"{key.replace('_', ' ')} {cut}" for key, cut in cuts.items())
    return f"{n_targets:,} targets, {_events(first.sample)}; tracks: {of_tracks or 'no cut'}"


def _events(sample: SampleFigure) -> str:
    return f"{counted(len(sample.event_ids), 'event')} of {sample.path}"


def _origin(sample: SampleFigure) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in sample.origin.items())


def _formats(contract: Contract) -> Table:
    network = contract.network
    roles = [
        (role.replace("_", " "), *(f"{bits}" for bits in (b.weight, b.bias, b.hidden, b.output)))
        for role, b in network.bits
        if role != "aggregate"
    ]
    return Table(
        f"Bits of the contract {contract.name}",
        ("MLP", "weights", "biases", "hidden units", "outputs"),
        roles,
        note=(
            f"{network.iterations} iterations of width {network.hidden}, aggregation "
            f"{network.aggregation} in {network.bits.aggregate} bits, rounding "
            f"{network.rounding.replace('_', '-')}; features "
            f"{', '.join((*contract.features.node, *contract.features.edge))} in "
            f"{contract.features.format.bits} bits; hits: x, y, z, r in "
            f"{contract.hit.length.bits} bits of 2^-{contract.hit.length.frac} mm, phi in "
            f"{contract.hit.phi.bits} of 2^-{contract.hit.phi.frac} turns, eta in "
            f"{contract.hit.eta.bits} of 2^-{contract.hit.eta.frac}"
        ),
    )
