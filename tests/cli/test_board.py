"""The backend board on small events: the host's code as on a card, with the kernels' C simulation
on the bytes of the buffers of a stand-in for XRT."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from fpga_gnn.errors import InputError
from fpga_gnn.events.sample import sample_store
from fpga_gnn.flows.backend_names import KERNEL_BUILDERS
from fpga_gnn.flows.backends import load_backend
from fpga_gnn.hw.binary import Design, save_record
from fpga_gnn.hw.xrt import RUNS_PER_UNIT
from fpga_gnn.report.reconstruction import STAGES
from fpga_gnn.serve.config import ReconstructorConfig
from fpga_gnn.serve.reconstructor import Reconstructor
from fpga_gnn.training.run import load_run

XRT_DOUBLE = Path(__file__).parents[1] / "xrt_double"
LANES = 2
EVENTS = 0, 4


@pytest.fixture(scope="module")
def run(small_run):
    return load_run(small_run)


@pytest.fixture(scope="module")
def peer(run, tmp_path_factory):
    return load_backend("csim", run, tmp_path_factory.mktemp("design"))


@pytest.fixture(scope="module")
def kernels(run, peer):
    """The kernels of a binary with ``run`` inside."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(XRT_DOUBLE)
        from design_kernels import kernels_of
    return kernels_of(run.contract, peer.project)


def write_binary(file, run, units) -> None:
    file.write_bytes(b"a bitstream")
    network = run.student.integer_network().sha256
    design = Design(
        contract_sha256=run.contract.sha256,
        network_sha256=network,
        platform="xilinx_u250",
        target="hw",
        units=units,
    )
    save_record(design, file)


@pytest.fixture
def machine(pyxrt, run, kernels, place):
    """The card; ``board.xclbin`` in the working folder is a binary for it with all kernels."""
    pyxrt.machine.kernels = kernels
    pyxrt.machine.units = {name: LANES if name == "partition_scorer" else 1 for name in kernels}
    write_binary(place / "board.xclbin", run, pyxrt.machine.units)
    return pyxrt.machine


def test_every_stage_is_that_of_the_c_simulation(machine, run, peer, place):
    board = load_backend("board", run, place, place / "board.xclbin")
    assert board.builders == KERNEL_BUILDERS
    for event in map(sample_store().read, EVENTS):
        machine.runs.clear()
        got, expected = board.graph(event), peer.graph(event)
        assert got.n_candidates == expected.n_candidates
        assert got.graph.n_saturated == expected.graph.n_saturated
        for column in ("src", "dst", "node_features", "edge_features", "position"):
            one, other = getattr(got.graph, column), getattr(expected.graph, column)
            assert np.array_equal(one, other), column
        [scored], [peers] = board.scores([got.graph]), peer.scores([expected.graph])
        assert np.array_equal(scored.scores, peers.scores)
        assert np.array_equal(scored.unplaced, peers.unplaced)
        assert scored.n_partitions == peers.n_partitions > 2 * RUNS_PER_UNIT * LANES
        assert np.unique(scored.scores).size > 100
        for name in board.builders:
            labels = board.labels(name, got.graph, scored)
            assert np.array_equal(labels, peer.labels(name, expected.graph, peers)), name
            assert labels.max() > 100
        lanes = [machine.runs.pop(f"partition_scorer_{i + 1}") for i in range(LANES)]
        assert sum(lanes) == scored.n_partitions
        assert max(lanes) - min(lanes) <= 1
        others = machine.kernels.keys() - {"partition_scorer"}
        assert machine.runs == {f"{name}_1": 1 for name in others}
    for i in range(LANES):
        assert machine.most_in_flight[f"partition_scorer_{i + 1}"] == RUNS_PER_UNIT


@pytest.mark.usefixtures("machine")
def test_reconstruct_writes_the_tracks_of_torch(fpga_gnn, place, small_run):
    command = ("reconstruct", "two_events", "--model", small_run)
    for out, options in (("torch", ()), ("board", ("--xclbin", "board.xclbin"))):
        outcome = fpga_gnn(*command, "--backend", out, "--out", out, *options)
        assert (outcome.code, outcome.err) == (0, "")
    names = [path.name for path in sorted((place / "torch").glob("*.parquet"))]
    assert len(names) == 2
    for name in names:
        board, torch = (pq.read_table(place / out / name) for out in ("board", "torch"))
        assert board.equals(torch)
        assert board.num_rows > 50


