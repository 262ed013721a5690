from __future__ import annotations

from fpga_gnn.report.table import aligned


def test_the_first_column_is_flush_left_and_the_others_flush_right():
    assert aligned([["map", "edges", "ms"], ["a", "7", "1,000"], ["longer", "", ""]]) == [
        "map     edges     ms",
        "a           7  1,000",
        "longer",
    ]
