"""The bit-width study on shipped events, each figure against its own plain computation."""

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
from fpga_gnn.flows.map_bits import BITS_STUDY, MARKDOWN, BitsPlan, study_bits
from fpga_gnn.flows.map_study import StudyProgress
from fpga_gnn.graphs.arithmetic import FloatArithmetic
from fpga_gnn.graphs.construction import ModuleMapConstruction
from fpga_gnn.graphs.map_learning import collect_crossings, learn_module_map
from fpga_gnn.graphs.map_settings import MapSettings
from fpga_gnn.graphs.module_map_float import FloatMapConstruction, learn_float_map
from fpga_gnn.graphs.truth import label_edges, truth_segments
from fpga_gnn.report.map_bits import BitsStudy

PLAN = BitsPlan(low=(6,), high=(8,))
TOLERANT = MapSettings(widening=0.25, small_sample=1.0)
NAMES = [
    "w8",
    *(f"{name} -6 low" for name in ("length", "phi", "eta", "phi_slope", "dydx", "dzdr", "all")),
    *(f"{name} -8 high" for name in ("z0", "dphi", "deta", "phi_slope", "dydx", "dzdr", "all")),
]


def views(n_validation=2):
    return (
        EventView.of(map_store(), "pixel", 3),
        EventView.of(sample_store(), "pixel", n_validation),
    )


@pytest.fixture(scope="module")
def w8():
    return load_contract("w8")


def run(w8, folder, *, plan=PLAN, events=None, settings=TOLERANT):
    """A study and what its progress was told."""
    told = {"learning": [], "measuring": []}
    progress = StudyProgress(
        *(lambda done, total, name=name: told[name].append((done, total)) for name in told)
    )
    found = study_bits(plan, *(events or views()), w8, settings, folder, progress=progress)
    return found, told


@pytest.fixture(scope="module")
def study(w8, tmp_path_factory):
    folder = tmp_path_factory.mktemp("study") / "new" / "folder"
    return *run(w8, folder), folder


def segments(construct, event):
    """Target segments among the edges, as pairs of rows, and the number of edges."""
    graph = construct(event)
    labels = label_edges(event, TargetSelection(), graph.rows, graph.src, graph.dst)
    pairs = zip(graph.rows[graph.src], graph.rows[graph.dst], labels.target, strict=True)
    return {(int(a), int(b)) for a, b, target in pairs if target}, graph.n_edges


