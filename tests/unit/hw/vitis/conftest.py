"""A stand-in for Vitis on an otherwise empty PATH, and jobs for it."""

from __future__ import annotations

import pytest

from fpga_gnn.contract import load_contract
from fpga_gnn.hw.boards import load_board
from fpga_gnn.hw.vitis.jobs import write_composition_job, write_kernel_job
from fpga_gnn.hw.vitis.tools import find_linker, find_vitis


@pytest.fixture(scope="session")
def board():
    return load_board("u250")


@pytest.fixture(scope="session")
def w8():
    """The contract of the committed golden vectors."""
    return load_contract("w8")


@pytest.fixture
def programs(fake_vitis, tmp_path, monkeypatch):
    """Install the stand-in on a PATH that has nothing else."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return fake_vitis


@pytest.fixture
def vitis(programs):
    programs("vitis-run")
    return find_vitis()


@pytest.fixture
def linker(programs):
    programs("v++")
    return find_linker()


@pytest.fixture
def job(tmp_path, w8, board):
    name = "connected_components"
    return write_kernel_job(name, w8, board, tmp_path / "kernels" / name)


@pytest.fixture
def composition(tmp_path, w8, board, hls4ml_project):
    folder = tmp_path / "kernels" / "track_finder"
    return write_composition_job("track_finder", w8, board, hls4ml_project, folder)
