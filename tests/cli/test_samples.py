"""``fpga-gnn samples``: one command makes the data sets, one proves that they are the same."""

from __future__ import annotations

import pytest

from fpga_gnn.cli import samples as command
from fpga_gnn.events import samples as module
from fpga_gnn.events.sample import sample_store
from fpga_gnn.events.samples import Lock, LockedSample, Sample, load_manifest, load_samples
from fpga_gnn.events.simulate import SimulationConfig
from fpga_gnn.events.store import EventStore


@pytest.fixture(autouse=True)
def two_samples(monkeypatch, tmp_path):
    """Two small samples of shipped events; the working folder is empty."""

    def simulate(config, out, *, executor, progress):
        store = EventStore.create(out, config.model_dump(exclude={"events", "first_event"}))
        for event_id in config.event_ids:
            store.write(sample_store().read(event_id))
            progress(event_id + 1, config.events)
        return store

    samples = {
        name: Sample(
            name=name,
            purpose=f"to {name}",
            simulation=SimulationConfig(pileup=20, events=2, seed=seed),
        )
        for seed, name in enumerate(("train", "test"))
    }
    monkeypatch.setattr(module, "simulate", simulate)
    monkeypatch.setattr(command, "load_samples", lambda: samples)
    monkeypatch.chdir(tmp_path)
    return samples


@pytest.fixture
def lock(monkeypatch):
    """Lock the hash of ``test``."""

    def set_(sha256):
        locked = Lock(made_with={}, samples={"test": LockedSample(events=2, sha256=sha256)})
        monkeypatch.setattr(command, "load_lock", lambda: locked)

    set_("0" * 64)
    return set_


def test_list_shows_the_shipped_samples(fpga_gnn, monkeypatch):
    monkeypatch.setattr(command, "load_samples", load_samples)
    outcome = fpga_gnn("samples", "list")
    assert (outcome.code, outcome.err) == (0, "")
    header, *lines = outcome.out.splitlines()
    assert header.split() == ["sample", "events", "locked", "purpose;", "settings"]
    assert [line.split()[:3] for line in lines] == [
        ["module-map", "1000", "yes"],
        ["train-mu60", "40", "yes"],
        ["train-mu200", "60", "yes"],
        ["validation", "10", "yes"],
        ["test", "50", "yes"],
        ["test-noise", "10", "no"],
    ]
    assert lines[4].endswith("final figures only; frozen; pileup 200, seed 5001, detector full")


def test_build_makes_the_samples_asked_for(fpga_gnn, lock, tmp_path):
    outcome = fpga_gnn("samples", "build", "--out", "data", "--only", "train", "--workers", 1)
    assert (outcome.code, outcome.err) == (0, "")
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["samples.json", "train"]
    made = load_manifest(tmp_path / "data").samples["train"]
    assert outcome.out == (
        f"train: 2 events; per event {made.hits_per_event:.1f} hits, "
        f"{made.hits_per_event:.1f} of them pixel, {made.particles_per_event:.1f} particles; "
        f"sha256 {made.sha256[:12]}\n"
    )
    assert fpga_gnn("samples", "build", "--out", "data").code == 0
    listed = load_manifest(tmp_path / "data").samples
    assert listed.keys() == {"train", "test"}
    assert listed["train"] == made


def test_build_warns_of_a_locked_sample_that_is_another(fpga_gnn, lock, tmp_path):
    outcome = fpga_gnn("samples", "build", "--out", "data")
    assert (outcome.code, outcome.err) == (0, "")
    found = load_manifest(tmp_path / "data").samples["test"].sha256
    warning = [line for line in outcome.out.splitlines() if line.startswith("warning: ")]
    assert warning == [
        f"warning: test: found 2 events with sha256 {found}, expected 2 with {'0' * 64} "
        "(samples.lock.json); another CPU or library version may round differently"
    ]
    lock(found)
    assert "warning" not in fpga_gnn("samples", "build", "--out", "data").out


def test_verify_passes_only_the_locked_hash(fpga_gnn, lock, tmp_path):
    assert fpga_gnn("samples", "build", "--out", "data").code == 0
    found = load_manifest(tmp_path / "data").samples["test"].sha256
    outcome = fpga_gnn("samples", "verify", "--out", "data")
    assert outcome.code == 1
    assert outcome.err == (
        f"fpga-gnn: error: test: found 2 events with sha256 {found}, "
        f"expected 2 with {'0' * 64} (samples.lock.json)\n"
    )
    lock(found)
    outcome = fpga_gnn("samples", "verify", "--out", "data")
    assert (outcome.code, outcome.err) == (0, "")
    endings = [line.split()[-2:] for line in outcome.out.splitlines()]
    assert endings == [["not", "locked"], ["as", "locked"]]


def test_verify_leaves_out_what_was_not_built(fpga_gnn, lock):
    assert fpga_gnn("samples", "build", "--out", "data", "--only", "train").code == 0
    outcome = fpga_gnn("samples", "verify", "--out", "data")
    assert outcome.code == 0
    assert outcome.out.startswith("train: 2 events")
    assert len(outcome.out.splitlines()) == 1


def test_verify_finds_an_altered_event(fpga_gnn, lock, tmp_path):
    assert fpga_gnn("samples", "build", "--out", "data", "--only", "train").code == 0
    file = tmp_path / "data" / "train" / "event000000001-particles.parquet"
    file.write_bytes(file.read_bytes() + b"\n")
    outcome = fpga_gnn("samples", "verify", "--out", "data", "--only", "train")
    assert outcome.code == 2
    assert f"{file.name}: found {file.stat().st_size} bytes with sha256" in outcome.err
    assert len(outcome.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("build", "--out", "data", "--only", "tset"), "--only: found 'tset', expected one of tr"),
        (("verify", "--out", "data", "--only", "tset"), "--only: found 'tset', expected one of tr"),
        (("verify", "--out", "data"), "data: found no sample, expected a folder that "),
        (("verify", "--out", "data", "--only", "test"), "found no manifest.json"),
        (("build", "--out", "data", "--workers", "0"), "Invalid value for '--workers'"),
        (("build",), "Missing option '--out'"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_input_is_one_line(fpga_gnn, lock, tmp_path, arguments, message):
    outcome = fpga_gnn("samples", *arguments)
    assert outcome.code == 2
    assert message in outcome.err
    assert len(outcome.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
