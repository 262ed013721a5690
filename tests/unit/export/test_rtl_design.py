"""The folder of the RTL edge classifier: what is in it, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from fpga_gnn.contract.structure import network_mlps
from fpga_gnn.errors import FpgaGnnError, InputError
from fpga_gnn.export.rtl_design import DESIGN, write_rtl_design
from fpga_gnn.hw.rtl_classifier import classifier_module


@pytest.fixture(scope="module")
def small(contract, vary):
    return vary(contract, hidden=3)


@pytest.fixture(scope="module")
def network(small, make_student):
    return make_student(small, 1).integer_network()


@pytest.fixture
def design(network, small, tmp_path):
    return write_rtl_design(network, small, tmp_path / "design")


def test_the_folder_is_a_module_for_the_simulator(design, small):
    module = classifier_module(design.folder, small)
    files = {path.name for path in design.folder.iterdir()}
    assert {path.name for path in (*module.sources, *module.generated)} == files - {DESIGN}
    assert {(s.name, s.bits) for s in module.streams} == {
        ("nodes", 3 * 12),
        ("edges", 2 * 5 + 4 * 12),
        ("scores", 12),
    }
    assert len(module.status) == 2 * 3


def test_every_mlp_is_a_module(design, network):
    names = {file.name for file in design.folder.glob("*.v")}
    assert {f"{m.name.replace('[', '_').replace(']', '')}.v" for m in network_mlps(network)} < names
    assert len(design.edge_updates) == len(design.node_updates) == network.iterations


def test_equal_arguments_write_equal_files(design, network, small, tmp_path):
    again = write_rtl_design(network, small, tmp_path / "again")
    assert replace(again, folder=design.folder) == design
    texts = [
        {file.name: file.read_text() for file in folder.iterdir()}
        for folder in (design.folder, again.folder)
    ]
    assert texts[0] == texts[1]


def test_an_earlier_design_is_replaced(design, network, small):
    (design.folder / "old.v").write_text("")
    write_rtl_design(network, small, design.folder)
    assert not (design.folder / "old.v").exists()


def test_a_foreign_folder_is_refused(network, small, tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(InputError, match="files of something else"):
        write_rtl_design(network, small, tmp_path)
    assert (tmp_path / "thesis.tex").exists()


def test_a_network_that_da4ml_cannot_build_leaves_the_design(design, network, small):
    layer = replace(network.decoder[0], bias_frac=40)
    wrong = replace(network, decoder=(layer, *network.decoder[1:]))
    with pytest.raises(FpgaGnnError, match="40 fraction bits"):
        write_rtl_design(wrong, small, design.folder)
    assert (design.folder / DESIGN).is_file()


def test_another_contract_is_refused(design, contract):
    with pytest.raises(InputError, match=f"expected contract {contract.sha256[:12]}"):
        classifier_module(design.folder, contract)


def test_no_design(tmp_path, small):
    with pytest.raises(InputError, match="expected a design"):
        classifier_module(tmp_path, small)


def test_a_damaged_description(design, small):
    text = json.loads((design.folder / DESIGN).read_text())
    (design.folder / DESIGN).write_text(json.dumps(text | {"extra": 1}))
    with pytest.raises(InputError, match="unknown key extra"):
        classifier_module(design.folder, small)


def test_laws_on_cycles(design):
    """The smallest partition's latency is all latencies; a full one's next edges wait."""
    edge, node = sum(design.edge_updates), sum(design.node_updates)
    fixed = design.node_encoder + edge + node + 2 * 7 + design.decoder + 5
    assert design.latency(1, 1) == 3 * 1 + 3 * 1 + fixed
    assert design.latency(10, 20) == 3 * 10 + 3 * 20 + fixed
    slowest = max(design.edge_updates) + 3
    assert design.interval(10, 20) == 10 + 20 + slowest
    assert design.interval(10, 64) > 10 + 64 + slowest
    assert design.after_reset(10) == 32 - 10 - design.node_encoder - 2
    assert design.after_reset(32) == 0
