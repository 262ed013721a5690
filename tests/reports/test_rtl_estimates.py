"""Estimates of RTL resources: memories as Yosys maps them, laws within 15 % of its counts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fpga_gnn.contract import load_contract
from fpga_gnn.contract.structure import network_mlps
from fpga_gnn.flows.drawn_network import drawn_network
from fpga_gnn.report.rtl_estimates import (
    LayerLaw,
    LayerShape,
    Memory,
    layer_amount,
    layer_shapes,
    memory_resources,
)

MEASURED = [
    # both ports read, rows, bits, LUTs as memory, halves of block RAM, UltraRAM (yosys 0.70)
    (True, 64, 64, 128, 0, 0),
    (True, 128, 64, 256, 0, 0),
    (True, 256, 64, 0, 4, 0),
    (True, 512, 288, 0, 16, 0),
    (True, 1024, 288, 0, 16, 0),
    (True, 2048, 18, 0, 2, 0),
    (True, 2048, 72, 0, 0, 1),
    (True, 4096, 18, 0, 4, 0),
    (True, 4096, 36, 0, 0, 1),
    (True, 16384, 18, 0, 0, 1),
    (True, 8192, 736, 0, 0, 21),
    (True, 131072, 17, 0, 0, 8),
    (False, 16, 64, 40, 0, 0),
    (False, 32, 280, 160, 0, 0),
    (False, 64, 64, 80, 0, 0),
    (False, 128, 64, 0, 2, 0),
    (False, 512, 72, 0, 2, 0),
    (False, 1024, 283, 0, 16, 0),
    (False, 2048, 36, 0, 4, 0),
    (False, 4096, 36, 0, 0, 1),
    (False, 24576, 283, 0, 0, 24),
]


@pytest.mark.parametrize(("both", "rows", "bits", "lut", "bram_18k", "uram"), MEASURED)
def test_a_memory_is_what_yosys_makes_of_it(both, rows, bits, lut, bram_18k, uram):
    found = memory_resources(Memory(rows, bits, both))
    assert (found.bram_18k, found.uram) == (bram_18k, uram)
    if not uram:
        assert found.lut == lut


@pytest.mark.parametrize(("rows", "measured"), [(8192, 144), (131072, 1107)])
def test_deep_memories_have_multiplexers(rows, measured):
    bits = 72 if rows == 8192 else 36
    assert memory_resources(Memory(rows, bits, both=True)).lut == pytest.approx(measured, rel=0.05)


def test_only_what_reaches_an_output_counts():
    mlp = list(network_mlps(drawn_network(load_contract("small"), 1.0)))[2]
    first, second = mlp.layers
    units, columns = first.weight.shape
    assert [shape.rows for shape in layer_shapes(mlp)] == [units, units]
    weight, one_unit = np.full_like(first.weight, 3), np.zeros_like(second.weight)
    weight[0], one_unit[:2, 0] = 7, 5
    layers = replace(first, weight=weight), replace(second, weight=one_unit)
    # Signed digits: 7 = 8 - 1, 5 = 4 + 1. Inputs of the first layer: signed, of the second: not.
    assert layer_shapes(replace(mlp, layers=layers)) == (
        LayerShape(2 * columns, columns, 8.0, 1, float(np.log2(7 * columns * 128))),
        LayerShape(2 * 2, 1, 8.0, 2, float(np.log2(5 * 256))),
    )


def test_a_layer_without_weights_costs_nothing():
    law = LayerLaw(scale=1.0, sharing=0.1, growth=1.0, row=1.0)
    assert layer_amount(LayerShape(0, 0, 0.0, 0, 0.0), law) == 0
