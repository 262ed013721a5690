"""The module-map study on shipped events, each figure against its own plain computation."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from pydantic import ValidationError

from fpga_gnn.contract import load_contract
from fpga_gnn.errors import InputError
from fpga_gnn.events.sample import map_store, sample_store
from fpga_gnn.events.store import EventStore
from fpga_gnn.events.targets import TargetSelection
from fpga_gnn.events.view import EventView
from fpga_gnn.flows.map_study import (
    GROWTH,
    MAP_STUDY,
    VARIANTS,
    WINDOWS,
    StudyPlan,
    StudyProgress,
    study_module_maps,
)
from fpga_gnn.graphs.construction import ModuleMapConstruction
from fpga_gnn.graphs.map_learning import learn_module_map
from fpga_gnn.graphs.map_settings import MapSettings
from fpga_gnn.graphs.truth import label_edges
from fpga_gnn.report.evaluation import RateFigure
from fpga_gnn.report.map_study import MapStudy
from fpga_gnn.tracks.edge_metrics import summarize_graphs

PLAN = StudyPlan(sizes=(1, 3), widenings=(0.0, 0.2), small_samples=(0.0, 1.0))
QUIET = StudyProgress(lambda done, total: None, lambda done, total: None)


def views(n_validation=2):
    return (
        EventView.of(map_store(), "pixel", 4),
        EventView.of(sample_store(), "pixel", n_validation),
    )


@pytest.fixture(scope="module")
def w8():
    return load_contract("w8")


@pytest.fixture(scope="module")
def study(w8, tmp_path_factory):
    """A study, its folder, how often each event was read, and what progress was told."""
    folder = tmp_path_factory.mktemp("study") / "new" / "folder"
    reads, told = Counter(), {"learning": [], "measuring": []}
    progress = StudyProgress(
        *(lambda done, total, name=name: told[name].append((done, total)) for name in told)
    )
    with pytest.MonkeyPatch.context() as patch:
        original = EventStore.read

        def read(store, event_id):
            reads[store.path, event_id] += 1
            return original(store, event_id)

        patch.setattr(EventStore, "read", read)
        found = study_module_maps(PLAN, *views(), w8, folder, progress=progress)
    return found, folder, reads, told


@pytest.mark.parametrize("row", [0, 1])
def test_a_grown_map_is_the_one_learned_from_its_events_alone(study, w8, row):
    figure = study[0].growth[row]
    learned = learn_module_map((map_store().read(i) for i in range(PLAN.sizes[row])), w8)
    records = learned.records
    assert (figure.name, figure.n_events) == ("default", PLAN.sizes[row])
    assert figure.n_tracks == learned.info.n_tracks
    assert (figure.n_modules, figure.n_doublets, figure.n_triplets) == (
        records.n_modules,
        records.n_doublets,
        records.n_triplets,
    )
    for kind, graph in (("doublets", figure.doublets), ("triplets", figure.triplets)):
        construct = ModuleMapConstruction(learned, w8, triplets=kind == "triplets")
        labels = []
        for event in (sample_store().read(0), sample_store().read(1)):
            found = construct(event)
            nodes = (found.rows, found.src, found.dst)
            labels.append(label_edges(event, TargetSelection(), *nodes))
        summary = summarize_graphs(labels)
        assert graph.builder == construct.name
        assert graph.efficiency == RateFigure.model_validate(summary.efficiency)
        assert graph.purity == RateFigure.model_validate(summary.purity)
        assert graph.edges_per_event == summary.edges_per_event
        assert graph.time.n_events == 2
        assert 0 < graph.time.low <= graph.time.median <= graph.time.high


def test_growing_and_widening_find_more(study):
    found = study[0]
    assert [figure.settings["widening"] for figure in found.windows] == [0.0, 0.2, 0.0, 0.2]
    assert [figure.settings["small_sample"] for figure in found.windows] == [0.0, 0.0, 1.0, 1.0]
    for less, more in (found.growth, found.windows[:2], found.windows[2:], found.windows[::2]):
        for kind in ("doublets", "triplets"):
            small, large = getattr(less, kind), getattr(more, kind)
            assert small.efficiency.value < large.efficiency.value
            assert small.edges_per_event < large.edges_per_event


def test_the_default_map_is_measured_once(study):
    found, *_, told = study
    assert found.windows[0] is found.growth[-1]
    assert [figure.name for figure in found.maps] == [
        *("default", "default", "widening 0.2"),
        *("small sample 1.0", "widening 0.2, small sample 1.0"),
        *("min occurrence 2", "spread rms", "dydx physical"),
    ]
    assert told["measuring"] == [(done, 8) for done in range(1, 9)]


def test_variants_are_learned_from_all_events_by_their_settings(study, w8):
    events = [map_store().read(i) for i in range(PLAN.sizes[-1])]
    assert len(study[0].variants) == len(VARIANTS)
    for figure, settings in zip(study[0].variants, VARIANTS, strict=True):
        records = learn_module_map(events, w8, settings=settings).records
        assert MapSettings(**figure.settings) == settings
        assert (figure.n_events, figure.n_triplets) == (3, records.n_triplets)


def test_every_event_is_read_once(study):
    _, _, reads, told = study
    expected = [(map_store().path, i) for i in range(3)] + [
        (sample_store().path, i) for i in (0, 1)
    ]
    assert reads == dict.fromkeys(expected, 1)
    assert told["learning"] == [(1, 3), (2, 3), (3, 3)]


def test_the_folder_holds_the_report_and_two_pictures(study):
    found, folder, *_ = study
    assert {p.name for p in folder.iterdir()} == {MAP_STUDY, GROWTH, WINDOWS}
    text = (folder / MAP_STUDY).read_text()
    assert MapStudy.model_validate_json(text) == found
    assert json.loads(text)["learning"]["event_ids"] == [0, 1, 2]
    assert found.validation.event_ids == (0, 1)
    assert found.validation.origin["view"] == "pixel"
    assert found.targets == TargetSelection().model_dump()


def test_without_tolerances_there_is_one_picture(w8, tmp_path):
    found = study_module_maps(StudyPlan(sizes=(1,)), *views(1), w8, tmp_path, progress=QUIET)
    assert found.windows == ()
    assert {p.name for p in tmp_path.iterdir()} == {MAP_STUDY, GROWTH}


def test_too_few_events_are_refused_before_any_is_read(w8, tmp_path):
    learning, validation = views(1)
    out = tmp_path / "out"
    with pytest.raises(InputError, match=r"map_events: found 4 events, expected at least 5"):
        study_module_maps(StudyPlan(sizes=(1, 5)), learning, validation, w8, out, progress=QUIET)
    nothing = EventView(sample_store(), (), "pixel")
    with pytest.raises(InputError, match="events: found no event"):
        study_module_maps(StudyPlan(sizes=(1,)), learning, nothing, w8, out, progress=QUIET)
    assert not out.exists()


def test_a_plan_is_sorted_and_has_everything_once():
    plan = StudyPlan(sizes=["100", "5", "100"], widenings=["0.2", "0"], small_samples=[1])
    assert (plan.sizes, plan.widenings, plan.small_samples) == ((5, 100), (0.0, 0.2), (1.0,))
    assert plan.windows == (MapSettings(small_sample=1), MapSettings(small_sample=1, widening=0.2))


@pytest.mark.parametrize(
    "wrong",
    [
        {"sizes": ()},
        {"sizes": (0,)},
        {"widenings": (-0.1,)},
        {"widenings": (float("inf"),)},
        {"small_samples": (float("nan"),)},
        {"sample": 1},
    ],
    ids=str,
)
def test_a_plan_that_means_nothing_is_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        StudyPlan(**{"sizes": (1,)} | wrong)
