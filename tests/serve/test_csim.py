"""The kernels' C++ behind the service, late answers, and an end that loses no request."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import contextmanager

import numpy as np
import pytest

from fpga_gnn.serve.client import CallError, TrackClient

TIMEOUT_S, N_EVENTS = 20, 3


@contextmanager
def stopped(server):
    """Hold the instances."""
    instances = server.instances
    for pid in instances:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in instances:
            os.kill(pid, signal.SIGCONT)


async def ask(url, one) -> bool:
    """Whether the tracks are those that the PyTorch backend found."""
    async with TrackClient(url) as client:
        found = await client.infer(one.arrays)
    assert found["edges"] > 100
    assert found["unplaced_edges"] == 0
    return np.array_equal(found["track_id"], one.track_id)


def test_the_firmware_gives_the_same_tracks_in_time_or_not_at_all(serve, known):
    options = ("--backend", "csim", "--max-batch", 4, "--max-delay", 50, "--timeout", TIMEOUT_S)
    with serve(*options) as server:
        urls, events = [server.http, server.grpc], known[:N_EVENTS]

        async def all_right() -> bool:
            answers = [ask(urls[i % 2], one) for i, one in enumerate(events)]
            return all(await asyncio.gather(*answers))

        assert asyncio.run(all_right())
        batches = server.metric("fpga_gnn_batch_events_count")
        assert batches < N_EVENTS

        async def late() -> list[int]:
            answers = await asyncio.gather(
                *(ask(u, known[0]) for u in urls), return_exceptions=True
            )
            return [error.status for error in answers]

        with stopped(server):
            assert asyncio.run(late()) == [504, 504]
        assert asyncio.run(all_right())

        async def end_with_requests_in_flight() -> bool:
            with stopped(server):
                tasks = [asyncio.create_task(ask(urls[i % 2], one)) for i, one in enumerate(events)]
                while (
                    await asyncio.to_thread(server.metric, "fpga_gnn_requests_in_flight") < N_EVENTS
                ):
                    await asyncio.sleep(0.01)
                server.process.send_signal(signal.SIGTERM)
                await asyncio.sleep(0.5)
                with pytest.raises(CallError):
                    await ask(server.http, known[0])
            return all(await asyncio.gather(*tasks))

        assert asyncio.run(end_with_requests_in_flight())
        assert server.process.wait(60) == 0, server.log.read_text()
