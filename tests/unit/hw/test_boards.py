"""Boards: the shipped numbers, and refusals that list what is known."""

from __future__ import annotations

import pytest
import yaml
from pydantic import ValidationError

from fpga_gnn.errors import InputError
from fpga_gnn.hw import boards
from fpga_gnn.hw.boards import load_board
from fpga_gnn.report.csynth import Resources
from fpga_gnn.resources import resource_dir

BOARDS = sorted((resource_dir("vivado_scripts") / "boards").glob("*.yaml"))


def test_u250():
    board = load_board("u250")
    assert board.part == "xcu250-figd2104-2L-e"
    assert board.platform == "xilinx_u250_gen3x16_xdma_4_1_202210_1"
    assert board.clock_ns == 3.33
    assert board.clock_uncertainty_ns == 0.4995
    assert (board.slrs, board.ddr_slrs) == (4, [0, 1, 2, 3])
    assert board.device == Resources(
        lut=1_728_000, ff=3_456_000, dsp=12_288, bram_18k=2 * 2_688, uram=1_280
    )
    assert board.usable_per_slr == Resources(
        lut=345_000, ff=690_000, dsp=2_877, bram_18k=2 * 500, uram=320
    )


def test_clock_period_is_never_slower_than_the_clock():
    board = load_board("u250")
    for mhz, period in ((100, 10.0), (250, 4.0), (300, 3.33), (350, 2.85)):
        faster = board.model_copy(update={"clock_mhz": mhz})
        assert faster.clock_ns == period
        assert 1000 / faster.clock_ns >= mhz


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_name_is_the_file_name(path):
    assert load_board(path.stem).name == path.stem


def test_unknown_board_lists_the_known_ones():
    with pytest.raises(InputError, match="board: found 'u280', expected one of u250"):
        load_board("u280")


def test_board_is_frozen():
    with pytest.raises(ValidationError, match="frozen"):
        load_board("u250").part = "xcvu13p"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": "green"}, "unknown key colour, expected one of clock_mhz, "),
        ({"slrs": "4"}, "slrs: found '4'"),
        ({"part": None}, "part: found None"),
        ({"device": {"lut": 1}}, "no key device.ff"),
        ({"slrs": 6}, "6 SLRs with 345000 lut are more than the device"),
        ({"ddr_slrs": [0, 4]}, "ddr_slrs: found [0, 4], expected Value error, SLR numbers, from 0"),
        ({"ddr_slrs": []}, "ddr_slrs: found []"),
    ],
)
def test_wrong_board_file_is_refused(tmp_path, monkeypatch, change, message):
    monkeypatch.setattr(boards, "resource_dir", lambda name: tmp_path)
    (tmp_path / "boards").mkdir()
    text = yaml.safe_dump(yaml.safe_load(BOARDS[0].read_text()) | change)
    (tmp_path / "boards" / "mine.yaml").write_text(text)
    with pytest.raises(InputError) as caught:
        load_board("mine")
    assert message in str(caught.value)


def test_broken_yaml_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(boards, "resource_dir", lambda name: tmp_path)
    (tmp_path / "boards").mkdir()
    (tmp_path / "boards" / "mine.yaml").write_text("name: [")
    with pytest.raises(InputError, match="valid YAML"):
        load_board("mine")


def test_memory_is_what_the_slrs_leave_of_both_kinds():
    board = load_board("u250")
    usable = board.usable_per_slr
    assert board.memory_bits == 4 * (usable.bram_18k * 18_432 + usable.uram * 294_912)
