"""The queue, with instances that are threads of this process and answer when they are told to."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from fpga_gnn.errors import CapacityError, DeviceError, InputError
from fpga_gnn.serve import service as module
from fpga_gnn.serve.config import Addresses, ReconstructorConfig, ServiceConfig
from fpga_gnn.serve.failures import (
    InstanceLostError,
    LateError,
    RefusedError,
    SaturatedError,
    outcome_of,
    status_of,
)
from fpga_gnn.serve.instance import Batch
from fpga_gnn.serve.protocol import EventTracks
from fpga_gnn.serve.service import Service


class FakeInstance:
    """Answers each event, an integer, with as many tracks; ``gate`` lets it go on."""

    made: list[FakeInstance]

    def __init__(self, config: ReconstructorConfig, design: Path | None) -> None:
        self.alive, self.starts = False, 0
        self.gate = threading.Event()
        self.gate.set()
        self.batches: list[list[int]] = []
        FakeInstance.made.append(self)

    def start(self) -> None:
        self.alive, self.starts = True, self.starts + 1

    def kill(self) -> None:
        self.alive = False
        self.gate.set()

    def find(self, events: list[int], patience: float) -> Batch:
        self.batches.append(events)
        assert self.gate.wait(10)
        if "die" in events:
            self.alive = False
            raise InstanceLostError("died; try again")
        return Batch([self._answer(event) for event in events], {"graph": 0.5})

    @staticmethod
    def _answer(event) -> EventTracks | str:
        if event == "bad":
            return "event 0: found it bad, expected it good"
        return EventTracks(np.arange(event), 0, 5, 0, 2)


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run ``client(service, instances)`` on a service of some configuration."""
    monkeypatch.setattr(module, "Instance", FakeInstance)
    monkeypatch.setattr(FakeInstance, "made", [], raising=False)

    def call(client, **options):
        async def main():
            config = ServiceConfig(reconstructor=ReconstructorConfig(), **options)
            service = Service(config, tmp_path)
            assert not service.ready
            await service.start()
            assert service.ready
            try:
                return await client(service, FakeInstance.made)
            finally:
                await service.stop()

        return asyncio.run(asyncio.wait_for(main(), 30))

    return call


async def ask(service: Service, *events) -> list[int]:
    async with service.admitted():
        return [found.tracks_per_event for found in await service.find(list(events))]


async def until(condition) -> None:
    while not condition():
        await asyncio.sleep(0.001)


def sample(service: Service, line: str) -> float:
    [found] = [one for one in service.metrics.text().decode().splitlines() if one.startswith(line)]
    return float(found.rsplit(" ", 1)[1])


def test_everyone_gets_their_own_answers(run):
    async def client(service, instances):
        wanted = [[n, n + 1] for n in range(40)]
        assert await asyncio.gather(*[ask(service, *events) for events in wanted]) == wanted
        assert all(instance.batches for instance in instances)
        assert sample(service, 'fpga_gnn_requests_total{outcome="answered"}') == 40
        assert sample(service, "fpga_gnn_events_total") == 80
        assert sample(service, "fpga_gnn_tracks_total") == sum(map(sum, wanted))
        assert sample(service, "fpga_gnn_unplaced_edges_total") == 160
        assert sample(service, "fpga_gnn_requests_in_flight") == 0

    run(client, instances=3, max_batch=5)


def test_events_that_wait_are_given_together(run):
    async def client(service, instances):
        [instance] = instances
        instance.gate.clear()
        first = asyncio.create_task(ask(service, 1))
        await until(lambda: instance.batches)
        others = [asyncio.create_task(ask(service, n)) for n in (2, 3, 4, 5)]
        await asyncio.sleep(0.01)
        instance.gate.set()
        assert await asyncio.gather(first, *others) == [[1], [2], [3], [4], [5]]
        assert instance.batches == [[1], [2, 3, 4], [5]]

    run(client, max_batch=3)


def test_a_batch_waits_for_more_as_long_as_it_may(run):
    async def client(service, instances):
        tasks = [asyncio.create_task(ask(service, 1))]
        await asyncio.sleep(0.02)
        tasks.append(asyncio.create_task(ask(service, 2)))
        await asyncio.gather(*tasks)
        assert instances[0].batches == [[1, 2]]

    run(client, max_batch=2, max_delay_ms=5000)


