"""``fpga-gnn synth``: from a trained run to firmware."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from fpga_gnn.cli.backend_options import RunFolder
from fpga_gnn.cli.output import console, print_report
from fpga_gnn.cli.progress import progress_bar
from fpga_gnn.errors import InputError
from fpga_gnn.events.store import EventStore

_DEFAULT_STEPS = "csim,csynth"


def synth(
    board: Annotated[str, typer.Option(help="Board of vivado_scripts/boards.")] = "u250",
    model: RunFolder = None,
    events: Annotated[
        Path | None, typer.Option(help="Event store to simulate; default: the shipped events.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the design.")] = Path("build/design"),
    edges: Annotated[int, typer.Option(min=1, help="Edges to compare in C simulation.")] = 10_000,
    flow: Annotated[
        Literal["auto", "vitis", "rtl"],
        typer.Option(
            help="auto: C simulation, and C synthesis if Vitis is there; rtl: our RTL in Verilator."
        ),
    ] = "auto",
    steps: Annotated[
        str | None,
        typer.Option(
            help="With --flow vitis: some of csim,csynth,cosim,impl,xo,link,hw_emu; "
            f"default: {_DEFAULT_STEPS}."
        ),
    ] = None,
    hours: Annotated[
        float | None, typer.Option(min=0.01, help="With --flow vitis: limit of each step.")
    ] = None,
    partitions: Annotated[
        int | None,
        typer.Option(min=1, help="With --flow rtl: simulate so many at least; default: 20."),
    ] = None,
    pause: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=0.95,
            help="With --flow rtl: share of cycles in which streams pause; default: 0.3, 0: never.",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="With --flow rtl: of the pauses; default: 0.")
    ] = None,
    require_vitis: Annotated[bool, typer.Option(help="Fail when Vitis is not there.")] = False,
) -> None:
    """Write a board's firmware, simulate and synthesise it."""
    from fpga_gnn.events.sample import sample_store
    from fpga_gnn.flows.design import REPORT
    from fpga_gnn.flows.rtl import THROUGHPUT, RtlPlan, simulate_rtl
    from fpga_gnn.flows.synth import WHERE_VITIS_IS
    from fpga_gnn.flows.synth import synth as synthesise
    from fpga_gnn.flows.vitis import VitisPlan, parse_steps
    from fpga_gnn.hw.boards import load_board
    from fpga_gnn.report.throughput import throughput_lines
    from fpga_gnn.training.run import default_run, load_run

    target = load_board(board)
    rtl = {"min_partitions": partitions, "pause": pause, "seed": seed}
    asked = {name: value for name, value in rtl.items() if value is not None}
    if asked and flow != "rtl":
        raise InputError("--partitions, --pause and --seed", f"--flow {flow}", "--flow rtl")
    plan = WHERE_VITIS_IS
    if flow == "vitis":
        limit = None if hours is None else 3600 * hours
        plan = VitisPlan(parse_steps(steps or _DEFAULT_STEPS), compositions=True, timeout_s=limit)
    elif steps is not None or hours is not None:
        raise InputError("--steps and --hours", f"--flow {flow}", "--flow vitis")
    run = load_run(model or default_run())
    store = EventStore.open(events) if events else sample_store()

    def announce(line: str) -> None:
        typer.echo(line, err=True)

    if flow == "rtl":
        report, throughput = simulate_rtl(run, target, out, store, RtlPlan(**asked), announce)
        print_report(report)
        console().print("\nthroughput")
        for line in throughput_lines(throughput):
            console().print(f"  {line}")
        console().print(f"\nreport: {out / REPORT}, {out / THROUGHPUT}")
        return
    with progress_bar("csim edges") as progress:
        report = synthesise(
            run,
            target,
            out,
            store,
            min_edges=edges,
            require_vitis=require_vitis,
            progress=lambda done: progress(min(done, edges), edges),
            plan=plan,
            announce=announce,
        )
    print_report(report)
    console().print(f"\nreport: {out / REPORT}")
