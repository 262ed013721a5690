"""``fpga-gnn benchmark-serve``: a service under load, by instances and clients."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fpga_gnn.cli.backend_options import RunFolder, Xclbin
from fpga_gnn.cli.output import console
from fpga_gnn.cli.progress import progress_bar
from fpga_gnn.cli.settings import checked
from fpga_gnn.events.store import EventStore
from fpga_gnn.events.view import Detector, EventView, default_detector
from fpga_gnn.flows.backend_names import BackendName


def benchmark_serve(
    events: Annotated[Path, typer.Option(help="Event store whose events the clients send.")],
    out: Annotated[Path, typer.Option(help="Folder of serving.json, serving.md, serving.png.")],
    instances: Annotated[str, typer.Option(help="Processes of each server to start.")] = "1,2",
    clients: Annotated[str, typer.Option(help="Numbers of concurrent clients.")] = "1,2,4,8,16",
    requests: Annotated[int | None, typer.Option(help="Requests per measured point.")] = None,
    protocol: Annotated[str, typer.Option(help="grpc or http, to servers of our own.")] = "grpc",
    url: Annotated[
        str | None,
        typer.Option(help="Measure this server instead: http://HOST:PORT or grpc://HOST:PORT."),
    ] = None,
    backend: Annotated[BackendName, typer.Option(help="What the servers run.")] = "torch",
    builder: Annotated[str, typer.Option(help="Track builder.")] = "cc-jr",
    model: RunFolder = None,
    xclbin: Xclbin = None,
    max_batch: Annotated[int, typer.Option(help="Events given to an instance together.")] = 1,
    detector: Annotated[
        Detector | None, typer.Option(help="Hits to send; default: what a training would take.")
    ] = None,
    max_events: Annotated[int | None, typer.Option(min=1, help="Send so many events.")] = None,
) -> None:
    """Measure throughput and latency of a service."""
    from fpga_gnn.report.serving import SERVING, point_lines, scaling_lines
    from fpga_gnn.serve.config import ReconstructorConfig, ServiceConfig
    from fpga_gnn.serve.packages import require_package

    require_package("tritonclient")
    from fpga_gnn.serve.load import LoadPlan, benchmark_instances, benchmark_url

    options = {"clients": clients.split(","), "requests": requests, "protocol": protocol}
    plan = checked(LoadPlan, options, "benchmark-serve")
    store = EventStore.open(events)
    view = EventView.of(store, detector or default_detector(store), max_events)
    if url:
        report = benchmark_url(url, view, plan, out)
    else:
        require_package("mlserver")
        named = {"model": model, "backend": backend, "builder": builder, "xclbin": xclbin}
        reconstructor = checked(ReconstructorConfig, named, "benchmark-serve")
        served = {"reconstructor": reconstructor, "max_batch": max_batch}
        servers = [
            checked(ServiceConfig, {**served, "instances": n}, "benchmark-serve")
            for n in instances.split(",")
        ]
        with progress_bar("points") as progress:
            report = benchmark_instances(servers, view, plan, out, progress)
    for line in (*point_lines(report), "", *scaling_lines(report)):
        console().print(line)
    console().print(f"report: {out / SERVING}")
