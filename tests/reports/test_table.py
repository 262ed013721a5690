from __future__ import annotations

from fpga_gnn.report.table import aligned, markdown


def test_the_first_column_is_flush_left_and_the_others_flush_right():
    assert aligned([["map", "edges", "ms"], ["a", "7", "1,000"], ["longer", "", ""]]) == [
        "map     edges     ms",
        "a           7  1,000",
        "longer",
    ]


def test_markdown_has_a_rule_under_its_head():
    assert markdown([["map", "edges"], ["a", "7"]]) == [
        "| map | edges |",
        "| --- | ---: |",
        "| a | 7 |",
    ]
