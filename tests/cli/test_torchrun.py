"""Training with several ranks of torchrun: the result of one process, and an end in every case."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from fpga_gnn.contract.structure import network_mlps
from fpga_gnn.files import sha256_of
from fpga_gnn.training import torchrun
from fpga_gnn.training.checkpoint import LAST, load_tensors
from fpga_gnn.training.run import FLOAT_FILE, RUN_FILE, load_run
from fpga_gnn.training.teacher_run import TEACHER_FILE

STUDENT = (
    *("train", "--config", "small", "--events", "events", "--detector", "full"),
    *("--float-epochs", 3, "--qat-epochs", 2, "--batch-edges", 128, "--sectors-per-step", 2),
    *("--teacher", "teacher", "--features", 0.2, "--sparsity", 0.3),
)
TEACHER = (
    *("train-teacher", "--events", "events", "--validation", "two_events", "--module-map", "map"),
    *("--config", "small", "--detector", "full", "--hidden", 8, "--iterations", 2),
    *("--epochs", 4, "--partition-edges", 64, "--partitions-per-step", 5, "--learning-rate", 0.02),
)
ROUNDING = 1e-5
"""Largest difference of weights and losses where ranks add up in another order; measured: 2e-7."""


@pytest.fixture
def launch(place):
    """Run a command line under torchrun in ``place``."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
    }

    def run(ranks, *command):
        torchrun_ = (sys.executable, "-m", "torch.distributed.run", "--standalone")
        return subprocess.run(
            [*torchrun_, "--nproc-per-node", str(ranks), *(str(word) for word in command)],
            cwd=place,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


@pytest.fixture
def as_rank(monkeypatch):
    """This process believes torchrun started it as one of two; returns how often it gave way."""
    given_way = []

    def pretend(rank):
        for name, value in (("RANK", rank), ("LOCAL_RANK", rank), ("WORLD_SIZE", 2)):
            monkeypatch.setenv(name, str(value))
        monkeypatch.setattr(torchrun, "give_way", lambda: given_way.append(rank))
        return given_way

    return pretend


def tensors_and_history(folder):
    tensors, metadata = load_tensors(folder / LAST)
    return tensors, json.loads(metadata["history"])


def integers(folder):
    mlps = network_mlps(load_run(folder).student.integer_network())
    return [array for mlp in mlps for layer in mlp.layers for array in (layer.weight, layer.bias)]


def epochs(text):
    return [line.split("loss")[0].split() for line in text.splitlines() if "epoch" in line]


def test_a_student_of_a_killed_rank_ends_on_one_as_on_one(fpga_gnn, launch, place, teacher):
    assert fpga_gnn(*STUDENT, "--out", "one").code == 0

    done = launch(2, Path(__file__).with_name("killed_rank.py"), *STUDENT, "--out", "two")
    assert done.returncode == 1
    assert "Signal 9 (SIGKILL)" in done.stderr
    assert "fpga-gnn: error" not in done.stderr
    whole = [*(["float", "epoch", str(i)] for i in (1, 2, 3)), ["qat", "epoch", "1"]]
    assert epochs(done.stdout) == whole
    answers = [path.relative_to(place / "two") for path in (place / "two" / "teacher").rglob("*.*")]
    assert len(answers) == 4
    resumed = fpga_gnn(*STUDENT, "--out", "two")
    assert resumed.code == 0
    assert epochs(resumed.out) == [*whole, ["qat", "epoch", "2"]]

    # each rank takes one of the two sectors of a step, and a sum of two has no order
    (one, history), (two, same_history) = (
        tensors_and_history(place / name) for name in ("one", "two")
    )
    assert [name for name in one if not torch.equal(one[name], two[name])] == []
    assert json.dumps(history) == json.dumps(same_history)
    assert all(map(np.array_equal, integers(place / "one"), integers(place / "two")))
    for name in (FLOAT_FILE, RUN_FILE, *answers):
        assert sha256_of(place / "one" / name) == sha256_of(place / "two" / name), name


def test_a_teacher_ends_on_two_ranks_of_unequal_shares_as_on_one(fpga_gnn, launch, place):
    assert fpga_gnn(*TEACHER, "--out", "one").code == 0
    done = launch(2, "--no-python", "fpga-gnn", *TEACHER, "--out", "two")
    assert done.returncode == 0, done.stderr
    assert epochs(done.stdout) == [["epoch", str(i)] for i in (1, 2, 3, 4)]
    assert done.stdout.count("saved two;") == 1
    assert done.stderr.count("fpga-gnn") == 0
    (one, history), (two, other_history) = (
        tensors_and_history(place / name) for name in ("one", "two")
    )
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        assert torch.allclose(tensor, two[name], rtol=0, atol=ROUNDING), name
    for row, other in zip(history, other_history, strict=True):
        assert row["loss"] == pytest.approx(other["loss"], abs=ROUNDING)
        assert row["auc"] == pytest.approx(other["auc"], abs=1e-3)
    records = [json.loads((place / name / TEACHER_FILE).read_text()) for name in ("one", "two")]
    assert records[0]["events"] == records[1]["events"]
    assert records[0]["builders"].keys() == records[1]["builders"].keys()


def test_other_commands_take_one_process(fpga_gnn, as_rank):
    as_rank(0)
    outcome = fpga_gnn("evaluate", "--model", "student", "--events", "nothing")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == (
        "fpga-gnn: error: evaluate: found 2 ranks (WORLD_SIZE), expected one process; "
        "only train and train-teacher take more\n"
    )


@pytest.mark.parametrize("rank", [0, 1])
def test_rank_0_reports_a_failure_first(fpga_gnn, as_rank, place, rank):
    given_way = as_rank(rank)
    outcome = fpga_gnn("train", "--events", "nothing")
    assert (outcome.code, outcome.out) == (2, "")
    assert len(outcome.err.splitlines()) == 1
    prefix = ("", "rank 1: ")[rank]
    assert outcome.err.startswith(f"fpga-gnn: error: {prefix}nothing: found no manifest.json")
    assert given_way == [rank] * rank
