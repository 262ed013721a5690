"""Estimates of whole designs: labelled, for all lanes, and of any network."""

from __future__ import annotations

import pytest

from fpga_gnn.contract import load_contract
from fpga_gnn.export.rtl_design import write_rtl_design
from fpga_gnn.flows.drawn_network import drawn_network
from fpga_gnn.flows.estimate import estimate
from fpga_gnn.hw.boards import load_board
from fpga_gnn.report.baseline import load_baseline
from fpga_gnn.report.rtl_estimates import partition_cycles
from fpga_gnn.resources import resource_dir
from fpga_gnn.training.run import default_run, load_run

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


@pytest.mark.parametrize(("n_nodes", "n_edges"), [(100, 200), (511, 900), (512, 1024)])
def test_cycles_are_those_of_the_written_design(n_nodes, n_edges, tmp_path):
    small = load_contract("small")
    design = write_rtl_design(drawn_network(small, 0.3), small, tmp_path)
    exact = design.interval(n_nodes, n_edges)
    assert partition_cycles(n_nodes, n_edges) == pytest.approx(exact, rel=0.01)


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


def test_the_shipped_classifier_is_within_15_percent_of_its_counts():
    """Trained weights, where the fit has drawn ones."""
    run, board = load_run(default_run()), load_board("u250")
    table, _ = estimate(run.student.integer_network(), run.contract, board)
    digest = run.contract.sha256[:8]
    folder = resource_dir("vivado_scripts") / "baselines"
    baseline = load_baseline(folder / f"{run.contract.name}-{digest}-u250.json")
    if baseline is None:
        pytest.skip("no counts of the shipped contract; fpga-gnn yosys and bless make them")
    for kind in ("lut", "ff", "uram"):
        found = sum(
            number.value
            for number in baseline.numbers
            if number.label == "yosys"
            and number.name == kind.upper()
            and number.basis.startswith("edge_classifier")
        )
        guess = sum(getattr(part.used, kind) for part in table.parts)
        print(f"shipped classifier, {kind}: {guess} estimated, {found:g} found")
        assert guess == pytest.approx(found, rel=0.15)
