"""Checkpoints: what is saved is loaded, damage is named, a failed write changes nothing."""

from __future__ import annotations

import pytest
import torch

from fpga_gnn import files
from fpga_gnn.errors import InputError
from fpga_gnn.training.checkpoint import (
    flatten_optimizer,
    load_tensors,
    restore_optimizer,
    save_tensors,
)

TENSORS = {"weight": torch.arange(6.0).reshape(2, 3), "step": torch.tensor(3)}


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "net.safetensors"
    save_tensors(path, TENSORS, {"key": "value"})
    return path


def test_tensors_and_metadata_round_trip(saved):
    tensors, metadata = load_tensors(saved)
    assert metadata == {"key": "value"}
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], value) for name, value in TENSORS.items())
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_a_transposed_view_keeps_its_values(tmp_path):
    save_tensors(tmp_path / "view.safetensors", {"w": TENSORS["weight"].T}, {})
    assert torch.equal(load_tensors(tmp_path / "view.safetensors")[0]["w"], TENSORS["weight"].T)


@pytest.mark.parametrize("keep", [0, 7, 40, -1])
def test_a_truncated_file_is_refused(saved, keep):
    saved.write_bytes(saved.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"net\.safetensors: found .*expected a safetensors"):
        load_tensors(saved)


@pytest.mark.parametrize("content", [b"{}", b"PAR1 no tensors here", b"\x80\x04N."])
def test_a_file_of_something_else_is_refused(saved, content):
    saved.write_bytes(content)
    with pytest.raises(InputError, match="expected a safetensors checkpoint"):
        load_tensors(saved)


def test_a_missing_file_or_a_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="found No such file"):
        load_tensors(tmp_path / "none.safetensors")
    with pytest.raises(InputError, match="expected a safetensors checkpoint"):
        load_tensors(tmp_path)


def test_a_write_that_fails_keeps_the_earlier_file(saved, monkeypatch):
    before = saved.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(files.os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        save_tensors(saved, {"weight": torch.zeros(1)}, {})
    assert saved.read_bytes() == before


def test_a_restored_optimizer_takes_the_same_steps(tmp_path):
    def parameter_and_optimizer():
        parameter = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
        return parameter, torch.optim.Adam([parameter], lr=0.1)

    def step(parameter, optimizer):
        optimizer.zero_grad()
        (parameter**4).sum().backward()
        optimizer.step()

    one, adam = parameter_and_optimizer()
    for _ in range(3):
        step(one, adam)
    two, other = parameter_and_optimizer()
    with torch.no_grad():
        two.copy_(one)
    save_tensors(tmp_path / "adam.safetensors", flatten_optimizer(adam), {})
    restore_optimizer(other, load_tensors(tmp_path / "adam.safetensors")[0])
    for _ in range(3):
        step(one, adam)
        step(two, other)
    assert torch.equal(one, two)
