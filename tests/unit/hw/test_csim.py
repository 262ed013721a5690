"""The C-simulation cache: built once, never for the wrong contract, failures with a log."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from fpga_gnn.contract import emit_header, load_contract
from fpga_gnn.errors import InputError, ToolFailedError, ToolMissingError
from fpga_gnn.hw import csim
from fpga_gnn.hw.cache import cache_dir
from fpga_gnn.hw.csim import CsimConnectedComponents

CONTRACT = load_contract("w8")


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "fpga-gnn"


def label_pair(kernel: CsimConnectedComponents) -> list[int]:
    one = np.ones(1, dtype=np.int64)
    return kernel.label(3, one, one + 1, one).tolist()


def test_concurrent_builds_share_one_library(own_cache, monkeypatch):
    with ThreadPoolExecutor(2) as pool:
        for kernel in pool.map(CsimConnectedComponents, [CONTRACT] * 2):
            assert label_pair(kernel) == [0, 1, 1]
    assert len(list(own_cache.glob("csim/*.so"))) == 1
    assert {path.suffix for path in own_cache.glob("csim/*")} == {".so", ".log"}

    monkeypatch.setattr(csim, "run", lambda *_: pytest.fail("compiled again"))
    assert label_pair(CsimConnectedComponents(CONTRACT)) == [0, 1, 1]


def test_library_of_another_contract_is_refused(monkeypatch):
    other = CONTRACT.with_partition(2, 1)
    monkeypatch.setattr(csim, "emit_header", lambda _: emit_header(other))
    with pytest.raises(InputError, match=rf"found contract {other.sha256[:12]}"):
        CsimConnectedComponents(CONTRACT)


def test_failed_build_leaves_the_log_and_no_library(own_cache, monkeypatch):
    monkeypatch.setattr(csim, "emit_header", lambda _: "#error broken contract\n")
    with pytest.raises(ToolFailedError, match="log: ") as failure:
        CsimConnectedComponents(CONTRACT)
    log = Path(re.search(r"log: (\S+)", str(failure.value))[1])
    assert "broken contract" in log.read_text()
    assert list(own_cache.glob("csim/*")) == [log]


def test_no_compiler(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ToolMissingError, match="g\\+\\+: not found on PATH; install"):
        CsimConnectedComponents(CONTRACT)


def test_cache_that_cannot_be_written(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    with pytest.raises(InputError, match="XDG_CACHE_HOME"):
        CsimConnectedComponents(CONTRACT)


def test_cache_is_in_home_by_default(monkeypatch, tmp_path):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_dir() == tmp_path / ".cache" / "fpga-gnn"


def test_bad_graph_is_refused_before_the_kernel(own_cache):
    kernel = CsimConnectedComponents(CONTRACT)
    with pytest.raises(InputError, match=r"dst\[0\]: found 3"):
        kernel.label(3, np.array([0]), np.array([3]), np.array([1]))
