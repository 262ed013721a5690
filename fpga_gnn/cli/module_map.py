"""``fpga-gnn module-map``: learn and inspect module maps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer

from fpga_gnn.cli.output import console
from fpga_gnn.cli.progress import progress_bar
from fpga_gnn.contract import load_contract
from fpga_gnn.events.event import Event
from fpga_gnn.events.store import EventStore

app = typer.Typer(help="Learn and inspect module maps.")

_FEW_TRACKS = 20


@app.callback(invoke_without_command=True)
def _module_map(context: typer.Context) -> None:
    """Learn and inspect module maps."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def build(
    events: Annotated[Path, typer.Option(help="Event store to learn from.")],
    out: Annotated[Path, typer.Option(help="Folder of the module map.")],
    config: Annotated[str, typer.Option(help="Quant config: a name or a YAML file.")] = "w8",
    pooling: Annotated[
        Literal["module", "layer"],
        typer.Option(help="Windows of each module pair (large samples) or of its layers (small)."),
    ] = "module",
    min_occurrence: Annotated[
        int, typer.Option(min=1, help="Drop entries that fewer tracks cross.")
    ] = 1,
    widening: Annotated[
        float, typer.Option(min=0.0, help="Widen windows by this share of their width.")
    ] = 0.0,
) -> None:
    """Learn doublets and triplets of modules from the target particles of simulated events."""
    from fpga_gnn.graphs.map_learning import learn_module_map
    from fpga_gnn.graphs.module_map_store import require_replaceable, save_module_map

    require_replaceable(out)
    contract = load_contract(config)
    store = EventStore.open(events)
    with progress_bar("learning") as progress:

        def watched() -> Iterator[Event]:
            for done, event in enumerate(store, start=1):
                yield event
                progress(done, len(store))

        learned = learn_module_map(
            watched(),
            contract,
            pooling=pooling,
            min_occurrence=min_occurrence,
            widening=widening,
            source=dict(store.origin),
        )
    save_module_map(learned, out)
    info, records = learned.info, learned.records
    print_line = console().print
    print_line(
        f"{out}: {records.n_modules} modules, {records.n_doublets} doublets, "
        f"{records.n_triplets} triplets from {info.n_tracks} tracks of {info.n_events} events; "
        f"dropped: {info.n_rare_doublets} rare doublets, {info.n_cycle_doublets} that close "
        f"cycles, {info.n_dropped_triplets} triplets"
    )
    tracks_per_doublet = float(learned.doublet_count.mean())
    if pooling == "module" and tracks_per_doublet < _FEW_TRACKS:
        print_line(
            f"warning: {tracks_per_doublet:.1f} tracks per doublet; windows are not converged "
            "(use more events, or --pooling layer)"
        )
