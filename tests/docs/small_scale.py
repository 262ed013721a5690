"""What makes commands of hours take seconds: a few events of low pile-up, and less of everything.

The command line is parsed by the real parser first; every file is read and written under the names
that the commands give.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import typer
from typer.core import TyperCommand

from fpga_gnn.cli import samples
from fpga_gnn.events import simulate
from fpga_gnn.events.samples import Lock, Sample
from fpga_gnn.flows import sweep_plan

EVENTS, PILEUP = 2, 12.0
CANDIDATES = 2
MOST = {
    "epochs": 1,
    "float_epochs": 1,
    "qat_epochs": 1,
    "max_events": EVENTS,
    "max_validation": 1,
    "max_test": 2,
    "partitions": 1,
    "repeat": 1,
    "workers": 1,
}
"""Largest values of numeric options, by the name of the parameter."""

OTHER = {"sizes": f"1,{EVENTS}", "low": "2", "high": "2", "pooling": "layer"}
"""Values of options that are no numbers."""


def reduce_scale() -> None:
    """Make every command of this process one of seconds."""
    known, load_spec, invoke = samples.load_samples(), sweep_plan.load_spec, TyperCommand.invoke

    def few_events() -> dict[str, Sample]:
        few = {"events": EVENTS, "pileup": PILEUP}
        return {
            name: sample.model_copy(update={"simulation": sample.simulation.model_copy(update=few)})
            for name, sample in known.items()
        }

    def few_candidates(name: str) -> sweep_plan.SweepSpec:
        spec = load_spec(name)
        epochs = {name: min(spec.training[name], 1) for name in MOST.keys() & spec.training.keys()}
        few = [
            candidate.model_copy(update={"seeds": candidate.seeds and candidate.seeds[:1]})
            for candidate in spec.candidates[:CANDIDATES]
        ]
        changed = {"candidates": tuple(few), "training": spec.training | epochs}
        return spec.model_copy(update=changed)

    def reduced(self: TyperCommand, context: typer.Context) -> Any:
        given = context.params
        for name in MOST.keys() & given.keys():
            given[name] = MOST[name] if given[name] is None else min(given[name], MOST[name])
        given.update({name: OTHER[name] for name in OTHER.keys() & given.keys()})
        return invoke(self, context)

    simulate._Generator = cache(simulate._Generator)
    samples.load_samples = few_events
    samples.load_lock = lambda: Lock(made_with={}, samples={})
    sweep_plan.load_spec = few_candidates
    TyperCommand.invoke = reduced
