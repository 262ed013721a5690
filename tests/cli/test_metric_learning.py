"""``fpga-gnn metric-learning train`` on small inputs, good and bad."""

from __future__ import annotations

import re

import pytest

from fpga_gnn.events.store import EventStore
from fpga_gnn.training.metric_learning_run import load_metric_learning

TRAIN = ("metric-learning", "train", "--events", "events", "--out", "run")
KEYS = ("radius", "efficiency", "purity", "edges_per_event")


def test_train_reports_held_out_graphs_and_goes_on_where_it_stopped(fpga_gnn, place):
    outcome = fpga_gnn(*TRAIN, "--epochs", 2, "--detector", "pixel", "--target-efficiency", 0.9)
    assert (outcome.code, outcome.err) == (0, "")
    trained = load_metric_learning(place / "run")
    assert trained.info.training.detector == "pixel"
    assert trained.info.events["train"]["ids"] == [0, 1, 2]
    assert trained.info.events["validation"]["ids"] == [3]
    lines = outcome.out.splitlines()
    assert [line.split()[0] for line in lines] == ["epoch"] * 2 + ["held-out"] * 6 + ["saved"]
    (chosen,) = [line for line in lines if line.endswith("<- chosen")]
    assert f"radius {trained.info.radius:.4f}" in chosen
    figures = [
        [float(number) for number in re.findall(r"[\d.]+", line.removeprefix("held-out"))]
        for line in lines[2:8]
    ]
    assert figures == [
        pytest.approx([row[key] for key in KEYS], abs=1e-4, rel=1e-4)
        for row in trained.info.quality
    ]
    again = fpga_gnn(*TRAIN, "--epochs", 2, "--detector", "pixel", "--target-efficiency", 0.9)
    assert again.out == outcome.out


def test_a_store_to_validate_on_leaves_all_events_to_learn_from(fpga_gnn, place):
    limits = ("--max-events", 4, "--max-held-out", 1, "--epochs", 1, "--target-efficiency", 0.5)
    outcome = fpga_gnn(*TRAIN, "--validation", "two_events", *limits)
    assert outcome.code == 0
    events = load_metric_learning(place / "run").info.events
    assert (events["train"]["ids"], events["validation"]["ids"]) == ([0, 1, 2, 3], [0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--detector", "strips"), "Invalid value for '--detector'"),
        (("--epochs", "0"), "metric-learning: epochs: found 0"),
        (("--target-efficiency", "2"), "metric-learning: target_efficiency: found 2.0"),
        (("--validation", "csv"), "csv: found no manifest.json"),
        (("--out", "map"), "map: found other files"),
        (("--events", "two_events"), "two_events: found 2 events, expected at least 3"),
    ],
)
def test_bad_input_is_one_line(fpga_gnn, place, options, message):
    outcome = fpga_gnn(*TRAIN, *options)
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 1
    assert re.search(message, outcome.err)
    assert not (place / "run").exists()
    assert len(EventStore.open(place / "events")) == 5
