"""``fpga-gnn module-map bits`` on small inputs, good and bad."""

from __future__ import annotations

import re

import pytest

from fpga_gnn.report.map_bits import BitsStudy, bits_lines

BITS = ("module-map", "bits", "--events", "events", "--validation", "two_events", "--out", "new")


def test_bits_prints_the_table_of_its_report(fpga_gnn, place):
    outcome = fpga_gnn(
        *BITS,
        *("--low", "4", "--high", "", "--max-events", 3, "--max-validation", 1),
        *("--detector", "pixel", "--widening", "0.5", "--small-sample", 0),
    )
    assert (outcome.code, outcome.err) == (0, "")
    found = BitsStudy.model_validate_json((place / "new" / "map_bits.json").read_bytes())
    assert (found.settings["widening"], found.settings["small_sample"]) == (0.5, 0.0)
    assert (found.learning.event_ids, found.validation.event_ids) == ((0, 1, 2), (0,))
    assert len(found.formats) == 8
    assert outcome.out.splitlines() == [
        *bits_lines(found),
        "",
        "report: new/map_bits.json, new/map_bits.md",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--low", "1,many"), "module-map: low.1: found 'many', expected a valid integer"),
        (("--high", "0"), "module-map: high.0: found '0'"),
        (("--low", "17"), "contract w8: length: found 18 bits, expected at least 19"),
        (("--widening", "-1"), "module-map: widening: found -1.0"),
        (("--max-events", "9"), "events: found 5 events, expected at least 9"),
        (("--max-validation", "3"), "two_events: found 2 events"),
        (("--validation", "csv"), "csv: found no manifest.json"),
        (("--config", "w7"), "w7"),
    ],
)
def test_bad_input_is_one_line(fpga_gnn, place, options, message):
    outcome = fpga_gnn(*BITS, *options)
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 1
    assert re.search(re.escape(message), outcome.err)
    assert not (place / "new").exists()
