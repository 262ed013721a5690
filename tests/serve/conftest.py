"""A real server, as a user starts it, and events whose tracks are known."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from fpga_gnn.events.event import Event
from fpga_gnn.events.sample import sample_store
from fpga_gnn.events.store import EventStore
from fpga_gnn.events.view import restrict
from fpga_gnn.flows.cluster import Workers
from fpga_gnn.flows.reconstruct import reconstruct
from fpga_gnn.serve.protocol import request_arrays
from fpga_gnn.tracks.store import tracks_file
from fpga_gnn.training.run import default_run

COMMAND = "import sys; from fpga_gnn.cli.main import run; run(sys.argv[1:])"
N_EVENTS, N_SECTORS = 3, 3
"""Shipped events, and sectors that each is cut into."""
READY_SECONDS = 240


@dataclass
class Server:
    """A process of ``fpga-gnn serve`` and where it listens."""

    process: subprocess.Popen[str]
    http: str
    grpc: str
    log: Path

    @property
    def instances(self) -> list[int]:
        """The ids of the processes that work for it."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
                command = (folder / "cmdline").read_text()
            except OSError:
                continue
            if parent == self.process.pid and "spawn_main" in command:
                found.append(int(folder.name))
        return found

    @property
    def memory_mib(self) -> dict[int, float]:
        """Resident memory of the server and of each instance, by process id."""
        found = {}
        for pid in (self.process.pid, *self.instances):
            text = Path(f"/proc/{pid}/status").read_text()
            found[pid] = int(re.search(r"VmRSS:\s+(\d+) kB", text)[1]) / 1024
        return found

    def metric(self, name: str) -> float:
        """Return a metric of Prometheus."""
        with urllib.request.urlopen(f"{self.http}/metrics", timeout=60) as answer:
            text = answer.read().decode()
        return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)[1])

    def wait_for(self, name: str, value: float) -> None:
        """Wait until a metric has ``value``."""
        deadline = time.monotonic() + READY_SECONDS
        while self.metric(name) != value:
            assert time.monotonic() < deadline, f"{name} is {self.metric(name)}, not {value}"
            time.sleep(0.05)

    def end(self) -> int:
        """Ask the server to end and return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@pytest.fixture(scope="session")
def serve(tmp_path_factory) -> Callable[..., Any]:
    @contextmanager
    def started(*options: object) -> Iterator[Server]:
        """Serve at free ports; the server must end well."""
        log = tmp_path_factory.mktemp("serve") / "log"
        ports = ("--http-port", "0", "--grpc-port", "0")
        with log.open("w") as errors:
            process = subprocess.Popen(
                [sys.executable, "-c", COMMAND, "serve", *ports, *map(str, options)],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                cwd=log.parent,
            )
        try:
            line = process.stdout.readline()
            ready = re.match(r"READY (http://\S+) (grpc://\S+) ", line)
            assert ready, f"{line}\n{log.read_text()}"
            server = Server(process, ready[1], ready[2], log)
            yield server
            instances = server.instances
            if process.poll() is None:
                assert server.end() == 0, log.read_text()
            assert not [pid for pid in instances if Path(f"/proc/{pid}").exists()]
        finally:
            process.kill()

    return started


@dataclass(frozen=True, eq=False)
class Known:
    """An event and the track of each of its hits, -1 for none, as ``reconstruct`` found them."""

    event: Event
    track_id: NDArray[np.int64]

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """The tensors to send."""
        return request_arrays([self.event])


@pytest.fixture(scope="session")
def store(tmp_path_factory) -> EventStore:
    """Sectors of shipped events, their hits in any order."""
    folder = tmp_path_factory.mktemp("known") / "events"
    store = EventStore.create(folder, {"made": "for a test"})
    for number in range(N_EVENTS * N_SECTORS):
        event = restrict(sample_store().read(number // N_SECTORS), "pixel")
        turn = np.arctan2(event.hits.y, event.hits.x) / (2 * np.pi) + 0.5
        sector = (8 * turn).astype(np.int64) == number % N_SECTORS
        order = np.random.default_rng(number).permutation(np.flatnonzero(sector))
        store.write(Event(number, event.hits.take(order), event.particles))
    return store


@pytest.fixture(scope="session")
def known(store) -> list[Known]:
    """The events of ``store``."""

    def unseen(*_: object) -> None:
        pass

    options = {"backend": "torch", "builder": "cc-jr", "workers": Workers(), "progress": unseen}
    tracks = store.path.parent / "tracks"
    reconstruct(default_run(), [store], tracks, **options)
    found = []
    for event_id in store.event_ids:
        event = store.read(event_id)
        table = pq.read_table(tracks_file(tracks, event_id))
        pairs = zip(table["hit_id"].to_pylist(), table["track_id"].to_pylist(), strict=True)
        track_of = dict(pairs)
        track_id = np.array([track_of.get(hit_id, -1) for hit_id in event.hits.hit_id.tolist()])
        found.append(Known(event, track_id))
    return found
