"""Linking: compute units, SLRs and memory banks of the board, and v++ with a stand-in."""

from __future__ import annotations

import pytest

from fpga_gnn.errors import InputError, ToolFailedError
from fpga_gnn.hw.kernels import hls_dir
from fpga_gnn.hw.vitis.link import (
    composition_config,
    kernel_ports,
    link_arguments,
    run_link,
    slr_overflow,
)
from fpga_gnn.report.csynth import Resources

SMALL = Resources(lut=1000, ff=1000, dsp=1, bram_18k=1, uram=1)


@pytest.fixture
def with_lanes(w8):
    def change(lanes):
        shape = w8.kernels.edge_classifier.model_copy(update={"lanes": lanes})
        kernels = w8.kernels.model_copy(update={"edge_classifier": shape})
        return w8.model_copy(update={"kernels": kernels})

    return change


def connectivity(config):
    head, _, body = config.partition("[connectivity]\n")
    return head.splitlines(), body.splitlines()


def test_ports_are_the_bundles_of_the_interface_pragmas():
    assert kernel_ports(hls_dir() / "top" / "track_finder.cpp") == [
        f"m_axi_gmem{i}" for i in range(8)
    ]


@pytest.mark.parametrize(
    ("pragma", "found"),
    [
        ("(interface axis port = rows)", "0 AXI masters, 0 bundles, 1 streams"),
        ("(interface s_axilite port = return)", "0 AXI masters"),
        ("(interface m_axi port = a bundle = b)(interface m_axi port = c)", "2 AXI masters, 1 bu"),
    ],
)
def test_top_that_v_plus_plus_could_not_connect(tmp_path, pragma, found):
    (tmp_path / "top.cpp").write_text(pragma)
    with pytest.raises(InputError, match=found):
        kernel_ports(tmp_path / "top.cpp")


def test_one_compute_unit_per_classifier_each_beside_its_memory(board, with_lanes):
    head, body = connectivity(composition_config("track_finder", with_lanes(2), board))
    assert head == [
        "platform=xilinx_u250_gen3x16_xdma_4_1_202210_1",
        "kernel_frequency=300",
        "save-temps=1",
        "temp_dir=_x",
        "",
    ]
    assert body == [
        "nk=track_finder:2",
        "slr=track_finder_1:SLR0",
        *(f"sp=track_finder_1.m_axi_gmem{i}:DDR[0]" for i in range(8)),
        "slr=track_finder_2:SLR1",
        *(f"sp=track_finder_2.m_axi_gmem{i}:DDR[1]" for i in range(8)),
    ]


def test_more_compute_units_than_slrs_share_them(board, with_lanes):
    _, body = connectivity(composition_config("track_finder", with_lanes(6), board, SMALL))
    slrs = [line.rpartition("SLR")[2] for line in body if line.startswith("slr=")]
    assert slrs == list("012301")


def test_compute_unit_larger_than_its_share_is_not_tied_to_an_slr(board, with_lanes):
    uram = SMALL.model_copy(update={"uram": 161})
    assert slr_overflow(board, 4, uram) == ""
    assert slr_overflow(board, 5, uram) == "URAM 322 of 320"
    _, body = connectivity(composition_config("track_finder", with_lanes(5), board, uram))
    assert not any(line.startswith("slr=") for line in body)
    assert sum(line.startswith("sp=") for line in body) == 5 * 8


def test_memory_bank_of_the_slr_or_else_the_first(board, with_lanes):
    moved = board.model_copy(update={"ddr_slrs": [1, 3]})
    _, body = connectivity(composition_config("track_finder", with_lanes(4), moved))
    banks = [line for line in body if "gmem0" in line]
    assert [line[-2] for line in banks] == ["0", "0", "0", "1"]


@pytest.fixture
def link(linker, w8, board, tmp_path):
    """Link a kernel file of the stand-in."""
    kernel = tmp_path / "track_finder.xo"
    kernel.write_text("kernel")
    config = composition_config("track_finder", w8, board)

    def run(target="hw", made_from="sources", config=config, timeout_s=None):
        root = tmp_path / "vitis"
        return run_link(linker, kernel, made_from, config, board, target, root, timeout_s)

    return run


def test_arguments_of_v_plus_plus():
    assert link_arguments("track_finder", "hw_emu") == [
        *("--link", "--target", "hw_emu", "--config", "link.cfg"),
        *("--output", "track_finder.xclbin", "track_finder.xo"),
    ]


def test_hardware_has_its_clock_and_resources(link):
    result = link()
    assert result.detail == "track_finder.xclbin at 280.1 of 300 MHz"
    values = {number.name: number.value for number in result.numbers}
    assert values == {
        "LUT": 412033,
        "FF": 610204,
        "DSP": 1102,
        "BRAM_18K": 1463,
        "URAM": 244,
        "worst setup slack": 0.003,
        "worst hold slack": 0.009,
        "kernel clock": 280.1,
    }
    assert {number.label for number in result.numbers} == {"vivado"}
    assert (result.folder / "hw.log").read_text() == "INFO: started\n"


def test_timing_after_the_last_optimisation_is_taken(link, monkeypatch):
    monkeypatch.setenv("FAKE_VITIS", "postroute")
    values = {number.name: number.value for number in link().numbers}
    assert values["worst setup slack"] == 0.001


def test_emulation_has_a_binary_only(link):
    result = link("hw_emu")
    assert (result.folder / "track_finder.xclbin").read_text() == "hw_emu"
    assert result.numbers == []


def test_linked_once_for_equal_inputs(link, vitis_calls):
    assert link().fresh
    assert not link().fresh
    assert link(made_from="other sources").fresh
    assert link(config="platform=x\n[connectivity]\nnk=track_finder:1\n").fresh
    assert link("hw_emu").fresh
    assert [line.split()[0] for line in vitis_calls()] == ["link", "link", "link", "hw_emu"]


def test_failure_time_out_and_missing_binary_name_the_log(link, monkeypatch):
    monkeypatch.setenv("FAKE_VITIS", "fail link")
    with pytest.raises(ToolFailedError, match=r"hw\.log; last error: ERROR: \[HLS 200-1715\]"):
        link()
    monkeypatch.setenv("FAKE_VITIS", "hang link")
    with pytest.raises(ToolFailedError, match=r"stopped after 0\.5 s; log: .*hw\.log"):
        link(timeout_s=0.5)
    monkeypatch.setenv("FAKE_VITIS", "no report")
    with pytest.raises(ToolFailedError, match=r"no .*track_finder\.xclbin; log: .*hw\.log"):
        link()
    monkeypatch.setenv("FAKE_VITIS", "ok")
    assert link().fresh
