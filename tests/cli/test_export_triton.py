"""``fpga-gnn export triton``, and a real Triton server on the repository that it writes."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from fpga_gnn.events.sample import sample_store
from fpga_gnn.serve.client import CallError, TrackClient
from fpga_gnn.serve.config import ReconstructorConfig
from fpga_gnn.serve.protocol import request_arrays
from fpga_gnn.serve.triton_repository import TritonConfig, write_repository

EXPORT = ("export", "triton", "--out", "repository")
QUEUE = 2
START_SECONDS = 600


def test_it_says_what_to_run_next(fpga_gnn, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    outcome = fpga_gnn(*EXPORT, "--instances", 2, "--backend", "csim", "--builder", "cc")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines() == [
        "repository/fpga-gnn: 2 x csim, cc",
        "next: tritonserver --model-repository=repository --disable-auto-complete-config",
    ]
    again = fpga_gnn(*EXPORT)
    assert (again.code, again.out) == (2, "")
    assert "repository/fpga-gnn: found a model of that name" in again.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--name", "../elsewhere"), "name: found '../elsewhere'"),
        (("--instances", 2, "--backend", "board"), "instances: found 2"),
        (("--queue", 0), "queue: found 0"),
        (("--max-hits", 0), "limits.max_hits: found 0"),
    ],
)
def test_a_wrong_option_is_named(fpga_gnn, tmp_path, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    outcome = fpga_gnn(*EXPORT, *options)
    assert (outcome.code, outcome.out) == (2, "")
    assert f"export triton: {said}" in outcome.err
    assert list(tmp_path.iterdir()) == []


@dataclass(frozen=True)
class Server:
    """Where a Triton server of this test listens, and what it printed so far."""

    http: str
    grpc: str
    log: Path

    @property
    def urls(self) -> dict[str, str]:
        return {"http": f"http://{self.http}", "grpc": f"grpc://{self.grpc}"}

    def has(self, model: str) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.http}/v2/models/{model}/ready") as answer:
                return answer.status == 200
        except urllib.error.URLError:
            return False


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def running(program: Path, repository: Path) -> Iterator[Server]:
    """Run ``program`` with the Python of this test, which may be one of a virtual environment."""
    ports = free_port(), free_port()
    server = Server(*(f"127.0.0.1:{port}" for port in ports), repository.parent / "server.log")
    libraries = [sysconfig.get_config_var("LIBDIR"), os.environ.get("LD_LIBRARY_PATH", "")]
    command = [
        *(program, "--model-repository", repository, "--disable-auto-complete-config"),
        *("--backend-directory", program.parents[1] / "backends", "--exit-on-error", "false"),
        *("--http-address", "127.0.0.1", "--http-port", str(ports[0])),
        *("--grpc-address", "127.0.0.1", "--grpc-port", str(ports[1]), "--allow-metrics", "false"),
    ]
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "LD_LIBRARY_PATH": ":".join(filter(None, libraries)),
    }
    with server.log.open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        try:
            end = time.monotonic() + START_SECONDS
            while not server.has("fpga-gnn"):
                assert process.poll() is None, server.log.read_text(errors="replace")
                assert time.monotonic() < end, server.log.read_text(errors="replace")
                time.sleep(0.2)
            yield server
        finally:
            process.terminate()
            process.wait(START_SECONDS)


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    program = shutil.which("tritonserver")
    if program is None:
        pytest.skip("tritonserver is not on PATH: no real server is tried; see docs/triton.md")
    repository = tmp_path_factory.mktemp("triton") / "repository"
    config = TritonConfig(reconstructor=ReconstructorConfig(), instances=2, queue=QUEUE)
    model = write_repository(config, repository)
    damaged = shutil.copytree(model, repository / "damaged")
    text = (damaged / "config.pbtxt").read_text()
    (damaged / "config.pbtxt").write_text(text.replace('"fpga-gnn"', '"damaged"'))
    with (damaged / "1" / "run" / "run.json").open("a") as record:
        record.write("\n")
    with running(Path(program).resolve(), repository) as started:
        yield started


async def answers(url: str, *requests: dict[str, Any]) -> list[dict[str, Any] | CallError]:
    """Send ``requests`` at once; an error is the answer to its request."""
    async with TrackClient(url) as client:
        found = await asyncio.gather(*map(client.infer, requests), return_exceptions=True)
    assert all(isinstance(one, (dict, CallError)) for one in found), found
    return found


def ask(server: Server, protocol: str, *requests: dict[str, Any]) -> list[Any]:
    return asyncio.run(answers(server.urls[protocol], *requests))


@pytest.fixture(scope="module")
def request_() -> dict[str, Any]:
    """A request of the smallest sample event."""
    event = min((sample_store().read(i) for i in range(3)), key=lambda event: len(event.hits))
    return request_arrays([event])


def test_triton_finds_the_tracks_of_reconstruct(server, fpga_gnn, tmp_path):
    events = [sample_store().read(event_id) for event_id in range(2)]
    fpga_gnn("reconstruct", sample_store().path, "--max-events", 2, "--out", tmp_path)
    for protocol in ("http", "grpc"):
        (found,) = ask(server, protocol, request_arrays(events))
        parts = np.split(found["track_id"], [len(events[0].hits)])
        for event, part, n_tracks in zip(events, parts, found["tracks_per_event"], strict=True):
            table = pq.read_table(tmp_path / f"event{event.event_id:09d}-tracks.parquet")
            track_of = dict(
                zip(*(table[c].to_pylist() for c in ("hit_id", "track_id")), strict=True)
            )
            assert part.tolist() == [track_of.get(i, -1) for i in event.hits.hit_id.tolist()]
            assert n_tracks == len(set(track_of.values())) > 100


def test_one_event_needs_no_hits_per_event(server, request_):
    without = {name: array for name, array in request_.items() if name != "hits_per_event"}
    (whole,), (alone,) = (ask(server, "grpc", arrays) for arrays in (request_, without))
    assert {name: array.tolist() for name, array in whole.items()} == {
        name: array.tolist() for name, array in alone.items()
    }


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_a_bad_request_is_refused_with_a_sentence(server, request_, protocol):
    x = request_["x"]
    one_hit = {name: array[:1] for name, array in request_.items() if name != "hits_per_event"}
    for change, said in (
        ({"x": np.full_like(x, np.nan)}, "x[0]: found nan, expected a finite number"),
        ({"x": x[:3]}, "tensor 'y': found"),
        ({"hits_per_event": np.array([1])}, "tensor 'hits_per_event': found 1 hits in all"),
        ({name: array[:0] for name, array in one_hit.items()}, "found 0 hits"),
        ({"x": x.astype(np.float64)}, "data-type is 'FP64', but model 'fpga-gnn' expects 'FP32'"),
        ({"x": x[None]}, "unexpected shape for input 'x'"),
        ({"colour": x}, "between 6 and 7 but got 8 inputs"),
    ):
        (error,) = ask(server, protocol, request_ | change)
        assert isinstance(error, CallError)
        assert error.status == 400
        assert said in str(error)
    (found,) = ask(server, protocol, request_)
    assert found["tracks_per_event"].tolist() > [100]


def test_a_full_queue_refuses_and_all_others_are_answered(server, request_):
    (expected,) = ask(server, "grpc", request_)
    found = ask(server, "grpc", *[request_] * 16)
    errors = [one for one in found if isinstance(one, CallError)]
    tracks = [one["track_id"].tolist() for one in found if not isinstance(one, CallError)]
    assert {error.status for error in errors} == {503}
    assert all("Exceeds maximum queue size" in str(error) for error in errors)
    assert len(tracks) > QUEUE
    assert tracks == [expected["track_id"].tolist()] * len(tracks)


def test_a_damaged_model_is_not_served(server):
    assert not server.has("damaged")
    log = server.log.read_text(errors="replace")
    assert "damaged/1/run/run.json: found sha256" in log
    assert "as in config.pbtxt" in log
