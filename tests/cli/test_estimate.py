"""``fpga-gnn estimate``: a run, or a quant config with drawn weights; a table, also as JSON."""

from __future__ import annotations

from fpga_gnn.report.resources import ResourceTable


def test_a_config_needs_no_model(fpga_gnn, tmp_path):
    path = tmp_path / "table.json"
    outcome = fpga_gnn("estimate", "--config", "small", "--density", "0.2", "--out", path)
    assert outcome.code == 0, outcome.err
    table = ResourceTable.model_validate_json(path.read_text())
    assert (table.contract, table.board, table.label) == ("small", "u250", "estimate")
    assert f"{table.total.lut:,}" in outcome.out
    assert "1,546 cycles" in outcome.out
    rows = [line for line in outcome.out.splitlines()[1:] if line]
    assert all("[estimate]" in line for line in rows)


def test_the_shipped_model(fpga_gnn):
    outcome = fpga_gnn("estimate")
    assert outcome.code == 0, outcome.err
    assert "32,778 cycles" in outcome.out


def test_a_model_or_a_config(fpga_gnn, tmp_path):
    outcome = fpga_gnn("estimate", "--config", "small", "--model", tmp_path)
    assert outcome.code == 2
    assert "found both, expected one of them" in outcome.err