def test_an_event_that_is_refused_fails_no_other_request(run):
    async def client(service, instances):
        bad, good = await asyncio.gather(
            ask(service, 7, "bad"), ask(service, 7), return_exceptions=True
        )
        assert isinstance(bad, RefusedError)
        assert str(bad) == "event 0: found it bad, expected it good"
        assert good == [7]
        assert instances[0].batches == [[7, "bad", 7]]
        assert sample(service, 'fpga_gnn_requests_total{outcome="refused"}') == 1

    run(client, max_batch=3, max_delay_ms=50)


def test_what_goes_beyond_the_queue_is_refused(run):
    async def client(service, instances):
        instances[0].gate.clear()
        tasks = [asyncio.create_task(ask(service, n)) for n in range(4)]
        await until(lambda: instances[0].batches)
        with pytest.raises(SaturatedError, match="4 requests are in flight"):
            await ask(service, 9)
        assert sample(service, "fpga_gnn_requests_in_flight") == 4
        instances[0].gate.set()
        await asyncio.gather(*tasks)
        assert await ask(service, 9) == [9]
        assert sample(service, 'fpga_gnn_requests_total{outcome="saturated"}') == 1

    run(client, queue=4)


def test_a_late_request_is_given_up_and_never_computed(run):
    async def client(service, instances):
        instances[0].gate.clear()
        first, second = await asyncio.gather(
            ask(service, 1), ask(service, 2), return_exceptions=True
        )
        assert isinstance(first, LateError)
        assert isinstance(second, LateError)
        instances[0].gate.set()
        assert await ask(service, 3) == [3]
        assert instances[0].batches == [[1], [3]]
        assert sample(service, 'fpga_gnn_requests_total{outcome="late"}') == 2

    run(client, timeout_s=0.1)


def test_a_lost_instance_fails_its_requests_and_is_started_again(run):
    async def client(service, instances):
        with pytest.raises(InstanceLostError, match="try again"):
            await ask(service, "die")
        assert await ask(service, 4) == [4]
        assert instances[0].starts == 2
        assert sample(service, "fpga_gnn_instance_restarts_total") == 1
        assert sample(service, 'fpga_gnn_requests_total{outcome="failed"}') == 1

    run(client)


def test_an_instance_that_dies_without_work_is_noticed(run, monkeypatch):
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.01)

    async def client(service, instances):
        instances[0].alive = False
        await until(lambda: instances[0].starts == 2)
        assert await ask(service, 4) == [4]

    run(client)


def test_an_instance_that_cannot_start_again_leaves_the_service_unready(run, monkeypatch):
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.01)
    monkeypatch.setattr(module, "_FIRST_PAUSE", 0.01)

    async def client(service, instances):
        broken = threading.Event()
        broken.set()

        def start():
            if broken.is_set():
                raise DeviceError("no card")
            FakeInstance.start(instances[0])

        instances[0].start, instances[0].alive = start, False
        await until(lambda: not service.ready)
        task = asyncio.create_task(ask(service, 4))
        await asyncio.sleep(0.05)
        assert not task.done()
        broken.clear()
        assert await task == [4]
        assert service.ready

    run(client)


def test_statuses_say_who_is_at_fault():
    errors = {
        InputError("x", 1, 2): (400, "refused"),
        CapacityError("large"): (400, "refused"),
        RefusedError("bad"): (400, "refused"),
        SaturatedError("full"): (503, "saturated"),
        InstanceLostError("died"): (503, "failed"),
        LateError("slow"): (504, "late"),
        DeviceError("card"): (500, "failed"),
    }
    assert {error: (status_of(error), outcome_of(error)) for error in errors} == errors


def test_a_card_has_one_instance():
    with pytest.raises(ValidationError, match="one process feeds all units of the card"):
        ServiceConfig(reconstructor=ReconstructorConfig(backend="board"), instances=2)


def test_addresses_are_urls():
    addresses = Addresses(host="::1", http_port=1, grpc_port=2)
    assert (addresses.http, addresses.grpc) == ("http://[::1]:1", "grpc://[::1]:2")
