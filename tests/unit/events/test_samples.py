"""Named samples: independent, made by one call, and vouched for down to the last byte."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from fpga_gnn.errors import InputError
from fpga_gnn.events import samples as module
from fpga_gnn.events.acts_detector import PIXEL_VOLUMES
from fpga_gnn.events.sample import sample_store
from fpga_gnn.events.samples import (
    Lock,
    LockedSample,
    Sample,
    build_sample,
    difference_from_lock,
    load_lock,
    load_manifest,
    load_samples,
    read_sample,
    sample_sha256,
)
from fpga_gnn.events.simulate import SimulationConfig
from fpga_gnn.events.store import EventRecord, EventStore


@pytest.fixture(autouse=True)
def shipped_events(monkeypatch):
    """``simulate`` copies shipped events instead, and only those that are missing."""

    def simulate(config, out, *, executor, progress):
        store = EventStore.create(out, config.model_dump(exclude={"events", "first_event"}))
        for event_id in config.event_ids:
            if event_id not in store:
                store.write(sample_store().read(event_id))
        return store

    monkeypatch.setattr(module, "simulate", simulate)


def sample(name="small", **settings):
    settings = {"pileup": 20, "events": 3, "seed": 7, **settings}
    return Sample(name=name, purpose="a test", simulation=SimulationConfig(**settings))


def entry(name, **settings):
    return sample(name, **settings).model_dump(mode="json")


class TestShipped:
    def test_every_sample_has_its_own_seed(self):
        seeds = {name: sample.simulation.seed for name, sample in load_samples().items()}
        assert seeds == {
            "module-map": 1001,
            "train-mu60": 2001,
            "train-mu200": 3001,
            "validation": 4001,
            "test": 5001,
            "test-noise": 5002,
        }

    def test_the_frozen_test_sample(self):
        test, noisy = (load_samples()[name].simulation for name in ("test", "test-noise"))
        assert test == SimulationConfig(pileup=200, events=50, seed=5001, detector="full")
        assert noisy == test.model_copy(update={"events": 10, "seed": 5002, "noise_fraction": 0.15})

    def test_the_lock_is_of_listed_samples_with_all_their_events(self):
        samples, lock = load_samples(), load_lock()
        assert lock.samples.keys() == samples.keys() - {"test-noise"}
        for name, locked in lock.samples.items():
            assert locked.events == samples[name].simulation.events, name


class TestList:
    def load(self, tmp_path, entries):
        file = tmp_path / "samples.yaml"
        file.write_text(entries if isinstance(entries, str) else yaml.safe_dump(entries))
        return load_samples(file)

    def test_order_is_that_of_the_file(self, tmp_path):
        entries = [entry("b", seed=1), entry("a", seed=2)]
        assert list(self.load(tmp_path, entries)) == ["b", "a"]

    @pytest.mark.parametrize(
        ("entries", "message"),
        [
            ([entry("a"), entry("b")], "seed 7 2 times, expected a seed for each sample"),
            ([entry("a"), entry("a", seed=8)], "name a 2 times, expected a name for each"),
            ([{**entry("a"), "colour": 1}], "sample 1: found unknown key colour, expected one of"),
            (
                [
                    entry("b"),
                    {**entry("a"), "simulation": {"mu": 2, "events": 1, "pileup": 1, "seed": 1}},
                ],
                "sample 2: found unknown key simulation.mu, expected one of detector, events,",
            ),
            ([entry("a", seed=1) | {"purpose": "two\nlines"}], "sample 1: purpose: found "),
            ([entry("a") | {"name": "../a"}], "sample 1: name: found '../a'"),
            ([{"name": "a"}], "sample 1: found no key purpose"),
            ({"a": entry("a")}, "found a dict, expected a list of samples"),
            ([], "found a list, expected a list"),
            ("- [a", "expected valid YAML"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_wrong_lists_are_refused(self, tmp_path, entries, message):
        with pytest.raises(InputError) as error:
            self.load(tmp_path, entries)
        assert message in str(error.value)


def record(event_id, hits="a", particles="b"):
    return EventRecord(
        event_id=event_id,
        n_hits=1,
        n_particles=1,
        hits_sha256=hits * 64,
        particles_sha256=particles * 64,
    )


class TestHash:
    def test_is_that_of_a_line_per_event(self):
        text = f"0 {'a' * 64} {'b' * 64}\n10 {'c' * 64} {'d' * 64}\n"
        expected = hashlib.sha256(text.encode()).hexdigest()
        assert sample_sha256([record(0), record(10, "c", "d")]) == expected

    def test_does_not_depend_on_the_order_of_the_records(self):
        records = [record(0), record(2, "c"), record(10, "d")]
        assert sample_sha256(records[::-1]) == sample_sha256(records)

    @pytest.mark.parametrize(
        "other",
        [
            [record(0)],
            [record(0), record(2)],
            [record(0), record(1, hits="c")],
            [record(0), record(1, particles="c")],
        ],
    )
    def test_depends_on_every_event_and_both_files(self, other):
        assert sample_sha256(other) != sample_sha256([record(0), record(1)])


class TestBuild:
    def test_counts_and_hash_are_those_of_the_events(self, tmp_path):
        made = build_sample(sample(), tmp_path)
        events = [sample_store().read(event_id) for event_id in range(3)]
        pixel = [np.isin(event.hits.volume_id, PIXEL_VOLUMES).sum() for event in events]
        assert (made.events, made.first_event) == (3, 0)
        assert made.hits_per_event == round(np.mean([len(event.hits) for event in events]), 1)
        assert made.pixel_hits_per_event == round(np.mean(pixel), 1)
        assert made.particles_per_event == round(np.mean([len(e.particles) for e in events]), 1)
        assert made.settings["seed"] == 7
        assert made.sha256 == sample_sha256(EventStore.open(tmp_path / "small").records)
        assert load_manifest(tmp_path).samples == {"small": made}

    def test_other_samples_stay_listed(self, tmp_path):
        first = build_sample(sample("first", seed=1), tmp_path)
        second = build_sample(sample("second", seed=2, events=1), tmp_path)
        assert load_manifest(tmp_path).samples == {"first": first, "second": second}
        more = build_sample(sample("first", seed=1, events=4), tmp_path)
        assert more.events == 4
        assert load_manifest(tmp_path).samples == {"first": more, "second": second}

    def test_events_beyond_the_sample_do_not_count(self, tmp_path):
        exact = build_sample(sample(), tmp_path / "exact")
        build_sample(sample(events=5), tmp_path / "more")
        assert build_sample(sample(), tmp_path / "more") == exact

    def test_first_event(self, tmp_path):
        made = build_sample(sample(first_event=2, events=2), tmp_path)
        assert EventStore.open(tmp_path / "small").event_ids == (2, 3)
        assert (made.first_event, made.events) == (2, 2)

    @pytest.mark.parametrize(
        ("text", "message"),
        [("{", "broken JSON"), ('{"format": 1, "owner": "me"}', "unknown key owner")],
    )
    def test_a_damaged_manifest_is_refused(self, tmp_path, text, message):
        (tmp_path / "samples.json").write_text(text)
        with pytest.raises(InputError, match=message):
            build_sample(sample(), tmp_path)
        assert (tmp_path / "samples.json").read_text() == text


class TestRead:
    def test_gives_what_was_built(self, tmp_path):
        made = build_sample(sample(), tmp_path)
        steps = []
        assert read_sample(sample(), tmp_path, lambda *step: steps.append(step)) == made
        assert steps == [(1, 3), (2, 3), (3, 3)]

    @pytest.mark.parametrize("kind", ["hits", "particles"])
    def test_an_altered_file_is_found(self, tmp_path, kind):
        build_sample(sample(), tmp_path)
        file = tmp_path / "small" / f"event000000002-{kind}.parquet"
        file.write_bytes(file.read_bytes()[:-1] + b"?")
        with pytest.raises(InputError, match=f"{file.name}: found .* with sha256"):
            read_sample(sample(), tmp_path)

    def test_a_missing_event_is_named_with_the_command_that_makes_it(self, tmp_path):
        build_sample(sample(events=2), tmp_path)
        with pytest.raises(InputError, match=r"no event 2, .*samples build --only small --out"):
            read_sample(sample(), tmp_path)

    def test_a_store_of_other_settings_is_refused(self, tmp_path):
        build_sample(sample(seed=8), tmp_path)
        with pytest.raises(InputError, match=r"found events of seed 8, expected 7 .* small"):
            read_sample(sample(), tmp_path)


class TestLock:
    def lock(self, **samples):
        return Lock(made_with={}, samples=samples)

    def test_equal_and_unlocked_samples_do_not_differ(self, tmp_path):
        made = build_sample(sample(), tmp_path)
        locked = LockedSample(events=3, sha256=made.sha256)
        assert difference_from_lock("small", made, self.lock(small=locked)) == ""
        assert difference_from_lock("small", made, self.lock(other=locked)) == ""

    @pytest.mark.parametrize(("events", "sha256"), [(3, "0" * 64), (2, None)])
    def test_a_difference_names_sample_found_and_expected(self, tmp_path, events, sha256):
        made = build_sample(sample(), tmp_path)
        locked = LockedSample(events=events, sha256=sha256 or made.sha256)
        text = difference_from_lock("small", made, self.lock(small=locked))
        assert text == (
            f"small: found 3 events with sha256 {made.sha256}, "
            f"expected {events} with {locked.sha256}"
        )

    @pytest.mark.parametrize(
        "change", [{"sha256": "short"}, {"events": 0}, {"events": "50"}, {"note": "x"}]
    )
    def test_a_wrong_lock_is_refused(self, tmp_path, change):
        file = Path(tmp_path / "lock.json")
        entry = {"events": 1, "sha256": "0" * 64}
        file.write_text(json.dumps({"made_with": {}, "samples": {"a": entry}}))
        assert load_lock(file).samples["a"].events == 1
        file.write_text(json.dumps({"made_with": {}, "samples": {"a": {**entry, **change}}}))
        with pytest.raises(InputError, match=r"samples\.a"):
            load_lock(file)
