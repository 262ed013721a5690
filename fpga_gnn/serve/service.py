"""Requests wait in one queue; whichever instance is free takes the next batch of their events."""

from __future__ import annotations

import asyncio
import logging
import time
from asyncio import Future, Queue, Task
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from fpga_gnn.errors import FpgaGnnError
from fpga_gnn.events.event import Event
from fpga_gnn.serve.child import Child
from fpga_gnn.serve.config import ServiceConfig
from fpga_gnn.serve.failures import (
    LateError,
    RefusedError,
    SaturatedError,
    ServiceError,
    outcome_of,
)
from fpga_gnn.serve.instance import Batch, DesignBuilder, Instance
from fpga_gnn.serve.metrics import Metrics
from fpga_gnn.serve.protocol import EventTracks

_DESIGNED = ("csim", "rtl")
"""Backends whose instances share a design that is built first."""
_LOOK_SECONDS = 0.5
"""Between two looks at whether an instance without work still lives."""
_PATIENCE = 10
"""Time-outs until an instance that gives no answer counts as hung."""
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
"""Seconds between two attempts to start an instance again."""
_log = logging.getLogger(__name__)
_T = TypeVar("_T")


@dataclass(frozen=True, eq=False)
class _Request:
    events: list[Event]
    answer: Future[list[EventTracks]]


class Service:
    """The instances and the requests in flight."""

    def __init__(self, config: ServiceConfig, folder: Path) -> None:
        """Prepare a service of ``config``; ``folder`` is for the design of csim or rtl."""
        self.config = config
        self._folder = folder
        self.metrics = Metrics()
        self._queue: Queue[_Request] = Queue()
        self._in_flight = 0
        self._children: list[Child] = []
        self._ready: set[Instance] = set()
        self._threads = ThreadPoolExecutor(config.instances)
        self._tasks: list[Task[None]] = []

    @property
    def ready(self) -> bool:
        """Whether an instance can take events."""
        return bool(self._ready)

    async def start(self) -> None:
        """Start all instances; ``FpgaGnnError`` if one cannot."""
        source, design = self.config.reconstructor, None
        if source.backend in _DESIGNED:
            builder = DesignBuilder(source, self._folder)
            self._children.append(builder)
            design = await self._in_thread(builder.start)
        instances = [Instance(source, design) for _ in range(self.config.instances)]
        self._children += instances
        await asyncio.gather(*[self._start(instance) for instance in instances])
        self._tasks = [asyncio.create_task(self._serve(instance)) for instance in instances]

    async def stop(self) -> None:
        """End all instances; requests in flight fail."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*[asyncio.to_thread(child.kill) for child in self._children])
        await asyncio.to_thread(self._threads.shutdown)
        for child in self._children:  # one that was just being started
            child.kill()

    @asynccontextmanager
    async def admitted(self) -> AsyncIterator[None]:
        """Hold a place among the requests in flight, until the time-out; count what became of it.

        Raises ``SaturatedError`` if none is free, ``LateError`` at the time-out.
        """
        begin = time.perf_counter()
        outcome = outcome_of(ServiceError())
        try:
            async with self._place():
                yield
            outcome = "answered"
        except FpgaGnnError as error:
            outcome = outcome_of(error)
            raise
        finally:
            self.metrics.ended(outcome, time.perf_counter() - begin)

    async def find(self, events: list[Event]) -> list[EventTracks]:
        """Return the tracks of ``events``; raises ``RefusedError`` and ``ServiceError``."""
        request = _Request(events, asyncio.get_running_loop().create_future())
        self._queue.put_nowait(request)
        return await request.answer

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        if self._in_flight >= self.config.queue:
            raise SaturatedError(f"{self._in_flight} requests are in flight; try again later")
        self._count(+1)
        try:
            async with asyncio.timeout(self.config.timeout_s):
                yield
        except TimeoutError:
            raise LateError(f"no answer in {self.config.timeout_s:g} s") from None
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        self._in_flight += change
        self.metrics.in_flight(self._in_flight)

    async def _serve(self, instance: Instance) -> None:
        """Give ``instance`` one batch after the other, and start it again when it is lost."""
        patience = _PATIENCE * self.config.timeout_s
        while True:
            if not instance.alive:
                await self._restart(instance)
            batch = await self._next_batch()
            events = [event for request in batch for event in request.events]
            if not events:
                continue
            try:
                self._answer(batch, await self._in_thread(instance.find, events, patience))
            except FpgaGnnError as error:
                _log.warning("%s", error)
                for request in batch:
                    _end(request, error)

    async def _next_batch(self) -> list[_Request]:
        """Return requests that still want an answer; none if there were none for a moment."""
        loop = asyncio.get_running_loop()
        batch: list[_Request] = []
        n_events = 0
        close = loop.time() + _LOOK_SECONDS
        while n_events < self.config.max_batch:
            try:
                async with asyncio.timeout_at(close):
                    request = await self._queue.get()
            except TimeoutError:
                break
            if request.answer.done():
                continue
            if not batch:
                close = loop.time() + self.config.max_delay_ms / 1000
            batch.append(request)
            n_events += len(request.events)
        return batch

    def _answer(self, requests: list[_Request], batch: Batch) -> None:
        tracks = [answer for answer in batch.answers if isinstance(answer, EventTracks)]
        self.metrics.found(tracks, batch.seconds)
        first = 0
        for request in requests:
            answers = batch.answers[first : first + len(request.events)]
            first += len(answers)
            found = [answer for answer in answers if isinstance(answer, EventTracks)]
            refused = [answer for answer in answers if isinstance(answer, str)]
            _end(request, RefusedError(refused[0]) if refused else found)

    async def _start(self, instance: Instance) -> None:
        await self._in_thread(instance.start)
        self._ready.add(instance)
        self.metrics.ready(len(self._ready))

    async def _restart(self, instance: Instance) -> None:
        self._ready.discard(instance)
        self.metrics.ready(len(self._ready))
        self.metrics.restarted()
        pause = _FIRST_PAUSE
        while instance not in self._ready:
            try:
                await self._start(instance)
            except FpgaGnnError as error:
                _log.error("an instance does not start again: %s", error)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    async def _in_thread(self, call: Callable[..., _T], *arguments: object) -> _T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, call, *arguments)


def _end(request: _Request, result: list[EventTracks] | FpgaGnnError) -> None:
    """Answer a request unless it was given up."""
    if request.answer.done():
        return
    if isinstance(result, FpgaGnnError):
        request.answer.set_exception(result)
    else:
        request.answer.set_result(result)