def test_every_variation_is_measured_once(study):
    found, told, _ = study
    assert [figure.name for figure in found.formats] == NAMES
    assert told["measuring"] == [(done, 15) for done in range(1, 16)]
    assert told["learning"] == 16 * [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("name", ["w8", "all -6 low", "dzdr -8 high"])
def test_figures_are_those_of_maps_learned_in_their_formats(study, w8, name):
    learning, validation = views()
    variant = PLAN.variants(w8)[name]
    construct = ModuleMapConstruction(
        learn_module_map(learning, variant, settings=TOLERANT), variant
    )
    rows = learn_module_map(learning, w8, settings=TOLERANT)
    real = FloatMapConstruction(
        learn_float_map(collect_crossings(learning, FloatArithmetic()), rows)
    )
    n_edges, n_real, n_target = 0, 0, 0
    both, gained, lost = 0, 0, 0
    for event in validation:
        (found, edges), (expected, real_edges) = segments(construct, event), segments(real, event)
        both += len(found & expected)
        gained += len(found - expected)
        lost += len(expected - found)
        n_edges, n_real = n_edges + edges, n_real + real_edges
        n_target += int(truth_segments(event, TargetSelection()).target.sum())
    figure = next(figure for figure in study[0].formats if figure.name == name)
    assert (figure.gained, figure.lost) == (gained, lost)
    assert figure.graph.efficiency.passed == both + gained
    assert study[0].real.efficiency.passed == both + lost > 0
    assert figure.graph.efficiency.total == study[0].real.efficiency.total == n_target
    assert (figure.graph.edges_per_event, study[0].real.edges_per_event) == (
        n_edges / 2,
        n_real / 2,
    )


def test_coarse_windows_pass_more(study):
    edges = {figure.name: figure.graph.edges_per_event for figure in study[0].formats}
    assert max(edges, key=edges.get) == "all -6 low"
    assert edges["length -6 low"] > edges["eta -6 low"] > edges["w8"] > 0


def test_the_folder_holds_the_report_and_its_table(study):
    found, _, folder = study
    assert {p.name for p in folder.iterdir()} == {BITS_STUDY, MARKDOWN}
    text = (folder / BITS_STUDY).read_text()
    assert BitsStudy.model_validate_json(text) == found
    assert json.loads(text)["learning"]["event_ids"] == [0, 1, 2]
    assert found.settings == TOLERANT.model_dump()
    assert found.targets == TargetSelection().model_dump()
    assert len((folder / MARKDOWN).read_text().splitlines()) == 2 + 1 + len(NAMES)


def test_a_study_goes_on_where_it_stopped(w8, tmp_path, monkeypatch):
    events = views(1)
    whole, _ = run(w8, tmp_path / "whole", plan=BitsPlan(low=(4,)), events=events)
    folder = tmp_path / "stopped"
    run(w8, folder, plan=BitsPlan(low=(2,)), events=events)
    first = whole.model_copy(update={"formats": whole.formats[:3]})
    (folder / BITS_STUDY).write_text(first.model_dump_json())
    reads: Counter[int] = Counter()
    original = EventStore.read
    monkeypatch.setattr(
        EventStore, "read", lambda store, i: reads.update([store.path]) or original(store, i)
    )
    again, _ = run(w8, folder, plan=BitsPlan(low=(4,)), events=events)
    assert again == whole
    # w8 and float64 are always learned; of 8 sets of formats 3 were there.
    assert reads[map_store().path] == 3 * (2 + 8 - 3)


def test_figures_of_other_events_are_measured_again(w8, tmp_path):
    nothing = BitsPlan()
    one, _ = run(w8, tmp_path, plan=nothing, events=views(1))
    two, _ = run(w8, tmp_path, plan=nothing)
    assert one.formats[0].graph.efficiency.total < two.formats[0].graph.efficiency.total
    assert [figure.name for figure in two.formats] == ["w8"]
    (tmp_path / BITS_STUDY).write_text("{")
    assert run(w8, tmp_path, plan=nothing)[0] == two


def test_a_coordinate_takes_its_window_with_it(w8):
    found = BitsPlan(low=(2,)).variants(w8)
    length = found["length -2 low"]
    assert (length.hit.length.bits, length.hit.length.frac) == (16, 3)
    assert (length.windows.z0.bits, length.windows.z0.frac) == (16, 3)
    assert (length.windows.phi_slope.bits, length.windows.phi_slope.frac) == (24, 10)
    phi = found["phi -2 low"]
    assert (phi.hit.phi.bits, phi.hit.phi.frac, phi.windows.dphi.bits) == (16, 16, 16)
    assert (phi.windows.phi_slope.bits, phi.windows.phi_slope.frac) == (24, 14)
    eta = found["eta -2 low"]
    assert (eta.hit.eta.bits, eta.windows.deta.frac) == (16, 12)
    assert eta.windows.phi_slope == w8.windows.phi_slope
    for contract in found.values():
        assert contract.network == w8.network


def test_all_bits_are_taken_together(w8):
    found = BitsPlan(low=(4,), high=(3,)).variants(w8)
    every = found["all -4 low"]
    assert [fmt.bits for _, fmt in every.hit] == [14, 14, 14]
    assert [fmt.bits for _, fmt in every.windows] == [14, 14, 14, 20, 20, 20]
    assert (every.windows.phi_slope.frac, every.windows.dydx.frac) == (8, 10)
    narrow = found["all -3 high"]
    assert narrow.hit == w8.hit
    assert [fmt.bits for _, fmt in narrow.windows] == [15, 15, 15, 21, 21, 21]
    assert [fmt.frac for _, fmt in narrow.windows] == [fmt.frac for _, fmt in w8.windows]


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (BitsPlan(low=(17,)), "contract w8: length: found 18 bits, expected at least 19"),
        (BitsPlan(low=(13,)), "contract w8: phi_slope: found -1 fraction bits, expected 0 or more"),
        (BitsPlan(high=(17,)), "contract w8: z0: found 18 bits, expected at least 19"),
    ],
)
def test_formats_of_too_few_bits_are_refused(w8, tmp_path, plan, message):
    with pytest.raises(InputError, match=message):
        run(w8, tmp_path / "out", plan=plan)
    assert not (tmp_path / "out").exists()


def test_no_validation_event_is_refused(w8, tmp_path):
    learning, _ = views()
    nothing = EventView(sample_store(), (), "pixel")
    with pytest.raises(InputError, match="events: found no event"):
        run(w8, tmp_path / "out", events=(learning, nothing))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("wrong", [{"low": (0,)}, {"high": (-1,)}, {"medium": (1,)}], ids=str)
def test_a_plan_that_means_nothing_is_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        BitsPlan(**wrong)


def test_a_plan_is_sorted_and_has_everything_once():
    assert BitsPlan(low=["4", "2", "4"]).low == (2, 4)
