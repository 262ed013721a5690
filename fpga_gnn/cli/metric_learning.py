"""``fpga-gnn metric-learning``: train an embedding that constructs graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fpga_gnn.cli.groups import command_group
from fpga_gnn.cli.output import console
from fpga_gnn.cli.progress import progress_bar
from fpga_gnn.cli.settings import checked
from fpga_gnn.events.split import split_ids
from fpga_gnn.events.store import EventStore
from fpga_gnn.events.view import Detector, EventView

app = command_group("Train an embedding that constructs graphs.")

_EFFICIENCIES = (0.95, 0.97, 0.98, 0.985, 0.99)


@app.command()
def train(
    events: Annotated[Path, typer.Option(help="Event store to learn from.")],
    out: Annotated[Path, typer.Option(help="Folder; an interrupted training there goes on.")],
    validation: Annotated[
        Path | None,
        typer.Option(help="Event store to choose the radius on; default: a tenth of --events."),
    ] = None,
    detector: Annotated[Detector, typer.Option(help="Hits to use.")] = "full",
    max_events: Annotated[
        int | None, typer.Option(min=1, help="Learn from this many events at most.")
    ] = None,
    max_held_out: Annotated[
        int, typer.Option(min=1, help="Choose the radius on this many events at most.")
    ] = 10,
    epochs: Annotated[int | None, typer.Option(help="Passes over the events.")] = None,
    target_efficiency: Annotated[
        float | None, typer.Option(help="Share of the target segments that the radius finds.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed and threads, same embedding.")] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads of PyTorch.")] = None,
) -> None:
    """Train an embedding; report its graphs on held-out events."""
    from fpga_gnn.training.metric_learning import MetricLearningConfig
    from fpga_gnn.training.metric_learning_run import train_metric_learning

    options = {
        "epochs": epochs,
        "target_efficiency": target_efficiency,
        "seed": seed,
        "threads": threads,
        "detector": detector,
    }
    settings = checked(MetricLearningConfig, options, "metric-learning")
    store = EventStore.open(events)
    if validation:
        held_out = EventStore.open(validation)
        train_ids, held_out_ids = store.event_ids, held_out.event_ids
    else:
        split = split_ids(store.event_ids, store.path)
        held_out, train_ids, held_out_ids = store, split.train, split.validation
    out_line = console().print
    with progress_bar("training") as bar:

        def show(row: dict[str, Any]) -> None:
            bar(row["epoch"] + 1, settings.epochs)
            out_line(f"epoch {row['epoch'] + 1:3d}  loss {row['loss']:.4f}  {_line(row)}")

        trained = train_metric_learning(
            settings,
            EventView(store, train_ids[:max_events], detector),
            EventView(held_out, held_out_ids[:max_held_out], detector),
            out,
            sorted({*_EFFICIENCIES, settings.target_efficiency}),
            show,
        )
    for row in trained.info.quality:
        chosen = "  <- chosen" if row["radius"] == trained.info.radius else ""
        out_line(f"held-out {_line(row)}{chosen}")
    out_line(f"saved {out}")


def _line(row: dict[str, Any]) -> str:
    return (
        f"radius {row['radius']:.4f}  efficiency {row['efficiency']:.4f}  "
        f"purity {row['purity']:.4f}  edges/event {row['edges_per_event']:.0f}"
    )
