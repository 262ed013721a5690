"""Programs: found or missed with a hint, logged, stopped in time."""

from __future__ import annotations

import os
import re
import sys
import time

import pytest

from fpga_gnn.errors import ToolFailedError, ToolMissingError
from fpga_gnn.hw.toolchain import ap_types_dir, find_tool, run


def test_found_tool_has_path_and_version():
    tool = find_tool("g++", "install g++")
    assert tool.path.is_absolute()
    assert re.search(r"\d+\.\d+", tool.version)


def test_missing_tool_says_what_to_install():
    with pytest.raises(ToolMissingError, match="no-such-tool: not found on PATH; install it"):
        find_tool("no-such-tool", "install it")


def test_tool_that_cannot_say_its_version():
    with pytest.raises(ToolFailedError, match="--no-such-option"):
        find_tool("g++", "install g++", ["--no-such-option"])


def test_output_and_log_are_the_same(tmp_path):
    log = tmp_path / "deep" / "log.txt"
    code = "import os, sys; print(os.environ['A']); print('err', file=sys.stderr)"
    text = run([sys.executable, "-c", code], log, 30, cwd=tmp_path, env={"A": "out"})
    assert sorted(text.split()) == ["err", "out"]
    assert log.read_text() == text


def test_failure_names_status_and_log(tmp_path):
    log = tmp_path / "log.txt"
    with pytest.raises(ToolFailedError, match=rf"exit status 7; log: {log}"):
        run([sys.executable, "-c", "print('why'); raise SystemExit(7)"], log, 30)
    assert log.read_text() == "why\n"


def test_program_that_cannot_start(tmp_path):
    with pytest.raises(ToolFailedError, match="No such file"):
        run([tmp_path / "absent"], tmp_path / "log.txt", 30)


def test_timeout_stops_the_children_too(tmp_path):
    pid = tmp_path / "pid"
    with pytest.raises(ToolFailedError, match=r"stopped after 0\.5 s"):
        run(["sh", "-c", f"sleep 60 & echo $! > {pid}; wait"], tmp_path / "log.txt", 0.5)
    child = int(pid.read_text())
    for _ in range(50):
        if not _runs(child):
            return
        time.sleep(0.1)
    pytest.fail(f"child {child} still runs")


def _runs(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_ap_types_of_the_hls4ml_distribution():
    folder = ap_types_dir()
    assert {"ap_int.h", "ap_fixed.h", "hls_stream.h"} <= set(os.listdir(folder))
