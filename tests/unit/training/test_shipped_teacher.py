"""The teacher in the package: small, whole, and good on events that it has never seen."""

from __future__ import annotations

import pytest

from fpga_gnn.events.sample import sample_store
from fpga_gnn.events.view import EventView
from fpga_gnn.training.config import Runtime
from fpga_gnn.training.teacher import Scorer
from fpga_gnn.training.teacher_pipeline import score_events
from fpga_gnn.training.teacher_run import default_teacher, load_teacher
from fpga_gnn.training.track_points import track_summary

MEGABYTE = 1 << 20


@pytest.fixture(scope="module")
def teacher():
    return load_teacher(default_teacher())


def test_it_is_small():
    assert sum(file.stat().st_size for file in default_teacher().rglob("*")) < 20 * MEGABYTE


def test_it_finds_the_tracks_of_unseen_events(teacher):
    config = teacher.info.training
    view = EventView(sample_store(), (8, 9), "pixel")
    seen = [part["origin"]["seed"] for part in teacher.info.events["train"]]
    assert sample_store().origin["seed"] not in seen
    scored = score_events(Scorer(teacher.network, Runtime()), teacher.construction, config, view)
    for name, least in (("cc", 0.94), ("cc-jr", 0.95), ("dwalk", 0.95)):
        settings = teacher.info.builders[name].settings
        summary = track_summary(name, settings, scored, config.selection)
        assert summary.efficiency > least, name
        assert summary.fake_rate < 0.05, name


def test_its_record_tells_how_it_was_made(teacher):
    assert teacher.info.detector == "pixel"
    assert len(teacher.info.history) == teacher.info.training.epochs
    assert teacher.info.history[-1]["auc"] > 0.998
    assert teacher.info.events["validation"]["ids"] == list(range(10))
