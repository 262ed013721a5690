"""``fpga-gnn module-map``: learn and inspect module maps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer

from fpga_gnn.cli.groups import command_group
from fpga_gnn.cli.output import console
from fpga_gnn.cli.progress import progress_bar, progress_bars
from fpga_gnn.cli.settings import checked
from fpga_gnn.contract import load_contract
from fpga_gnn.events.event import Event
from fpga_gnn.events.store import EventStore
from fpga_gnn.events.view import Detector, EventView
from fpga_gnn.graphs.map_settings import MapSettings

app = command_group("Learn and inspect module maps.")

_FEW_TRACKS = 20
_DEFAULTS = MapSettings()


@app.command()
def build(
    events: Annotated[Path, typer.Option(help="Event store to learn from.")],
    out: Annotated[Path, typer.Option(help="Folder of the module map.")],
    config: Annotated[str, typer.Option(help="Quant config: a name or a YAML file.")] = "w8",
    detector: Annotated[Detector, typer.Option(help="Hits to use.")] = "full",
    max_events: Annotated[
        int | None, typer.Option(min=1, help="Learn from the first so many events.")
    ] = None,
    pooling: Annotated[
        Literal["module", "layer"],
        typer.Option(help="Windows of each module pair (large samples) or of its layers (small)."),
    ] = _DEFAULTS.pooling,
    min_occurrence: Annotated[
        int, typer.Option(help="Drop entries that fewer tracks cross.")
    ] = _DEFAULTS.min_occurrence,
    spread: Annotated[
        Literal["minmax", "rms"], typer.Option(help="Windows from extremes or mean and rms.")
    ] = _DEFAULTS.spread,
    n_rms: Annotated[
        float, typer.Option(help="Half width of rms windows, in rms.")
    ] = _DEFAULTS.n_rms,
    widening: Annotated[
        float, typer.Option(help="Widen windows by this share of their width.")
    ] = _DEFAULTS.widening,
    small_sample: Annotated[
        float,
        typer.Option(help="Widen windows by this times the typical width / number of tracks."),
    ] = _DEFAULTS.small_sample,
    dydx: Annotated[
        Literal["compatible", "physical"],
        typer.Option(help="dydx as in the public module maps, or the difference of slopes."),
    ] = _DEFAULTS.dydx,
) -> None:
    """Learn doublets and triplets of modules from target particles."""
    from fpga_gnn.graphs.map_learning import learn_module_map
    from fpga_gnn.graphs.module_map_store import require_replaceable, save_module_map

    require_replaceable(out)
    contract = load_contract(config)
    options = {
        "pooling": pooling,
        "min_occurrence": min_occurrence,
        "spread": spread,
        "n_rms": n_rms,
        "widening": widening,
        "small_sample": small_sample,
        "dydx": dydx,
    }
    settings = checked(MapSettings, options, "module-map")
    view = EventView.of(EventStore.open(events), detector, max_events)
    with progress_bar("learning") as progress:

        def watched() -> Iterator[Event]:
            for done, event in enumerate(view, start=1):
                yield event
                progress(done, len(view))

        source = {"events": view.record}
        learned = learn_module_map(watched(), contract, settings=settings, source=source)
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


@app.command()
def study(
    events: Annotated[Path, typer.Option(help="Event store to learn from.")],
    validation: Annotated[Path, typer.Option(help="Event store to build graphs of.")],
    out: Annotated[Path, typer.Option(help="Folder of map_study.json and pictures.")],
    config: Annotated[str, typer.Option(help="Quant config: a name or a YAML file.")] = "w8",
    detector: Annotated[Detector, typer.Option(help="Hits to use.")] = "full",
    sizes: Annotated[
        str, typer.Option(help="Learn from the first so many events, for each number.")
    ] = "50,100,200,500,1000",
    widenings: Annotated[
        str, typer.Option(help="At the largest size, widen windows by each share of their width.")
    ] = "0,0.1,0.2,0.3",
    small_samples: Annotated[
        str, typer.Option(help="Each of them with each of these --small-sample margins.")
    ] = "0,1",
    max_validation: Annotated[
        int | None, typer.Option(min=1, help="Build graphs of the first so many events.")
    ] = None,
) -> None:
    """Report what graphs gain and cost as the map grows and widens.

    Measured are edge efficiency, purity, size and time.
    """
    from fpga_gnn.flows.map_study import MAP_STUDY, StudyPlan, StudyProgress, study_module_maps
    from fpga_gnn.report.map_study import study_lines

    contract = load_contract(config)
    lists = {"sizes": sizes, "widenings": widenings, "small_samples": small_samples}
    plan = checked(
        StudyPlan,
        {name: [n for n in text.split(",") if n.strip()] for name, text in lists.items()},
        "module-map",
    )
    learning = EventView.of(EventStore.open(events), detector, plan.sizes[-1])
    held_out = EventView.of(EventStore.open(validation), detector, max_validation)
    with progress_bars("learning", "measuring") as counts:
        found = study_module_maps(
            plan, learning, held_out, contract, out, progress=StudyProgress(*counts)
        )
    print_line = console().print
    for line in study_lines(found.maps):
        print_line(line)
    print_line(f"\nreport: {out / MAP_STUDY}, pictures beside it")


@app.command()
def bits(
    events: Annotated[Path, typer.Option(help="Event store to learn from.")],
    validation: Annotated[Path, typer.Option(help="Event store to build graphs of.")],
    out: Annotated[Path, typer.Option(help="Folder of map_bits.json and map_bits.md.")],
    config: Annotated[str, typer.Option(help="Quant config: a name or a YAML file.")] = "w8",
    detector: Annotated[Detector, typer.Option(help="Hits to use.")] = "full",
    max_events: Annotated[
        int | None, typer.Option(min=1, help="Learn from the first so many events.")
    ] = None,
    max_validation: Annotated[
        int | None, typer.Option(min=1, help="Build graphs of the first so many events.")
    ] = None,
    low: Annotated[
        str, typer.Option(help="Take so many low bits away, for each number.")
    ] = "2,4,6,8",
    high: Annotated[
        str, typer.Option(help="Take so many high bits of windows away, for each number.")
    ] = "2,4,6,8",
    widening: Annotated[
        float, typer.Option(help="Widen windows by this share of their width.")
    ] = 0.25,
    small_sample: Annotated[
        float,
        typer.Option(help="Widen windows by this times the typical width / number of tracks."),
    ] = 1.0,
) -> None:
    """Report what fewer bits of hits and windows do to graphs.

    The peer is a module map in float64. An interrupted study goes on with the same command.
    """
    from fpga_gnn.flows.map_bits import BITS_STUDY, MARKDOWN, BitsPlan, study_bits
    from fpga_gnn.flows.map_study import StudyProgress
    from fpga_gnn.report.map_bits import bits_lines

    contract = load_contract(config)
    lists = {"low": low, "high": high}
    plan = checked(
        BitsPlan,
        {name: [n for n in text.split(",") if n.strip()] for name, text in lists.items()},
        "module-map",
    )
    tolerances = {"widening": widening, "small_sample": small_sample}
    settings = checked(MapSettings, tolerances, "module-map")
    learning = EventView.of(EventStore.open(events), detector, max_events)
    held_out = EventView.of(EventStore.open(validation), detector, max_validation)
    with progress_bars("learning", "measuring") as counts:
        found = study_bits(
            plan, learning, held_out, contract, settings, out, progress=StudyProgress(*counts)
        )
    print_line = console().print
    for line in bits_lines(found):
        print_line(line)
    print_line(f"\nreport: {out / BITS_STUDY}, {out / MARKDOWN}")
