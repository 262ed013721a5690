"""``train-teacher`` and ``evaluate`` on small inputs."""

from __future__ import annotations

import json
import shutil

import pytest

from fpga_gnn.files import sha256_of
from fpga_gnn.report.evaluation import load_evaluation
from fpga_gnn.tracks.builder import BUILDERS

TRAIN = (
    *("train-teacher", "--events", "events", "--validation", "two_events"),
    *("--module-map", "map", "--hidden", 4, "--iterations", 1, "--epochs", 2, "--monitored", 1),
    *("--max-events", 3),
)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("kept") / "teacher"


@pytest.fixture
def teacher(fpga_gnn, place, kept):
    """A trained teacher in the working folder; trained by the first test that asks for it."""
    if not kept.exists():
        outcome = fpga_gnn(*TRAIN, "--out", "teacher")
        assert outcome.code == 0, outcome.err
        lines = outcome.out.splitlines()
        assert [line.split()[1] for line in lines if line.startswith("epoch")] == ["1", "2"]
        assert [line.split()[0] for line in lines if "validation efficiency" in line] == [*BUILDERS]
        shutil.copytree("teacher", kept)
    else:
        shutil.copytree(kept, "teacher")
    return place / "teacher"


def test_every_builder_and_the_ckf_are_evaluated(fpga_gnn, teacher, place):
    command = ("evaluate", "--model", "./teacher", "--events", "events", "--out", "found", "--ckf")
    outcome = fpga_gnn(*command, "--max-events", 1)
    assert outcome.code == 0, outcome.err
    found = load_evaluation(place / "found" / "evaluation.json")
    assert [track.builder for track in found.tracks] == [*BUILDERS, "ckf"]
    assert found.model_sha256 == sha256_of(teacher / "teacher.safetensors")
    assert found.n_seen == 3
    assert found.sample.event_ids == (3,), "the model comes from 0, 1 and 2"
    assert found.graph is not None
    assert found.graph.efficiency.value > 0.9
    assert {track.n_targets for track in found.tracks} == {found.tracks[0].n_targets}
    for track in found.tracks:
        assert sum(track.by_eta.total) == track.n_targets
        assert track.efficiency.passed <= track.efficiency.total == track.n_targets
        assert any(line.startswith(f"{track.builder} ") for line in outcome.out.splitlines())
    pictures = ("efficiency_pt", "efficiency_eta", "scores", "edge_rates", "residuals_ckf")
    assert all((place / "found" / f"{name}.png").stat().st_size > 5000 for name in pictures)
    tracks_of_ckf = sorted((place / "found" / "ckf").iterdir())
    stamps = [file.stat().st_mtime_ns for file in tracks_of_ckf]
    submitted = (place / "found" / "tracks.csv").read_text().splitlines()
    assert submitted[0] == "event_id,hit_id,track_id"
    assert {row.split(",")[0] for row in submitted[1:]} == {"3"}
    assert fpga_gnn(*command, "--builder", "dwalk").code == 0
    again = load_evaluation(place / "found" / "evaluation.json")
    assert again.sample.event_ids == (3, 4)
    assert [file.stat().st_mtime_ns for file in tracks_of_ckf] == stamps


def test_a_student_is_evaluated_the_same_way(fpga_gnn, place):
    from fpga_gnn.training.run import default_run

    model = default_run()
    outcome = fpga_gnn(*("evaluate", "--model", model, "--events", "two_events", "--out", "found"))
    assert outcome.code == 0, outcome.err
    report = json.loads((place / "found" / "evaluation.json").read_text())
    assert [track["builder"] for track in report["tracks"]] == list(BUILDERS)
    assert report["model_sha256"] == sha256_of(model / "student.safetensors")


def test_a_trained_teacher_is_not_trained_again(fpga_gnn, teacher):
    before = (teacher / "teacher.safetensors").read_bytes()
    assert fpga_gnn(*TRAIN, "--out", "teacher").code == 0
    assert (teacher / "teacher.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("evaluate", "--model", "events", "--events", "events"), "neither teacher.json nor run"),
        (("evaluate", "--model", "teacher", "--events", "events", "--chep"), "--detector full"),
        (("evaluate", "--model", "teacher", "--events", "nothing"), "no manifest.json"),
        (
            ("evaluate", "--model", "./teacher", "--events", "events", "--max-events", 9),
            "found 5 events, 3 that the model comes from, expected at least 9",
        ),
        (("evaluate", "--events", "events", "--builder", "x"), "track builder: found 'x'"),
        (("evaluate", "--model", "teacher", "--events", "events", "--threads", 0), "threads"),
        ((*TRAIN, "--hidden", 129), "hidden"),
        ((*TRAIN, "--metric-learning", "x"), "--module-map or --metric-learning"),
        ((*TRAIN[:5], "--module-map", "events"), "module_map.json"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_bad_input_is_one_line(fpga_gnn, teacher, arguments, complaint):
    outcome = fpga_gnn(*arguments, "--out", "found")
    assert outcome.code == 2
    assert len(outcome.err.splitlines()) == 1, outcome.err
    assert complaint in outcome.err
    assert not (teacher.parent / "found").exists()
