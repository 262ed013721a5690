"""A detector that no code of ours knows: its TrackML CSV files go to tracks and plots in three
commands (docs/trackml.md)."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from fpga_gnn.events.store import EventStore
from fpga_gnn.tracks.builder import BUILDERS
from fpga_gnn.training.run import load_run

TRAIN = ("train", "--bits", 8, "--float-epochs", 8, "--qat-epochs", 3)
EVALUATE = ("evaluate", "--model", "runs/mine", "--out", "figures")
TEST = (1012, 1013, 1014)
PLOTS = ("efficiency_pt", "efficiency_eta", "scores", "edge_rates")


@pytest.fixture(scope="module")
def telescope(tmp_path_factory):
    """15 events of a telescope of twelve planes."""
    folder = tmp_path_factory.mktemp("telescope") / "csv"
    program = Path(__file__).with_name("trackml_from_acts.py")
    subprocess.run([sys.executable, program, "telescope", folder], check=True, timeout=300)
    return folder


@pytest.fixture
def place(telescope, tmp_path, monkeypatch):
    """A folder with the events in ``csv``; the working folder."""
    shutil.copytree(telescope, tmp_path / "csv")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows(file):
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_three_commands_reach_tracks_and_plots(fpga_gnn, place):
    outcome = fpga_gnn("import", "trackml", "csv", "--out", "events")
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("events: 15 events, ")
    outcome = fpga_gnn(*TRAIN, "--events", "events", "--out", "runs/mine")
    assert outcome.code == 0, outcome.err
    assert "events: 10 to learn from, 2 for the cuts, 3 held out; full hits" in outcome.out
    assert "warning" not in outcome.out
    run = load_run(place / "runs" / "mine")
    assert set(run.module_map.modules >> 40) == {1}
    assert run.module_map.modules.size == 12
    assert 0.01 < run.info.clipped["r"] < 0.05
    assert run.info.clipped["z"] == 0
    outcome = fpga_gnn(*EVALUATE, "--events", "events")
    assert outcome.code == 0, outcome.err
    assert "left out: 12 events that the model comes from" in outcome.out
    report = json.loads((place / "figures" / "evaluation.json").read_text())
    assert tuple(report["sample"]["event_ids"]) == TEST
    assert report["n_seen"] == 12
    figures = {figure["builder"]: figure for figure in report["tracks"]}
    assert list(figures) == list(BUILDERS)
    for name, figure in figures.items():
        assert figure["efficiency"]["value"] > 0.9, name
        assert figure["fake_rate"]["value"] < 0.05, name
    pictures = sorted(file.stem for file in (place / "figures").glob("*.png"))
    assert pictures == sorted(PLOTS), "tracks are not fitted in a detector of unknown errors"
    efficiency = figures["cc-jr"]["efficiency"]
    assert count_found(place) == (efficiency["passed"], efficiency["total"])
    for option in ("--ckf", "--chep"):
        outcome = fpga_gnn(*EVALUATE, "--events", "events", option)
        assert outcome.code == 2
        assert f"found {option} with hits of another detector" in outcome.err
    for file in (place / "csv").glob("*-[tp]*.csv"):
        file.unlink()
    outcome = fpga_gnn("import", "trackml", "csv", "--out", "data")
    assert outcome.code == 2
    assert "expected the truth of event 1000; --no-truth imports hits alone" in outcome.err
    assert fpga_gnn("import", "trackml", "csv", "--out", "data", "--no-truth").code == 0
    outcome = fpga_gnn("reconstruct", "data", "--model", "runs/mine", "--out", "tracks")
    assert outcome.code == 0, outcome.err
    assert len(list((place / "tracks").glob("*-tracks.parquet"))) == 15
    known = EventStore.create(place / "known", {"made": "for a test"})
    for event_id in (1000, 1010):
        known.write(EventStore.open(place / "events").read(event_id))
    outcome = fpga_gnn(*EVALUATE, "--events", "known")
    assert outcome.code == 2
    assert "found 2 events, 2 that the model comes from, expected at least 1" in outcome.err


def count_found(place):
    """Return how many target particles tracks.csv finds, and of how many, from the CSV alone."""
    submitted = rows(place / "figures" / "tracks.csv")
    tracks = {(int(r["event_id"]), int(r["hit_id"])): int(r["track_id"]) for r in submitted}
    n_hits = n_found = n_targets = 0
    for event in TEST:
        stem = place / "csv" / f"event{event:09d}"
        owner = {
            int(row["hit_id"]): int(row["particle_id"]) for row in rows(Path(f"{stem}-truth.csv"))
        }
        n_hits += len(owner)
        hits_of_track: dict[int, list[int]] = {}
        for hit in owner:
            hits_of_track.setdefault(tracks[event, hit], []).append(hit)
        found = set()
        for number, hits in hits_of_track.items():
            ((particle, n),) = Counter(owner[hit] for hit in hits).most_common(1)
            if number and particle and 2 * n > len(hits):
                found.add(particle)
        for row in rows(Path(f"{stem}-particles.csv")):
            px, py, pz = (float(row[name]) for name in ("px", "py", "pz"))
            pt = np.hypot(px, py)
            target = pt > 1 and int(row["nhits"]) >= 3 and abs(np.arcsinh(pz / pt)) < 4
            n_targets += target
            n_found += target and int(row["particle_id"]) in found
    assert n_hits == len(tracks), "a row per hit"
    return n_found, n_targets


def test_chosen_volumes_are_imported(fpga_gnn, place):
    outcome = fpga_gnn("import", "trackml", "csv", "--out", "events", "--volume", 7, "--volume", 8)
    assert outcome.code == 2
    assert "event 1000: found hits in volumes 1, expected some in volumes 7, 8" in outcome.err
    outcome = fpga_gnn("import", "trackml", "csv", "--out", "some", "--volume", 1)
    assert outcome.code == 0, outcome.err
    store = EventStore.open(place / "some")
    assert store.origin["volumes"] == [1]
    assert len(store) == 15


def test_pixel_hits_of_another_detector_are_refused(fpga_gnn, place):
    assert fpga_gnn("import", "trackml", "csv", "--out", "events").code == 0
    outcome = fpga_gnn(*TRAIN, "--events", "events", "--detector", "pixel", "--out", "run")
    assert outcome.code == 2
    assert "found hits in volumes 1, expected some in volumes 7, 8, 9" in outcome.err
    assert "--detector full" in outcome.err


def test_a_hit_outside_the_contract_is_named(fpga_gnn, place):
    file = place / "csv" / "event000001003-hits.csv"
    text = file.read_text().replace("\n5,", "\n5,9999", 1)
    file.write_text(text)
    assert fpga_gnn("import", "trackml", "csv", "--out", "events").code == 0
    outcome = fpga_gnn(*TRAIN, "--events", "events", "--out", "run")
    assert outcome.code == 2
    assert "event 1003: hit 5: found x = 9" in outcome.err
    assert "widen hit.length" in outcome.err
