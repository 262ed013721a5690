"""Synthesis counts of a tiny design: what they are, and that they stay what they were."""

from __future__ import annotations

import importlib.util

import pytest

from fpga_gnn.contract import load_contract, parse_contract
from fpga_gnn.flows.drawn_network import drawn_network
from fpga_gnn.flows.rtl_synthesis import classifier_kernel, rtl_synthesis, track_kernels
from fpga_gnn.hw.boards import load_board
from fpga_gnn.report.resources import ResourceTable
from fpga_gnn.report.summary import drift_lines, load_report

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("pyosys") is None, reason="Yosys is not installed"
)

REST = "edge_classifier, the rest"


def tiny_contract():
    data = load_contract("small").with_partition(64, 128).model_dump()
    data["name"] = "tiny"
    data["network"] |= {"hidden": 4, "iterations": 1}
    for kernel in ("connected_components", "track_builder"):
        data["kernels"][kernel] |= {"max_nodes": 1024, "max_edges": 2048}
    return parse_contract(data, "tiny")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("yosys")


@pytest.fixture(scope="module")
def found(folder):
    contract, announced = tiny_contract(), []
    network = drawn_network(contract, 1.0)
    # The module map takes minutes even when tiny: `fpga-gnn yosys` counts it.
    kernels = [classifier_kernel(network, contract, folder / "rtl"), *track_kernels(contract)]
    report, table = rtl_synthesis(kernels, contract, load_board("u250"), folder, announced.append)
    assert len(announced) == len(set(announced)) == len(table.parts)
    return report, table


def test_counts_are_those_of_the_baseline(found, folder):
    report, _ = found
    bless = f"if that is meant: fpga-gnn bless {folder / 'report.json'}"
    assert report.drift == [], "\n".join(["", *drift_lines(report.drift), bless])
    (step,) = (step for step in report.steps if step.name == "baseline")
    expected = f"{len(report.hardware)} figures compared, 0 not measured now, 0 not in the baseline"
    assert step.detail == expected, bless


def test_all_parts_are_in_the_table(found, folder):
    report, table = found
    names = [part.name for part in table.parts]
    assert names[:2] == ["edge_classifier.node_encoder", "edge_classifier.edge_encoder"]
    assert names[-3:] == [REST, "connected_components", "track_builder"]
    assert {part.copies for part in table.parts} == {1, 2}
    assert all(part.used.lut > 100 and part.used.ff > 50 for part in table.parts)
    assert (report.flow, [*report.tools]) == ("yosys", ["yosys"])
    assert {number.label for number in report.hardware} == {table.label} == {"yosys"}
    assert load_report(folder / "report.json") == report
    assert ResourceTable.model_validate_json((folder / "resources.json").read_text()) == table


def test_mlps_are_counted_once(found):
    """Without black boxes the classifier's stages would hold all MLPs again."""
    _, table = found
    used = {part.name: part.used.lut for part in table.parts}
    mlps = sum(lut for name, lut in used.items() if name.startswith("edge_classifier."))
    assert used[REST] < mlps
