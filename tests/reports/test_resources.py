"""Resource tables: sums over copies, shares of a board, and a label on every line."""

from __future__ import annotations

from fpga_gnn.hw.boards import load_board
from fpga_gnn.report.csynth import Resources
from fpga_gnn.report.resources import KernelUse, ResourceTable, added, resource_lines

MLP = Resources(lut=100_000, ff=40_000, dsp=0, bram_18k=3, uram=0)
STAGES = Resources(lut=36_250, ff=50_000, dsp=2, bram_18k=0, uram=80)


def table():
    board = load_board("u250")
    return ResourceTable(
        label="yosys",
        contract="w8",
        contract_sha256="ab",
        board=board.name,
        part=board.part,
        slrs=board.slrs,
        usable_per_slr=board.usable_per_slr,
        parts=(
            KernelUse(name="mlps", copies=2, used=MLP),
            KernelUse(name="stages", copies=4, used=STAGES),
        ),
    )


def test_copies_count():
    assert table().total == Resources(lut=345_000, ff=280_000, dsp=8, bram_18k=6, uram=320)
    assert added([]) == Resources(lut=0, ff=0, dsp=0, bram_18k=0, uram=0)


def test_the_scarcest_kind_says_how_many_regions_are_full():
    assert table().slrs_filled == 1.0


def test_lines_show_parts_total_and_shares_with_the_label():
    head, mlps, stages, total, one, four = resource_lines(table())
    assert head.split() == ["copies", "LUT", "FF", "DSP", "BRAM36", "URAM"]
    assert mlps.split() == ["mlps", "2", "100,000", "40,000", "0", "1.5", "0", "[yosys]"]
    assert stages.split()[-2:] == ["80", "[yosys]"]
    assert total.split()[-6:] == ["345,000", "280,000", "8", "3", "320", "[yosys]"]
    assert one.split()[:4] == ["of", "one", "SLR", "100.0%"]
    assert four.split()[:4] == ["of", "4", "SLRs", "25.0%"]
    assert four.split()[-2:] == ["25.0%", "[yosys]"]
