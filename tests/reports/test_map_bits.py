"""Bit-width studies: JSON that reads back the same, the error of pairs, and their tables."""

from __future__ import annotations

import json
import math

import pytest
from pydantic import ValidationError

from fpga_gnn.contract import FixedPoint
from fpga_gnn.report.evaluation import GraphFigure, RateFigure, SampleFigure
from fpga_gnn.report.map_bits import (
    BitsFigure,
    BitsStudy,
    bits_lines,
    save_bits_study,
    write_markdown,
)

SAMPLE = SampleFigure(path="events", origin={}, event_ids=(1, 2), manifest_sha256="ab" * 32)


def graph(passed, edges, total=1000):
    value = passed / total if total else None
    interval = (value - 0.01, value + 0.02) if total else (None, None)
    rate = RateFigure(passed=passed, total=total, value=value, interval=interval)
    return GraphFigure(
        builder="module-map", edges_per_event=edges, efficiency=rate, purity=rate, time=None
    )


def figure(name="w8", gained=10, lost=30, found=None):
    return BitsFigure(
        name=name,
        hit={"length": FixedPoint(bits=18, frac=5), "phi": FixedPoint(bits=12, frac=12)},
        windows={"z0": FixedPoint(bits=16, frac=5)},
        graph=found or graph(880, 1100.0),
        gained=gained,
        lost=lost,
    )


@pytest.fixture
def study():
    return BitsStudy(
        contract="w8",
        learning=SAMPLE,
        validation=SAMPLE,
        settings={"widening": 0.25},
        targets={"min_pt": 1.0},
        real=graph(900, 1000.0),
        formats=(figure(), figure("phi -6 low", 0, 0)),
    )


def test_a_saved_study_reads_back_the_same(study, tmp_path):
    save_bits_study(study, tmp_path / "s.json")
    text = (tmp_path / "s.json").read_text()
    assert BitsStudy.model_validate_json(text) == study
    assert json.loads(text, parse_constant=pytest.fail)["schema_version"] == 1
    with pytest.raises(ValidationError, match="comment"):
        BitsStudy.model_validate({**json.loads(text), "comment": "x"})


def test_the_error_is_that_of_pairs():
    """Ten of 1000 won, 30 lost: the standard error of the mean of +1, -1 and 0."""
    outcomes = [1] * 10 + [-1] * 30 + [0] * 960
    mean = sum(outcomes) / 1000
    spread = math.sqrt(sum((x - mean) ** 2 for x in outcomes) / 1000)
    assert figure().difference == pytest.approx(mean)
    assert figure().error == pytest.approx(spread / math.sqrt(1000))
    assert (figure(gained=0, lost=0).difference, figure(gained=0, lost=0).error) == (0, 0)


def test_the_table_has_a_line_per_set_of_formats(study):
    head, real, w8, other = bits_lines(study)
    assert real.split() == ["float64", "90.00", "+2.00", "-1.00", "90.00", "1,000"]
    assert w8.split()[:3] == ["w8", "18/12", "16"]
    assert w8.split()[3:] == [
        *("88.00", "+2.00", "-1.00", "-2.000", "+-0.629", "88.00", "1,100", "+10.0"),
    ]
    assert other.startswith("phi -6 low")
    assert head.index("edges/event") + len("edges/event") == w8.index("1,100") + len("1,100")


def test_markdown_holds_the_same_table(study, tmp_path):
    write_markdown(study, tmp_path / "s.md")
    head, rule, *rows = (tmp_path / "s.md").read_text().splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in (head, *rows)]
    assert [" ".join(" ".join(row).split()) for row in cells] == [
        " ".join(line.split()) for line in bits_lines(study)
    ]
    assert set(rule) == set("| -:")


def test_no_target_segment_is_a_dash(study):
    nothing = graph(0, None, total=0)
    empty = study.model_copy(
        update={"real": nothing, "formats": (figure(gained=0, lost=0, found=nothing),)}
    )
    assert bits_lines(empty)[2].split()[3:] == ["-", "+0.000", "+-0.000", "-", "0"]
