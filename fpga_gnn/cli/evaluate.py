"""``fpga-gnn evaluate``: physics figures of a trained model, with the CKF beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fpga_gnn.cli.backend_options import Xclbin
from fpga_gnn.cli.output import console
from fpga_gnn.cli.progress import progress_bar
from fpga_gnn.cli.settings import checked
from fpga_gnn.events.store import EventStore
from fpga_gnn.events.view import Detector
from fpga_gnn.flows.backend_names import BackendName


def evaluate(
    events: Annotated[
        Path, typer.Option(help="Event store; events that the model comes from are left out.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of evaluation.json, pictures and tracks.csv.")],
    model: Annotated[
        str,
        typer.Option(help="Folder of a model, or 'teacher' or 'student' for the shipped ones."),
    ] = "teacher",
    backend: Annotated[
        BackendName, typer.Option(help="What runs a student; all give the same tracks.")
    ] = "torch",
    xclbin: Xclbin = None,
    detector: Annotated[
        Detector | None, typer.Option(help="Hits to use; default: those the model learned from.")
    ] = None,
    max_events: Annotated[
        int | None, typer.Option(min=1, help="Evaluate the first so many events.")
    ] = None,
    builder: Annotated[
        str, typer.Option(help="Write the tracks of this builder; all are evaluated.")
    ] = "cc-jr",
    ckf: Annotated[
        bool, typer.Option(help="Run the ACTS CKF on the same events (needs fpga-gnn[sim]).")
    ] = False,
    chep: Annotated[
        bool,
        typer.Option(
            help="Tracks as in the CHEP 2024 plots: 8 hits, |d0| < 20 mm, |z0| < 25 cm, pT > 1 GeV."
        ),
    ] = False,
    device: Annotated[str, typer.Option(help="PyTorch device: cpu, cuda.")] = "cpu",
    amp: Annotated[bool, typer.Option(help="Matrix products in bfloat16.")] = False,
    compile: Annotated[bool, typer.Option(help="Use torch.compile.")] = False,
    threads: Annotated[int, typer.Option(help="CPU threads of PyTorch.")] = 1,
) -> None:
    """Find tracks; report efficiency, fakes and duplicates.

    Every track builder is evaluated, with pictures; the tracks of one are written.
    """
    from fpga_gnn.flows.backends import backend_model, require_no_xclbin
    from fpga_gnn.flows.evaluate import EVALUATION, TRACKS
    from fpga_gnn.flows.evaluate import evaluate as run_evaluation
    from fpga_gnn.report.evaluation import graph_lines, table_lines
    from fpga_gnn.training.config import Runtime
    from fpga_gnn.training.edge_model import load_model, model_folder

    how = {"device": device, "amp": amp, "compile": compile, "threads": threads}
    require_no_xclbin(xclbin, backend)
    folder = model_folder(model)
    runtime = checked(Runtime, how, "evaluate")
    if backend == "torch":
        trained = load_model(folder, runtime)
    else:
        trained = backend_model(folder, backend, out / "design", xclbin)
    with progress_bar("events") as progress:
        evaluation = run_evaluation(
            trained,
            folder,
            EventStore.open(events),
            out,
            detector=detector,
            max_events=max_events,
            builder=builder,
            chep=chep,
            with_ckf=ckf,
            progress=progress,
        )
    out_line = console().print
    for line in (*graph_lines(evaluation), "", *table_lines(evaluation.tracks), ""):
        out_line(line)
    out_line(f"report: {out / EVALUATION}, pictures beside it; {builder} tracks: {out / TRACKS}")
