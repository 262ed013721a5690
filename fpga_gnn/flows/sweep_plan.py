"""What a sweep trains: a spec of candidates, checked and spelt out into runs before any begins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fpga_gnn.contract import (
    Contract,
    load_contract,
    parse_contract,
    read_yaml,
    validation_error,
)
from fpga_gnn.contract.bounded import Name, Seed
from fpga_gnn.contract.config import CONTRACT_SUFFIXES
from fpga_gnn.errors import InputError
from fpga_gnn.files import inside
from fpga_gnn.resources import resource_dir
from fpga_gnn.training.config import TrainingConfig
from fpga_gnn.training.loop import float_twin

RESERVED = ("module_map", "partitions", "teacher")
"""Folders of a sweep that are no runs."""

_Overrides = dict[str, Any]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Candidate(_Frozen):
    """A student to train: what is not as in the sweep's ``contract`` and ``training``.

    ``contract`` is another one, or sections that are merged key by key into the sweep's; a key of
    null is left out (a feature, say).
    ``start`` names the candidate whose float network the training begins with. Several ``seeds``
    make several runs, ``<name>-seed<k>``; such a run starts from its start's run of the same seed.
    """

    name: Name
    contract: Name | _Overrides = {}
    training: _Overrides = {}
    start: Name | None = None
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] | None = None

    @property
    def runs(self) -> dict[int | None, str]:
        """The name of each run by its seed; None without ``seeds``."""
        if self.seeds is None:
            return {None: self.name}
        return {seed: f"{self.name}-seed{seed}" for seed in self.seeds}


class SweepSpec(_Frozen):
    """A sweep: the base ``contract``, the base training, the candidates.

    A contract is a shipped one's name, or the name of a YAML file beside that of the sweep.
    """

    contract: Name
    training: _Overrides = {}
    candidates: Annotated[tuple[Candidate, ...], Field(min_length=1, max_length=1000)]


@dataclass(frozen=True)
class PlannedRun:
    """One training of a sweep; ``start`` is the name of the run it begins from.

    ``contract_changes`` and ``training_changes`` are the settings that are not the sweep's, by
    dotted name.
    """

    name: str
    candidate: str
    contract: Contract
    config: TrainingConfig
    start: str | None
    contract_changes: dict[str, Any]
    training_changes: dict[str, Any]


@dataclass(frozen=True)
class SweepPlan:
    """The runs of a sweep in the order of its spec; all share the module map of ``contract``."""

    contract: Contract
    training: TrainingConfig
    runs: tuple[PlannedRun, ...]


def load_spec(name_or_path: str | Path) -> SweepSpec:
    """Load a shipped spec by name (``"example"``) or any by path (``x.yaml``)."""
    path = Path(name_or_path)
    if path.suffix not in CONTRACT_SUFFIXES:
        folder = resource_dir("sim") / "sweeps"
        known = sorted(file.stem for file in folder.glob("*.yaml"))
        if str(name_or_path) not in known:
            raise InputError("sweep", repr(str(name_or_path)), f"one of {', '.join(known)}, a file")
        path = folder / f"{name_or_path}.yaml"
    try:
        spec = SweepSpec.model_validate(read_yaml(path))
    except ValidationError as error:
        raise validation_error(error, path, SweepSpec) from error
    candidates = (
        one.model_copy(update={"contract": _beside(path, one.contract)}) for one in spec.candidates
    )
    return spec.model_copy(
        update={"contract": _beside(path, spec.contract), "candidates": tuple(candidates)}
    )


def _beside(spec: Path, contract: str | _Overrides) -> str | _Overrides:
    """Return the path of a contract that is a file; anything else as it is."""
    if isinstance(contract, str) and Path(contract).suffix in CONTRACT_SUFFIXES:
        return str(inside(spec.parent, contract))
    return contract


def plan_sweep(spec: SweepSpec) -> SweepPlan:
    """Check every candidate of ``spec`` and return the runs.

    Raises ``InputError`` for a name given twice or reserved, a wrong setting, a ``start`` that is
    unknown, in a circle, has no run of the same seed or a float network of another shape, and for a
    contract whose hits or windows are not the sweep's, as all share one module map.
    """
    _require_names(spec)
    by_name = {candidate.name: candidate for candidate in spec.candidates}
    contract = load_contract(spec.contract)
    training = _training(spec.training, "training")
    runs = []
    for candidate in spec.candidates:
        where = f"candidate {candidate.name}"
        own = _contract(contract, candidate, where)
        if own.map_sha256 != contract.map_sha256:
            expected = f"those of {contract.name} (the candidates share a module map)"
            raise InputError(where, "other hit or window formats", expected)
        for seed, name in candidate.runs.items():
            settings = {**spec.training, **candidate.training}
            if seed is not None:
                settings["seed"] = seed
            config = _training(settings, where)
            runs.append(
                PlannedRun(
                    name=name,
                    candidate=candidate.name,
                    contract=own,
                    config=config,
                    start=_start(candidate, seed, by_name),
                    contract_changes=_changes(contract, own),
                    training_changes=_changes(training, config),
                )
            )
    _require_starts(runs)
    return SweepPlan(contract, training, tuple(runs))


def _require_names(spec: SweepSpec) -> None:
    candidates = [candidate.name for candidate in spec.candidates]
    runs = [run for candidate in spec.candidates for run in candidate.runs.values()]
    for candidate in spec.candidates:
        seeds = candidate.seeds or ()
        if seeds and "seed" in candidate.training:
            raise InputError(f"candidate {candidate.name}", "seeds and training.seed", "one")
        if len(set(seeds)) < len(seeds):
            raise InputError(f"candidate {candidate.name}", "a seed twice", "different seeds")
    for names in (candidates, runs):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise InputError("sweep", f"two candidates or runs {twice[0]}", "different names")
    reserved = sorted({*RESERVED} & {*runs})
    if reserved:
        raise InputError("sweep", f"a candidate {reserved[0]}", f"none of {', '.join(RESERVED)}")


def _contract(base: Contract, candidate: Candidate, where: str) -> Contract:
    """The base with the candidate's overrides, which also make the candidate's name its own."""
    if not candidate.contract:
        return base
    if isinstance(candidate.contract, str):
        return load_contract(candidate.contract)
    named = {"name": candidate.name, **candidate.contract}
    return parse_contract(_merged(base.model_dump(mode="json"), named), where)


def _merged(base: Any, override: Any) -> Any:
    if not (isinstance(base, dict) and isinstance(override, dict)):
        return override
    merged = {**base, **{key: _merged(base.get(key), value) for key, value in override.items()}}
    return {key: value for key, value in merged.items() if value is not None}


def _training(settings: _Overrides, where: str) -> TrainingConfig:
    try:
        return TrainingConfig.model_validate(settings)
    except ValidationError as error:
        raise validation_error(error, where, TrainingConfig) from error


def _start(candidate: Candidate, seed: int | None, by_name: dict[str, Candidate]) -> str | None:
    if candidate.start is None:
        return None
    if candidate.start not in by_name:
        expected = f"one of {', '.join(by_name)}"
        raise InputError(f"candidate {candidate.name}", f"start {candidate.start}", expected)
    runs = by_name[candidate.start].runs
    if None in runs:
        return runs[None]
    if seed not in runs:
        found = f"start {candidate.start}, which has the seeds {', '.join(map(str, runs))}"
        wanted = "seeds of its own" if seed is None else f"the seed {seed} there"
        raise InputError(f"candidate {candidate.name}", found, wanted)
    return runs[seed]


def _require_starts(runs: list[PlannedRun]) -> None:
    by_name = {run.name: run for run in runs}
    for run in runs:
        chain, at = [run.name], run.start
        while at is not None:
            if at in chain:
                circle = " -> ".join((*chain, at))
                raise InputError(f"candidate {run.candidate}", f"starts {circle}", "no circle")
            chain.append(at)
            at = by_name[at].start
    for run in runs:
        if run.start is None:
            continue
        found, expected = (_shapes(each) for each in (by_name[run.start], run))
        if found != expected:
            raise InputError(
                f"candidate {run.candidate}",
                f"start {run.start} with a float network of another shape",
                "the same features, hidden size, depth, iterations and batch norm",
            )


def _shapes(run: PlannedRun) -> dict[str, tuple[int, ...]]:
    twin = float_twin(run.contract, run.config.batch_norm)
    return {name: tuple(value.shape) for name, value in twin.state_dict().items()}


def _changes(base: BaseModel, other: BaseModel) -> dict[str, Any]:
    old, new = (dict(_leaves(each.model_dump(mode="json"), ())) for each in (base, other))
    changed = {name: new[name] for name in new if name not in old or old[name] != new[name]}
    removed = {name: None for name in old if name not in new}
    return {name: value for name, value in {**changed, **removed}.items() if name != "name"}


def _leaves(value: Any, at: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*at, key))
    else:
        yield ".".join(at), value
