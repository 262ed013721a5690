"""Linking: compute units, SLRs and memory banks of the board, and v++ with a stand-in."""

from __future__ import annotations

import pytest

from fpga_gnn.errors import InputError, ToolFailedError
from fpga_gnn.hw.binary import Design, load_record
from fpga_gnn.hw.kernels import hls_dir
from fpga_gnn.hw.vitis.link import (
    binary_config,
    compute_units,
    kernel_ports,
    link_arguments,
    run_link,
    slr_overflow,
)
from fpga_gnn.report.csynth import Resources

SMALL = Resources(lut=1000, ff=1000, dsp=1, bram_18k=1, uram=1)
NETWORK = "a" * 64


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
    head, body = connectivity(binary_config("track_finder", with_lanes(2), board))
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
    used = {"track_finder": SMALL}
    _, body = connectivity(binary_config("track_finder", with_lanes(6), board, used))
    slrs = [line.rpartition("SLR")[2] for line in body if line.startswith("slr=")]
    assert slrs == list("012301")


def test_compute_unit_larger_than_its_share_is_not_tied_to_an_slr(board, with_lanes):
    used = {"track_finder": SMALL.model_copy(update={"uram": 161})}
    assert slr_overflow(board, {"track_finder": 4}, used) == ""
    assert slr_overflow(board, {"track_finder": 5}, used) == "URAM 322 of 320"
    _, body = connectivity(binary_config("track_finder", with_lanes(5), board, used))
    assert not any(line.startswith("slr=") for line in body)
    assert sum(line.startswith("sp=") for line in body) == 5 * 8


def test_compute_units_of_several_kernels_go_round_the_slrs(board, with_lanes):
    assert compute_units("reconstruct", with_lanes(3)) == {
        "module_map": 1,
        "partition_scorer": 3,
        "track_builder": 1,
    }
    used = dict.fromkeys(("module_map", "partition_scorer", "track_builder"), SMALL)
    _, body = connectivity(binary_config("reconstruct", with_lanes(3), board, used))
    assert body[:3] == ["nk=module_map:1", "nk=partition_scorer:3", "nk=track_builder:1"]
    assert [line for line in body if line.startswith("slr=")] == [
        "slr=module_map_1:SLR0",
        "slr=partition_scorer_1:SLR1",
        "slr=partition_scorer_2:SLR2",
        "slr=partition_scorer_3:SLR3",
        "slr=track_builder_1:SLR0",
    ]
    assert [line for line in body if line.startswith("sp=partition_scorer_3.")] == [
        f"sp=partition_scorer_3.m_axi_gmem{i}:DDR[3]" for i in range(3)
    ]
    # The track builder shares an SLR with the module map.
    used["module_map"] = SMALL.model_copy(update={"uram": 320})
    units = compute_units("reconstruct", with_lanes(3))
    assert slr_overflow(board, units, used) == "URAM 321 of 320"


def test_memory_bank_of_the_slr_or_else_the_first(board, with_lanes):
    moved = board.model_copy(update={"ddr_slrs": [1, 3]})
    _, body = connectivity(binary_config("track_finder", with_lanes(4), moved))
    banks = [line for line in body if "gmem0" in line]
    assert [line[-2] for line in banks] == ["0", "0", "0", "1"]


@pytest.fixture
def link(linker, w8, board, tmp_path):
    """Link kernel files of the stand-in."""
    kernels = [tmp_path / f"{part}.xo" for part in compute_units("reconstruct", w8)]
    for kernel in kernels:
        kernel.write_text("kernel")
    config = binary_config("reconstruct", w8, board)

    def run(target="hw", made_from="sources", config=config, timeout_s=None, network=NETWORK):
        design = Design(
            contract_sha256=w8.sha256,
            network_sha256=network,
            platform=board.platform,
            target=target,
            units=compute_units("reconstruct", w8),
        )
        root = tmp_path / "vitis"
        made = [made_from, "others", "others"]
        return run_link(linker, "reconstruct", kernels, made, config, design, root, timeout_s)

    return run


def test_arguments_of_v_plus_plus(tmp_path):
    kernels = [tmp_path / "module_map.xo", tmp_path / "dwalk.xo"]
    assert link_arguments("walk", kernels, "hw_emu") == [
        *("--link", "--target", "hw_emu", "--config", "link.cfg"),
        *("--output", "walk.xclbin", "module_map.xo", "dwalk.xo"),
    ]


def test_what_was_linked_is_recorded_beside_the_binary(link, w8):
    binary = link().folder / "reconstruct.xclbin"
    design = load_record(binary, w8, NETWORK)
    assert design.target == "hw"
    assert design.units == {"module_map": 1, "partition_scorer": 2, "track_builder": 1}
    other = w8.with_partition(2, 1)
    with pytest.raises(InputError, match=r"reconstruct\.xclbin\.json: found contract "):
        load_record(binary, other, NETWORK)


def test_hardware_has_its_clock_and_resources(link):
    result = link()
    assert result.detail == "reconstruct.xclbin at 280.1 of 300 MHz"
    values = {number.name: number.value for number in result.numbers}
    assert values == {
        "LUT": 412033,
        "FF": 610204,
        "DSP": 1102,
        "BRAM_18K": 1463,
        "URAM": 244,
        **{f"LUT in SLR{i}": n for i, n in enumerate((200000, 190000, 12033, 10000))},
        **{f"URAM in SLR{i}": n for i, n in enumerate((244, 0, 0, 0))},
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
    assert (result.folder / "reconstruct.xclbin").read_text() == "hw_emu"
    assert result.numbers == []


def test_linked_once_for_equal_inputs(link, vitis_calls):
    assert link().fresh
    assert not link().fresh
    assert link(made_from="other sources").fresh
    parts = "nk=module_map:1\nnk=partition_scorer:1\nnk=track_builder:1\n"
    assert link(config=f"platform=x\n[connectivity]\n{parts}").fresh
    assert link(network="b" * 64).fresh
    assert link("hw_emu").fresh
    calls = ["link reconstruct-hw"] * 4 + ["hw_emu reconstruct-hw_emu"]
    assert vitis_calls() == calls


def test_failure_time_out_and_missing_binary_name_the_log(link, monkeypatch):
    monkeypatch.setenv("FAKE_VITIS", "fail link")
    with pytest.raises(ToolFailedError, match=r"hw\.log; last error: ERROR: \[HLS 200-1715\]"):
        link()
    monkeypatch.setenv("FAKE_VITIS", "hang link")
    with pytest.raises(ToolFailedError, match=r"stopped after 0\.5 s; log: .*hw\.log"):
        link(timeout_s=0.5)
    monkeypatch.setenv("FAKE_VITIS", "no report")
    with pytest.raises(ToolFailedError, match=r"no .*reconstruct\.xclbin; log: .*hw\.log"):
        link()
    monkeypatch.setenv("FAKE_VITIS", "ok")
    assert link().fresh
