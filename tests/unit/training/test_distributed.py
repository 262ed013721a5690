"""The group of ranks, as far as one process tells; ``tests/cli/test_torchrun.py`` has several."""

from __future__ import annotations

import pytest
import torch

from fpga_gnn.errors import InputError
from fpga_gnn.training import distributed, torchrun
from fpga_gnn.training.config import TeacherConfig, TrainingConfig


@pytest.fixture
def launched(monkeypatch):
    """torchrun started this process as rank 1 of two on a machine of ``devices``."""

    def launch(devices):
        for name, value in (("RANK", "1"), ("LOCAL_RANK", "1"), ("WORLD_SIZE", "2")):
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: devices)
        monkeypatch.setattr(
            distributed.dist, "init_process_group", lambda *_, **__: pytest.fail("joined")
        )

    return launch


def test_a_process_of_its_own_is_a_group_of_one():
    with distributed.process_group("cpu"):
        assert not distributed.dist.is_initialized()
        assert (distributed.rank(), distributed.world_size(), distributed.is_main()) == (0, 1, True)
        assert distributed.on_main(lambda: "made") == "made"
        assert list(distributed.by_turns(str, range(3))) == ["0", "1", "2"]
        assert list(distributed.by_turns(str, [])) == []
        tensor = torch.arange(3)
        assert distributed.summed(tensor) is tensor
        distributed.leave_to_main()


def test_by_turns_makes_one_at_a_time():
    made = []
    for seen in distributed.by_turns(lambda i: made.append(i) or i, range(3)):
        assert made == list(range(seen + 1))


@pytest.mark.parametrize(
    ("environment", "ranks", "rank"),
    [
        ({}, 1, 0),
        ({"WORLD_SIZE": "4"}, 1, 0),
        ({"WORLD_SIZE": "1", "RANK": "0"}, 1, 0),
        ({"WORLD_SIZE": "4", "RANK": "3"}, 4, 3),
    ],
)
def test_torchrun_says_who_a_process_is(monkeypatch, environment, ranks, rank):
    for name in ("WORLD_SIZE", "RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert (torchrun.ranks(), torchrun.rank()) == (ranks, rank)


@pytest.mark.parametrize(
    ("device", "message"),
    [
        ("cuda", "torchrun: found 1 CUDA devices, expected one per rank; --nproc-per-node 1"),
        ("cuda:0", r"torchrun: found one device \(cuda:0\) for all ranks, expected --device cuda"),
    ],
)
def test_ranks_without_a_device_of_their_own_are_refused(launched, device, message):
    launched(devices=1)
    with pytest.raises(InputError, match=message), distributed.process_group(device):
        pytest.fail("entered")


def test_more_ranks_than_batches_in_a_step_are_refused(monkeypatch):
    assert (TrainingConfig().sectors_per_step, TeacherConfig().partitions_per_step) == (1, 1)
    monkeypatch.setattr(distributed, "world_size", lambda: 3)
    distributed.require_enough_work(3, "--sectors-per-step")
    with pytest.raises(InputError) as caught:
        distributed.require_enough_work(2, "--sectors-per-step")
    assert str(caught.value) == (
        "torchrun: found 3 ranks and --sectors-per-step 2, "
        "expected no more ranks than batches in a step; --sectors-per-step 3"
    )
