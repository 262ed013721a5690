"""``fpga-gnn serve``: hits in, tracks out, over REST and gRPC."""

from __future__ import annotations

from typing import Annotated

import typer

from fpga_gnn.cli.backend_options import Backend, Builder, RunFolder, Xclbin
from fpga_gnn.cli.output import console
from fpga_gnn.cli.settings import checked


def serve(
    backend: Backend = "torch",
    builder: Builder = "cc-jr",
    model: RunFolder = None,
    xclbin: Xclbin = None,
    instances: Annotated[int, typer.Option(help="Processes that work; 1 with a card.")] = 1,
    host: Annotated[
        str, typer.Option(help="Address to listen on: no client is asked who it is.")
    ] = "127.0.0.1",
    http_port: Annotated[int, typer.Option(help="Port of REST and metrics; 0: any.")] = 8000,
    grpc_port: Annotated[int, typer.Option(help="Port of gRPC; 0: any.")] = 8001,
    max_batch: Annotated[int, typer.Option(help="Events given to an instance together.")] = 1,
    max_delay: Annotated[
        float, typer.Option(help="Milliseconds that a batch waits for more events.")
    ] = 0.0,
    max_hits: Annotated[int, typer.Option(help="Hits of a request.")] = 1_000_000,
    max_events_per_request: Annotated[int, typer.Option(help="Events of a request.")] = 64,
    max_request_bytes: Annotated[int, typer.Option(help="Size of a request.")] = 64 << 20,
    queue: Annotated[
        int, typer.Option(help="Requests in flight; more are refused with 503 / UNAVAILABLE.")
    ] = 64,
    timeout: Annotated[
        float, typer.Option(help="Seconds until a request fails: 504 / DEADLINE_EXCEEDED.")
    ] = 60.0,
) -> None:
    """Serve tracks over KServe v2 (REST, gRPC) until SIGTERM.

    See docs/serving.md.
    """
    from fpga_gnn.serve.config import Addresses, ReconstructorConfig, ServiceConfig
    from fpga_gnn.serve.packages import require_package

    require_package("mlserver")
    named = {"model": model, "backend": backend, "builder": builder, "xclbin": xclbin}
    reconstructor = checked(ReconstructorConfig, named, "serve")
    limits = {"max_hits": max_hits, "max_events": max_events_per_request}
    options = {
        "reconstructor": reconstructor,
        "instances": instances,
        "max_batch": max_batch,
        "max_delay_ms": max_delay,
        "queue": queue,
        "timeout_s": timeout,
        "max_request_bytes": max_request_bytes,
        "limits": limits,
    }
    config = checked(ServiceConfig, options, "serve")
    ports = {"host": host, "http_port": http_port, "grpc_port": grpc_port}
    addresses = checked(Addresses, ports, "serve")

    from fpga_gnn.serve.server import serve as run_server

    def ready(bound: Addresses) -> None:
        console().print(f"READY {bound.http} {bound.grpc} ({instances} x {backend})")

    run_server(config, addresses, ready)
