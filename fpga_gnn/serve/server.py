"""The service behind its two ports, from start to a graceful end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn
from mlserver.handlers import DataPlane
from mlserver.registry import MultiModelRegistry
from mlserver.settings import Settings

from fpga_gnn import __version__
from fpga_gnn.errors import InputError
from fpga_gnn.serve.config import Addresses, ServiceConfig
from fpga_gnn.serve.protocol import MODEL
from fpga_gnn.serve.rest import rest_app
from fpga_gnn.serve.rpc import rpc_server
from fpga_gnn.serve.runtime import TrackFinder
from fpga_gnn.serve.service import Service

_KEEP_ALIVE_SECONDS = 60
"""Longer than clients pause: one that uses a connection as it is closed sees an error."""
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def serve(config: ServiceConfig, addresses: Addresses, ready: Callable[[Addresses], None]) -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests in flight.

    ``ready`` gets the addresses with their ports once all instances are loaded. Raises
    ``InputError`` for a port that is taken, and whatever keeps an instance from starting.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    folder = Path(tempfile.mkdtemp(prefix="fpga-gnn-serve-"))
    try:
        asyncio.run(_serve(config, addresses, ready, folder))
    finally:
        if not any(folder.rglob("compile.log")):  # of a compiler that failed: an error names it
            shutil.rmtree(folder)


async def _serve(
    config: ServiceConfig, addresses: Addresses, ready: Callable[[Addresses], None], folder: Path
) -> None:
    service = Service(config, folder)
    model = TrackFinder(service)
    registry = MultiModelRegistry(model_initialiser=lambda _: model)
    settings = Settings(
        debug=False,
        host=addresses.host,
        server_name=MODEL,
        server_version=__version__,
        extensions=["binary_tensor_data"],
        metrics_endpoint=None,
        gzip_enabled=False,
    )
    plane = DataPlane(settings, registry)
    rest = _Rest(
        uvicorn.Config(
            rest_app(plane, settings, model, service),
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=math.ceil(config.timeout_s),
        )
    )
    listener = _listen(addresses.host, addresses.http_port, "--http-port")
    _listen(addresses.host, addresses.grpc_port, "--grpc-port").close()  # gRPC would log its own
    rpc, grpc_port = rpc_server(plane, model, service, addresses)
    ports = {"http_port": listener.getsockname()[1], "grpc_port": grpc_port}
    stop = asyncio.Event()
    for number in _SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await rpc.start()
    http = asyncio.create_task(rest.serve(sockets=[listener]))
    load = asyncio.create_task(registry.load(model.settings))
    try:
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({load, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if load.done():
            load.result()
            ready(addresses.model_copy(update=ports))
        await stopped
    finally:
        rest.should_exit = True
        await asyncio.gather(rpc.stop(config.timeout_s), http)
        await service.stop()
        await asyncio.gather(load, return_exceptions=True)


class _Rest(uvicorn.Server):
    """Leaves the signals to ``_serve``, which ends both ports."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listen(host: str, port: int, option: str) -> socket.socket:
    """Listen at an address; ``InputError`` names ``option`` if it is taken or not of this host."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        where = f"--host {host} {option} {port}"
        raise InputError(where, error.strerror, "an address that is free") from None
