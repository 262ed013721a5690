"""A server in a process of its own: mlserver and tritonclient cannot be in one, for both register
the protobuf messages of KServe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from fpga_gnn.serve.child import Child
from fpga_gnn.serve.config import Addresses, ServiceConfig


@contextmanager
def own_server(config: ServiceConfig) -> Iterator[Addresses]:
    """Yield the addresses of a server of ``config`` at free ports of this machine, then end it."""
    server = Child(_serve, config)
    try:
        yield server.start()
    finally:
        server.terminate()


def _serve(pipe: Connection[Any, Any], config: ServiceConfig) -> None:
    from fpga_gnn.serve.server import serve

    serve(config, Addresses(http_port=0, grpc_port=0), pipe.send)