@pytest.mark.usefixtures("machine")
def test_evaluate_and_benchmark_take_the_card(fpga_gnn, small_run):
    common = ("--events", "two_events", "--max-events", 1, "--model", small_run)
    board = ("--backend", "board", "--xclbin", "board.xclbin")
    outcome = fpga_gnn("evaluate", "--out", "physics", *common, *board)
    assert (outcome.code, outcome.err) == (0, "")
    outcome = fpga_gnn(
        *("benchmark", "--out", "times", *common, *board, "--repeat", 1),
        *("--only", "gnn", "--only", "graph"),
    )
    assert (outcome.code, outcome.err) == (0, "")
    assert "graph, board" in outcome.out


def test_only_the_builders_of_the_binary(machine, run, place, fpga_gnn, small_run):
    units = dict.fromkeys(("module_map", "partition_scorer", "track_builder"), 1)
    write_binary(place / "board.xclbin", run, units)
    assert load_backend("board", run, place, place / "board.xclbin").builders == ("cc-jr",)
    outcome = fpga_gnn(
        *("reconstruct", "two_events", "--model", small_run, "--out", "new"),
        *("--backend", "board", "--xclbin", "board.xclbin", "--builder", "dwalk"),
    )
    assert outcome.code == 2
    assert "found 'dwalk', expected one of cc-jr" in outcome.err


def test_a_binary_of_another_network_is_refused(machine, run, place):
    other = run.student.integer_network()
    decoder = other.decoder[-1]
    decoder.bias[0] += 1
    save_record(
        Design(
            contract_sha256=run.contract.sha256,
            network_sha256=other.sha256,
            platform="xilinx_u250",
            target="hw",
            units=machine.units,
        ),
        place / "board.xclbin",
    )
    with pytest.raises(InputError, match=r"board\.xclbin\.json: found network \w{12}, expected"):
        load_backend("board", run, place, place / "board.xclbin")
    assert machine.loaded == []


BOARD = ("--backend", "board", "--xclbin", "board.xclbin")


@pytest.mark.parametrize(
    ("fault", "options", "code", "message"),
    [
        ({}, ("--backend", "board"), 2, "--backend board: found no binary, expected --xclbin FILE"),
        ({}, ("--xclbin", "board.xclbin"), 2, "found board.xclbin, expected --backend board"),
        ({"device": "none"}, BOARD, 2, "XRT finds no card (none); --backend csim runs the same"),
        (
            {"partition_scorer_2": "ERT_CMD_STATE_TIMEOUT"},
            BOARD,
            1,
            "partition_scorer_2: the run did not complete (ERT_CMD_STATE_TIMEOUT in 60 s at most)",
        ),
    ],
)
def test_failures_are_one_line(fpga_gnn, machine, small_run, fault, options, code, message):
    machine.faults = fault
    command = ("reconstruct", "two_events", "--model", small_run, "--out", "new")
    outcome = fpga_gnn(*command, *options)
    assert outcome.code == code
    assert len(outcome.err.splitlines()) == 1
    assert re.search(re.escape(message), outcome.err)


def test_without_xrt_it_says_what_runs_instead(fpga_gnn, place, small_run, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyxrt", None)
    command = ("reconstruct", "two_events", "--model", small_run, "--out", "new")
    (place / "board.xclbin").write_bytes(b"a bitstream")
    outcome = fpga_gnn(*command, *BOARD)
    assert outcome.code == 2
    (line,) = outcome.err.splitlines()
    assert re.fullmatch(r"fpga-gnn: error: XRT: .*; install XRT .*; --backend csim runs .*", line)


def test_events_served_together_share_all_classifiers(machine, small_run, peer, place):
    config = ReconstructorConfig(
        model=small_run, backend="board", xclbin=place / "board.xclbin", builder="cc-jr"
    )
    served = Reconstructor.open(config, None)
    events = [sample_store().read(event_id) for event_id in EVENTS]
    machine.runs.clear()
    answers, seconds = served.find(events)
    assert list(seconds) == list(STAGES)
    lanes = [machine.runs[f"partition_scorer_{i + 1}"] for i in range(LANES)]
    assert max(lanes) - min(lanes) <= 1
    for event, answer in zip(events, answers, strict=True):
        [expected], _ = Reconstructor(peer, "cc-jr").find([event])
        assert np.array_equal(answer.track_id, expected.track_id)
        assert answer.unplaced_edges == expected.unplaced_edges
        assert answer.tracks_per_event > 100
