"""Estimates of whole designs: labelled, for all lanes, and of any network."""

from __future__ import annotations

import pytest

from fpga_gnn.contract import load_contract
from fpga_gnn.flows.drawn_network import drawn_network
from fpga_gnn.flows.estimate import estimate
from fpga_gnn.hw.boards import load_board

W8 = load_contract("w8")


def test_a_design_of_two_lanes():
    table, numbers = estimate(drawn_network(W8, 0.1), W8, load_board("u250"))
    assert {part.copies for part in table.parts} == {2}
    assert {table.label, *(number.label for number in numbers)} == {"estimate"}
    # States 8 UltraRAMs, sums 21 twice and edges 24 for each iteration; states for the decoder.
    assert table.total.uram == 2 * (4 * (8 + 2 * 21 + 24) + 8)
    assert table.total.bram_18k == 0
    cycles, time = numbers[:2]
    assert (cycles.value, cycles.unit) == (8192 + 24576 + 10, "cycles")
    assert time.value == pytest.approx(cycles.value / 300)


def test_more_weights_cost_more():
    board = load_board("u250")
    sparse, dense = (estimate(drawn_network(W8, d), W8, board)[0].total for d in (0.1, 0.2))
    assert 1.4 * sparse.lut < dense.lut < 2.2 * sparse.lut
    assert sparse.uram == dense.uram


def test_equal_arguments_draw_equal_networks():
    one, two, other = (drawn_network(W8, 0.1, seed) for seed in (0, 0, 1))
    first, second, third = (network.decoder[0].weight for network in (one, two, other))
    assert (first == second).all()
    assert not (first == third).all()
    assert (first != 0).mean() == pytest.approx(0.1, abs=0.001)
