"""Sweep reports: the Pareto front, tables of one run and of several, JSON that reads back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from fpga_gnn.errors import InputError
from fpga_gnn.report.csynth import Resources
from fpga_gnn.report.evaluation import RateFigure, SampleFigure
from fpga_gnn.report.sweep import (
    BuilderFigure,
    CostFigure,
    QualityFigure,
    RunFigure,
    Sweep,
    SweepPoint,
    load_run_figure,
    pareto_front,
    save_markdown,
    save_run_figure,
    save_sweep,
    sweep_lines,
    sweep_points,
)

SAMPLE = SampleFigure(path="events", origin={}, event_ids=(1, 2), manifest_sha256="ab" * 32)


def quality(efficiency, auc=0.9):
    found = RateFigure(passed=1, total=2, value=efficiency, interval=(0.5, 0.56))
    fakes = RateFigure(passed=1, total=2, value=0.04, interval=(0.0, 0.1))
    figure = BuilderFigure(settings={"cut": 0.5}, efficiency=found, fake_rate=fakes)
    return QualityFigure(n_events=2, edge_auc=auc, builders={"cc": figure, "cc-jr": figure})


def run(name, luts=1000, efficiency=0.53, candidate=None, test=None, **changes):
    cost = {
        "luts": luts,
        "note": "" if luts else "cannot read it",
        "macs_per_edge": 808,
        "macs_per_node": 600,
        "nonzero_macs_per_edge": 404,
        "nonzero_macs_per_node": 300,
        "bit_operations_per_edge": 12345.6,
        "weights": 1408,
        "nonzero_weights": 704,
        "weight_bits": 12100,
        "memory_bits": 393216,
        "lane": Resources(lut=4400, ff=2100, dsp=0, bram_18k=27, uram=4),
        "n_partitioned": 1,
        "partitions_per_event": 27.0,
        "unplaced_edges": 3,
        "cycles_per_edge": 5.42,
    }
    figures = {
        "name": name,
        "candidate": candidate or name,
        "plan_sha256": "ab",
        "test_sha256": None,
        "contract": {"network.hidden": 4},
        "training": {},
        "seed": 1,
        "start": None,
        "cost": CostFigure(**cost),
        "validation": quality(efficiency),
        "test": test,
        "seconds": 8.4,
    }
    return RunFigure(**figures | changes)


def report(*runs, **changes):
    figures = {
        "contract": "small",
        "training": {"seed": 1},
        "teacher_sha256": None,
        "learning": (SAMPLE,),
        "validation": SAMPLE,
        "test": None,
        "runs": runs,
        "unfinished": (),
    }
    return Sweep(**figures | changes)


def point(name, luts, efficiency):
    return SweepPoint(name, luts, efficiency, efficiency, efficiency)


def test_the_front_by_eye():
    """b is worse and dearer than a; d equals c; f costs as much as e and finds less."""
    a, b, c, d = point("a", 10, 0.5), point("b", 11, 0.4), point("c", 20, 0.9), point("d", 20, 0.9)
    e, f, g = point("e", 30, 0.95), point("f", 30, 0.94), point("g", 40, 0.95)
    front = pareto_front([g, f, e, d, c, b, a])
    assert [p.name for p in front] == ["a", "d", "c", "e"]
    assert pareto_front([]) == []


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 6)), min_size=1))
def test_what_is_not_on_the_front_is_dominated(pairs):
    points = [point(str(i), luts, found / 6) for i, (luts, found) in enumerate(pairs)]
    front = pareto_front(points)
    assert front
    for inside in front:
        assert not any(
            (p.luts < inside.luts and p.efficiency >= inside.efficiency)
            or (p.luts <= inside.luts and p.efficiency > inside.efficiency)
            for p in points
        )
    for outside in set(points) - set(front):
        assert any(p.luts <= outside.luts and p.efficiency >= outside.efficiency for p in front)


def test_one_run_has_its_interval_several_their_spread():
    runs = [
        run("a", luts=900),
        run("b-seed1", 1000, 0.8, "b"),
        run("b-seed2", 1200, 0.9, "b"),
    ]
    one, several = sweep_points(runs)
    assert one == SweepPoint("a", 900, 0.53, 0.5, 0.56)
    assert (several.name, several.luts, several.efficiency) == ("b", 1100, pytest.approx(0.85))
    spread = 0.05 * 2**0.5
    assert (several.low, several.high) == pytest.approx((0.85 - spread, 0.85 + spread))


def test_no_point_without_luts_or_targets():
    assert sweep_points([run("a", luts=None), run("b", efficiency=None)]) == []


def test_test_events_count_if_there_are_any():
    (found,) = sweep_points([run("a", efficiency=0.8, test=quality(0.7))])
    assert found.efficiency == 0.7


def test_the_tables():
    lines = sweep_lines(
        report(run("a", luts=None), run("b-1", 1000, 0.8, "b"), run("b-2", 1200, 0.9, "b"))
    )
    head, a, b = lines[:3]
    assert head.split()[:2] == ["candidate", "(validation)"]
    rates = ["53.00", "+-3.00", "4.00"]
    assert a.split() == ["a", "1", *rates, *rates, "0.90000", "8"]
    assert b.split()[:5] == ["b", "2", "*", "85.00", "+-7.07"]
    assert lines[3] == ""
    counts = ["12,346", "404", "300", "1,408", "704", "12.1", "393"]
    costs = [*counts, "4,400", "2,100", "13.5", "4", "27", "5.4", "3"]
    assert lines[5].split() == ["a", "-", *costs]
    assert lines[6].split() == ["b", "1,100", "+-141", *costs]
    assert lines[7:] == ["", "a: cannot read it"]
    assert sweep_lines(report()) == []


def test_validation_stands_beside_test():
    line = sweep_lines(report(run("a", test=quality(0.7)), test=SAMPLE))[1]
    assert line.split()[3:5] == ["70.00", "+-3.00"]
    assert line.split()[-4:] == ["53.00", "+-3.00", "4.00", "8"]


def test_markdown_says_what_each_candidate_is(tmp_path):
    runs = [
        run("b-seed1", candidate="b", start="a-seed1", training={"float_epochs": 0}),
        run("b-seed2", candidate="b", start="a-seed2", training={"float_epochs": 0, "seed": 2}),
    ]
    runs[1] = runs[1].model_copy(update={"seed": 2})
    save_markdown(report(*runs, unfinished=("c",)), tmp_path / "sweep.md", "pareto.png")
    text = (tmp_path / "sweep.md").read_text()
    assert "](pareto.png)" in text
    assert "| b | network.hidden 4 | float_epochs 0, seed 1 2 | a-seed1, a-seed2 |" in text
    assert text.endswith("\nwithout result: c\n")
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert len(tables) == 3 * 3


def test_a_saved_report_reads_back_the_same(tmp_path):
    saved = report(run("a", test=quality(None, auc=float("nan"))), test=SAMPLE)
    save_sweep(saved, tmp_path / "s.json")
    text = (tmp_path / "s.json").read_text()
    assert Sweep.model_validate_json(text) == saved
    assert json.loads(text, parse_constant=pytest.fail)["schema_version"] == 1
    with pytest.raises(ValidationError, match="comment"):
        Sweep.model_validate({**json.loads(text), "comment": "x"})


def test_figures_of_a_run_read_back_the_same(tmp_path):
    save_run_figure(run("a"), tmp_path / "a.json")
    assert load_run_figure(tmp_path / "a.json") == run("a")


@pytest.mark.parametrize(
    ("text", "message"),
    [(None, "No such file"), ("{", "broken JSON"), ("{}", "no key name")],
)
def test_wrong_figures_of_a_run(tmp_path, text, message):
    if text:
        (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match=message):
        load_run_figure(tmp_path / "a.json")
