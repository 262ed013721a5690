"""What ``train`` and ``sweep`` learn from: events, their module map, the teacher's folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fpga_gnn.cli.progress import progress_bar
from fpga_gnn.contract import Contract
from fpga_gnn.errors import InputError
from fpga_gnn.events.store import EventStore
from fpga_gnn.events.view import Detector, EventView, default_detector

if TYPE_CHECKING:
    from fpga_gnn.graphs.module_map import ModuleMap
    from fpga_gnn.training.config import TrainingConfig
    from fpga_gnn.training.pipeline import TrainingEvents

SHIPPED = "shipped"

Events = Annotated[
    list[Path] | None,
    typer.Option(help="Event store to learn from; repeatable; default: the shipped events."),
]
Validation = Annotated[
    Path | None,
    typer.Option(help="Event store to choose epoch and cuts on; default: the one store is split."),
]
HitsToUse = Annotated[
    Detector | None,
    typer.Option(help="Hits to use; default: pixel of the TrackML detector, full of another."),
]
MaxEvents = Annotated[
    int | None, typer.Option(min=1, help="Learn from so many events of each store.")
]
Map = Annotated[
    Path | None,
    typer.Option(help="Module map; default: learned from the training events, by layer."),
]
TeacherFolder = Annotated[
    str | None, typer.Option(help="Distil from this teacher: a folder, or 'shipped'.")
]
TeacherCache = Annotated[
    Path | None, typer.Option(help="Keep the teacher's answers here; default: in --out.")
]
Amp = Annotated[bool, typer.Option(help="Run the teacher in bfloat16.")]


def training_events(
    command: str,
    events: Sequence[Path] | None,
    validation: Path | None,
    detector: Detector | None,
    max_events: int | None,
) -> TrainingEvents:
    """Return the events of the options; without ``validation`` the one store is split."""
    from fpga_gnn.events.sample import sample_store
    from fpga_gnn.training.pipeline import TrainingEvents

    stores = [EventStore.open(path) for path in events] if events else [sample_store()]
    detector = detector or default_detector(stores[0])
    if validation:
        views = [EventView.of(store, detector, max_events) for store in stores]
        chosen = EventView.of(EventStore.open(validation), detector)
        return TrainingEvents(views, chosen, test=None)
    if len(stores) > 1 or max_events:
        what = "--max-events" if len(stores) == 1 else f"{len(stores)} event stores"
        raise InputError(command, f"{what} without --validation", "--validation EVENTS")
    return TrainingEvents.split(stores[0], detector)


def training_map(
    module_map: Path | None,
    contract: Contract,
    config: TrainingConfig,
    data: TrainingEvents,
    *,
    shipped: bool,
) -> ModuleMap:
    """Read the map, or learn it from the training events; ``shipped`` ones have a sample for it.

    ``InputError`` for a map learned from the events that ``data`` holds out.

    Of all ranks of a training, the main one learns it.
    """
    from fpga_gnn.events.sample import map_store
    from fpga_gnn.graphs.module_map_store import load_module_map
    from fpga_gnn.training.distributed import on_main
    from fpga_gnn.training.pipeline import learn_training_map

    if module_map:
        loaded = load_module_map(module_map, contract)
        data.require_unseen(loaded, module_map)
        return loaded
    sources = [*data.train]
    if shipped:
        sources.append(EventView.of(map_store(), data.validation.detector))
    with progress_bar("module map") as progress:
        return on_main(lambda: learn_training_map(contract, config, sources, progress))


def teacher_folder(teacher: str) -> Path:
    """Return the folder that --teacher means."""
    from fpga_gnn.training.teacher_run import default_teacher

    return default_teacher() if teacher == SHIPPED else Path(teacher)
