"""Programs of Vitis: which one is taken, and what is quoted of a log."""

from __future__ import annotations

import pytest

from fpga_gnn.hw.vitis.tools import find_linker, find_vitis, last_error


def test_no_vitis(programs):
    assert find_vitis() is None
    assert find_linker() is None


def test_vitis_run_is_preferred_and_has_a_version(programs):
    programs("vitis_hls")
    assert find_vitis().name == "vitis_hls"
    programs("vitis-run")
    assert find_vitis().name == "vitis-run"
    assert find_vitis().version == "****** Vitis HLS v2023.2 (64-bit)"


def test_linker_has_a_version(linker):
    assert (linker.name, linker.version) == ("v++", "****** v++ v2023.2 (64-bit)")


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("", "the log is empty"),
        ("INFO: one\n\nINFO: two\n\n", "last line: INFO: two"),
        ("ERROR: one\nERROR: two\nINFO: bye\n", "last error: ERROR: two"),
        ("FATAL: one\nbye\n", "last error: FATAL: one"),
    ],
)
def test_last_error(tmp_path, log, said):
    (tmp_path / "log").write_text(log)
    assert last_error(tmp_path / "log") == said
