"""Clients that keep a server busy: throughput and latency by number of instances and clients."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from fpga_gnn.errors import MismatchError
from fpga_gnn.events.view import EventView
from fpga_gnn.report.serving import LoadPoint, ServingReport, save_serving
from fpga_gnn.serve.client import CallError, TrackClient
from fpga_gnn.serve.config import ServiceConfig
from fpga_gnn.serve.failures import SaturatedError
from fpga_gnn.serve.own_server import own_server
from fpga_gnn.serve.protocol import request_arrays

Progress = Callable[[int, int], None]
Positive = Annotated[int, Field(ge=1)]
_Arrays = Mapping[str, NDArray[Any]]
_PERCENTILES = (50, 95, 99)


class LoadPlan(BaseModel):
    """``requests`` requests, of one event each, by each number of ``clients``.

    A client sends its next request when it has the answer to the last one. ``protocol`` is how
    servers of our own are asked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    clients: tuple[Positive, ...] = Field(default=(1, 2, 4, 8, 16), min_length=1)
    requests: Positive = 100
    protocol: Literal["http", "grpc"] = "grpc"


def benchmark_instances(
    servers: Sequence[ServiceConfig],
    events: EventView,
    plan: LoadPlan,
    out: Path,
    progress: Progress,
) -> ServingReport:
    """Measure ``servers``, which differ in ``instances``, one by one; write all into ``out``.

    Raises ``MismatchError`` if an event does not get the same tracks every time.
    """
    points: list[LoadPoint] = []
    for config in servers:
        with own_server(config) as addresses:
            url = addresses.grpc if plan.protocol == "grpc" else addresses.http
            points += _measure(url, config.instances, events, plan)
        progress(len(points), len(servers) * len(plan.clients))
    source = servers[0].reconstructor
    settings = {
        "backend": source.backend,
        "builder": source.builder,
        "max_batch": str(servers[0].max_batch),
        "protocol": plan.protocol,
    }
    return _report(settings, points, events, out)


def benchmark_url(url: str, events: EventView, plan: LoadPlan, out: Path) -> ServingReport:
    """Measure the server at ``url``, of this program or another one; else as above."""
    return _report({"url": url}, _measure(url, None, events, plan), events, out)


def _measure(url: str, instances: int | None, events: EventView, plan: LoadPlan) -> list[LoadPoint]:
    requests = [request_arrays([event]) for event in events]
    return asyncio.run(_scan(url, instances, requests, plan))


async def _scan(
    url: str, instances: int | None, requests: Sequence[_Arrays], plan: LoadPlan
) -> list[LoadPoint]:
    async with TrackClient(url) as client:
        expected = [(await client.infer(arrays))["track_id"] for arrays in requests]
    return [
        await _point(url, instances, n, plan.requests, requests, expected) for n in plan.clients
    ]


async def _point(
    url: str,
    instances: int | None,
    n_clients: int,
    n_requests: int,
    requests: Sequence[_Arrays],
    expected: Sequence[NDArray[Any]],
) -> LoadPoint:
    numbers = iter(range(n_requests))
    latencies: list[float] = []
    refused = 0

    async def work(client: TrackClient) -> None:
        nonlocal refused
        for number in numbers:
            which = number % len(requests)
            sent = time.perf_counter()
            try:
                found = await client.infer(requests[which])
            except CallError as error:
                if error.status != SaturatedError.status:
                    raise
                refused += 1
                continue
            latencies.append(1000 * (time.perf_counter() - sent))
            n_different = int(np.count_nonzero(found["track_id"] != expected[which]))
            if n_different:
                text = f"{url}: event {which} of the store: {n_different} hits on other tracks"
                raise MismatchError(text, n_different)

    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(TrackClient(url)) for _ in range(n_clients)]
        begin = time.perf_counter()
        await asyncio.gather(*map(work, clients))
        seconds = time.perf_counter() - begin
    if not latencies:
        raise CallError(f"{url}: all {refused} requests were refused", SaturatedError.status)
    p50, p95, p99 = np.percentile(latencies, _PERCENTILES).tolist()
    return LoadPoint(
        instances=instances,
        clients=n_clients,
        answered=len(latencies),
        refused=refused,
        seconds=seconds,
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
    )


def _report(
    settings: Mapping[str, str], points: Sequence[LoadPoint], events: EventView, out: Path
) -> ServingReport:
    n_hits = [len(event.hits) for event in events]
    report = ServingReport(
        settings={
            **settings,
            "events": f"{len(events)} of {events.store.path.name}, {events.detector}",
            "hits": f"{np.mean(n_hits):.0f} per event",
        },
        points=tuple(points),
    )
    save_serving(report, out)
    return report
