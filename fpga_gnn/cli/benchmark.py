"""``fpga-gnn benchmark``: milliseconds per event of every stage, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fpga_gnn.cli.backend_options import Xclbin
from fpga_gnn.cli.output import console
from fpga_gnn.cli.progress import progress_bar
from fpga_gnn.cli.settings import checked
from fpga_gnn.events.store import EventStore
from fpga_gnn.events.view import EventView
from fpga_gnn.flows.backend_names import BackendName


def benchmark(
    events: Annotated[Path, typer.Option(help="Event store to time.")],
    out: Annotated[Path, typer.Option(help="Folder of benchmark.json.")],
    model: Annotated[
        str,
        typer.Option(help="Folder of a model, or 'teacher' or 'student' for the shipped ones."),
    ] = "teacher",
    backend: Annotated[
        BackendName, typer.Option(help="What runs a student; all give the same tracks.")
    ] = "torch",
    xclbin: Xclbin = None,
    max_events: Annotated[int | None, typer.Option(min=1, help="Time so many events.")] = None,
    repeat: Annotated[
        int | None, typer.Option(help="Calls per event and option, after a warm-up.")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads of PyTorch and numba.")] = None,
    device: Annotated[str | None, typer.Option(help="PyTorch device: cpu, cuda.")] = None,
    metric_learning: Annotated[
        Path | None, typer.Option(help="Time the graphs of this embedding, too.")
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Time this stage only: graph, gnn or segmentation; repeatable."),
    ] = None,
) -> None:
    """Time every stage, each option beside the others.

    The stages are graph construction, GNN and segmentation.
    """
    from fpga_gnn.flows.benchmark import BENCHMARK, BenchmarkConfig
    from fpga_gnn.flows.benchmark import benchmark as run_benchmark
    from fpga_gnn.flows.benchmark_models import load_timed_model
    from fpga_gnn.report.benchmark import (
        STAGE_TITLES,
        comparison_lines,
        head_lines,
        stage_lines,
    )
    from fpga_gnn.training.edge_model import model_folder
    from fpga_gnn.training.metric_learning_run import load_metric_learning

    options = {"repeat": repeat, "threads": threads, "device": device, "stages": only or None}
    config = checked(BenchmarkConfig, options, "benchmark")
    folder = model_folder(model)
    timed = load_timed_model(folder, backend, config.runtime, out / "design", xclbin)
    embedding = load_metric_learning(metric_learning) if metric_learning else None
    view = EventView.of(EventStore.open(events), timed.detector, max_events)
    with progress_bar("events") as progress:
        report = run_benchmark(timed, folder, embedding, view, config, out, progress)
    out_line = console().print
    for line in head_lines(report):
        out_line(line)
    for stage, title in STAGE_TITLES.items():
        lines = stage_lines([row for row in report.rows if row.stage == stage])
        if lines:
            out_line(f"\n{title}")
        for line in lines:
            out_line(f"  {line}")
    out_line("")
    for line in comparison_lines(report.comparisons):
        out_line(line)
    out_line(f"report: {out / BENCHMARK}")
