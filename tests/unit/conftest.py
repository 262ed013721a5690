"""An hls4ml project without a network, for tests that only move its files."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pytest

from fpga_gnn.contract import HEADER_NAME, emit_header, load_contract


@pytest.fixture
def hls4ml_project(tmp_path):
    """The files of an hls4ml project, written for another part, clock and uncertainty."""
    project = tmp_path / "project"
    for name in ("firmware/weights/w2.txt", "firmware/weights/w2.h", "firmware/edge_classifier.h"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(f"// {name}\n")
    (project / "firmware" / "edge_classifier.cpp").write_text("// the design\n")
    (project / "firmware" / "edge_classifier-1234.so").write_text("of the host")
    (project / "firmware" / "ap_types").mkdir()
    (project / "edge_classifier_test.cpp").write_text("// the bench\n")
    (project / HEADER_NAME).write_text(emit_header(load_contract("w8")))
    (project / "tb_data").mkdir()
    (project / "tb_data" / "golden.txt").write_text("kernel edge_classifier\n")
    (project / "project.tcl").write_text(
        'set project_name "edge_classifier"\nset backend "vitis"\nset part "xcvu13p-flga2577-2-e"\n'
        "set clock_period 5\nset clock_uncertainty 27%\nset maximum_size 4096\n"
    )
    installed = Path(importlib.util.find_spec("hls4ml").submodule_search_locations[0])
    shutil.copy(installed / "templates" / "vitis" / "build_prj.tcl", project)
    return project
