"""The ladder on the shipped model and its held-out events: all equal, and every fault is found."""

from __future__ import annotations

import dataclasses
import re
import shutil

import numpy as np
import pytest
import torch

from fpga_gnn.contract import HEADER_NAME, CandidateRecords, emit_header
from fpga_gnn.errors import (
    CapacityError,
    FpgaGnnError,
    InputError,
    MismatchError,
    ToolFailedError,
    ToolMissingError,
)
from fpga_gnn.events.sample import sample_store
from fpga_gnn.events.store import EventStore
from fpga_gnn.events.view import EventView
from fpga_gnn.export.hls4ml_project import GOLDEN, PROJECT, HlsProject
from fpga_gnn.flows import synth as synth_flow
from fpga_gnn.flows import validate as validate_flow
from fpga_gnn.flows.demo import PICTURES, draw
from fpga_gnn.flows.design import REPORT, write_design
from fpga_gnn.flows.validate import (
    held_out_first,
    held_out_ids,
    physics,
    validate,
    validate_run,
)
from fpga_gnn.graphs.graph import build_event_graph
from fpga_gnn.graphs.hits import quantize_hits
from fpga_gnn.graphs.map_learning import learn_module_map
from fpga_gnn.graphs.map_settings import MapSettings
from fpga_gnn.graphs.module_map import build_candidates
from fpga_gnn.graphs.partition import partition_graph
from fpga_gnn.hw import csim
from fpga_gnn.hw.boards import load_board
from fpga_gnn.hw.csim import (
    CsimConnectedComponents,
    CsimDwalk,
    CsimModuleMap,
    CsimTrackBuilder,
)
from fpga_gnn.hw.toolchain import run as run_program
from fpga_gnn.hw.vectors import format_vectors, read_vectors
from fpga_gnn.models.scoring import probability
from fpga_gnn.reference.hit_lists import HitLists
from fpga_gnn.report.summary import FlowReport
from fpga_gnn.tracks.edge_metrics import summarize_edges
from fpga_gnn.training.edge_model import StudentModel
from fpga_gnn.training.pipeline import quality_row
from fpga_gnn.training.run import load_run
from fpga_gnn.training.track_points import ScoredGraph, track_summary
from fpga_gnn.verify import module_map as map_rungs
from fpga_gnn.verify import track_kernels
from fpga_gnn.verify.ladder import Ladder

BOARD = load_board("u250")
RUNGS = [
    ("module map", "numba", "PyTorch"),
    ("module map", "PyTorch", "integer reference"),
    ("module map", "integer reference", "csim"),
    ("module map", "pipeline graph", "csim graph"),
    ("edge classifier", "student", "QONNX"),
    ("edge classifier", "QONNX", "lowered QONNX"),
    ("edge classifier", "lowered QONNX", "integer reference"),
    ("edge classifier", "integer reference", "hls4ml csim"),
    ("edge classifier", "partitions", "whole graph"),
    ("connected components", "numba", "integer reference"),
    ("connected components", "integer reference", "csim"),
    ("track builder", "numba", "integer reference"),
    ("track builder", "integer reference", "csim"),
    ("dwalk", "numba", "integer reference"),
    ("dwalk", "integer reference", "csim"),
]
DIFFERENCE = r"shape \(\d+,\), index \(\d+,\): expected -?\d+, got -?\d+ \(\d+ of \d+ differ\)"
COMPILE = ["g++", "-std=c++17", "-O0", "-w", "-I.", "-Ifirmware/ap_types"]


@pytest.fixture(scope="module")
def run(small_run):
    return load_run(small_run)


@pytest.fixture(scope="module")
def events(run):
    """Two events that the model was never shown."""
    store = sample_store()
    return [store.read(i) for i in held_out_ids(run, store)[-2:]]


@pytest.fixture(scope="module")
def sector(events):
    """A tenth of an event, for the faults."""
    hits = events[0].hits
    return events[0].select_hits(np.abs(np.arctan2(hits.y, hits.x)) < np.pi / 10)


@pytest.fixture(scope="module")
def firmware(run, events, tmp_path_factory):
    firmware = write_design(run, BOARD, tmp_path_factory.mktemp("ladder") / "design", events)
    firmware.project.compile()
    return firmware


@pytest.fixture(scope="module")
def climbed(run, firmware, events):
    """Every held-out event on every rung, and what ``progress`` was told."""
    told = []
    return validate(run, firmware, events, min_edges=None, progress=told.append), told


def quiet(done):
    pass


def differing(ladder):
    return [(rung.left, rung.right) for rung in ladder.rungs if rung.n_different]


def test_all_rungs_are_equal(climbed, events):
    checked, _ = climbed
    assert [(r.kernel, r.left, r.right) for r in checked.rungs] == RUNGS
    assert [r.different for r in checked.rungs] == [0] * len(RUNGS)
    graphs = [e.event_graph.graph for e in checked.events]
    n_edges = sum(graph.n_edges for graph in graphs)
    expected = {
        "candidates": sum(e.event_graph.candidates.src.size for e in checked.events),
        "features": sum(g.node_features.size + g.edge_features.size for g in graphs),
        "edges": n_edges,
        "nodes": sum(len(event.hits) for event in events),
    }
    for rung in checked.rungs:
        if rung.unit == "tracks":
            assert rung.compared > 500
        else:
            assert rung.compared == expected[rung.unit]
    assert checked.n_edges == n_edges > 20_000
    assert all(len(e.partitioned.partitions) > 5 for e in checked.events)
    assert all(np.unique(e.scores).size > 500 for e in checked.events)


def test_progress_ends_at_the_edges_compared(climbed):
    checked, told = climbed
    assert told == sorted(told)
    assert told[-1] == checked.n_edges


def test_quality_of_the_firmware_is_that_of_the_student(run, climbed):
    checked, _ = climbed
    found = physics(run, checked.events)
    model, settings, scored = StudentModel(run), run.info.builders["cc"].settings, []
    for item in checked.events:
        graph = model.graph(item.event)
        score = probability(model.logits(item.event, graph))
        scored.append(ScoredGraph(item.event, graph, score))
    edges = summarize_edges([item.score for item in scored], found.labels, settings["cut"])
    tracks = track_summary("cc", settings, scored, run.info.training.selection)
    assert found.quality == quality_row(edges, tracks)
    assert found.quality["track_efficiency"] > 0.8


def test_the_climb_stops_at_the_edges_asked_for(run, firmware, sector, events):
    later = dataclasses.replace(events[1], event_id=99)
    checked = validate(run, firmware, [sector, later], min_edges=1, progress=quiet)
    assert [e.event.event_id for e in checked.events] == [sector.event_id]
    assert 0 < checked.n_edges < 2000


def test_a_changed_student_is_found_on_the_first_rung(small_run, firmware, sector):
    changed = load_run(small_run)
    weight = changed.student.decoder[2].weight
    with torch.no_grad():
        weight[0, weight[0].abs().argmax()] *= -1
    message = rf"^edge classifier \(student == QONNX\): case event \d+ partition 0: {DIFFERENCE}$"
    ladder = Ladder(changed, firmware)
    with pytest.raises(MismatchError, match=message) as error:
        ladder.climb([sector], min_edges=None, progress=quiet)
    assert error.value.n_different > 0
    assert differing(ladder) == [("student", "QONNX")]


@pytest.fixture(scope="module")
def other_weight(firmware, tmp_path_factory):
    """The firmware with the sign of one weight of the last layer changed in its sources."""
    folder = tmp_path_factory.mktemp("other_weight") / PROJECT
    shutil.copytree(firmware.project.folder, folder, ignore=shutil.ignore_patterns("*.so"))
    header = max((folder / "firmware" / "weights").glob("w*.h"), key=lambda p: int(p.stem[1:]))
    start, values, end = re.fullmatch(
        r"(.*\{)(.*)(\};.*)", header.read_text(), flags=re.DOTALL
    ).groups()
    weights = [float(value) for value in values.split(",")]
    largest = max(range(len(weights)), key=lambda i: abs(weights[i]))
    weights[largest] *= -1
    changed = ", ".join(f"{w:.6f}" for w in weights)
    header.write_text(f"{start}{changed}{end}")
    with pytest.raises(FpgaGnnError, match=rf"{header.name}: found other weights than in w"):
        HlsProject(folder, firmware.project.contract, graph=None).compile()
    header.with_suffix(".txt").write_text(changed)
    library = folder / "other.so"
    sources = ["firmware/edge_classifier.cpp", "edge_classifier_bridge.cpp"]
    where = f'-DWEIGHTS_DIR="{folder}/firmware/weights"'
    command = [*COMPILE, where, "-shared", "-fPIC", "-fno-gnu-unique", *sources, "-o", library]
    run_program(command, folder / "compile.log", 300, cwd=folder)
    project = HlsProject(folder, firmware.project.contract, graph=None)
    vars(project)["_library"] = library
    return dataclasses.replace(firmware, project=project)


def test_a_changed_weight_in_the_hls_sources_is_found(run, other_weight, sector):
    where = r"^edge classifier \(integer reference == hls4ml csim\): case event \d+ partition 0: "
    ladder = Ladder(run, other_weight)
    with pytest.raises(MismatchError, match=where + DIFFERENCE):
        ladder.climb([sector], min_edges=None, progress=quiet)
    assert differing(ladder) == [("integer reference", "hls4ml csim")]


@pytest.mark.parametrize("column", ["dst", "tagged"])
@pytest.mark.parametrize(
    ("owner", "name", "rung"),
    [
        (map_rungs, "build_candidates", "numba == PyTorch"),
        (map_rungs.reference, "build", "PyTorch == integer reference"),
    ],
    ids=["PyTorch", "reference"],
)
def test_a_wrong_candidate_is_found(run, firmware, sector, monkeypatch, owner, name, rung, column):
    build = getattr(owner, name)

    def wrong(*arguments, **law):
        found = build(*arguments, **law)
        columns = {f.name: getattr(found, f.name).copy() for f in dataclasses.fields(found)}
        columns[column][3] ^= 1
        return CandidateRecords(**columns)

    monkeypatch.setattr(owner, name, wrong)
    where = rf"^module map \({rung}\): case event \d+ {column}: shape"
    with pytest.raises(MismatchError, match=rf"{where} \(\d+,\), index \(3,\)"):
        Ladder(run, firmware).climb([sector], min_edges=None, progress=quiet)


@pytest.mark.parametrize("column", ["node_features", "edge_features", "dst", "n_saturated"])
def test_a_wrong_graph_of_the_module_map_is_found(run, firmware, sector, monkeypatch, column):
    graph = CsimModuleMap.graph

    def wrong(*arguments):
        found = graph(*arguments)
        values = np.array(getattr(found, column))
        values.flat[-1] += 1
        return dataclasses.replace(found, **{column: values})

    monkeypatch.setattr(CsimModuleMap, "graph", wrong)
    ladder = Ladder(run, firmware)
    where = rf"^module map \(pipeline graph == csim graph\): case event \d+ {column}: shape"
    with pytest.raises(MismatchError, match=where):
        ladder.climb([sector], min_edges=None, progress=quiet)
    assert differing(ladder) == [("pipeline graph", "csim graph")]


def test_a_map_of_physical_dydx_stands_the_ladder(run, firmware, sector):
    physical = MapSettings(dydx="physical")
    learned = learn_module_map([sector], run.contract, settings=physical)
    hits = quantize_hits(sector, learned.modules, run.contract).records
    laws = [
        build_candidates(hits, learned.records, run.contract, dydx=law).tagged.sum()
        for law in ("compatible", "physical")
    ]
    assert 0 < laws[0] < laws[1]
    ladder = Ladder(dataclasses.replace(run, module_map=learned), firmware)
    (scored,) = ladder.climb([sector], min_edges=None, progress=quiet)
    assert scored.event_graph.graph.n_edges == laws[1]
    assert differing(ladder) == []


def swapped(tracks):
    """The same tracks, the first two hits of the first one the other way round."""
    nodes = tracks.nodes.copy()
    nodes[:2] = nodes[1::-1]
    return HitLists(tracks.start, nodes)


def shorter(tracks):
    """The same tracks but the last one."""
    return HitLists(tracks.start[:-1], tracks.nodes[: tracks.start[-2]])


def first_label(labels):
    """The same labels but the first."""
    return np.concatenate([labels[:1] + 1, labels[1:]])


@pytest.mark.parametrize(
    ("owner", "name", "change", "rung"),
    [
        (
            CsimConnectedComponents,
            "label",
            first_label,
            r"connected components \(integer reference == csim\): case event \d+",
        ),
        (
            track_kernels.track_builder,
            "build",
            shorter,
            r"track builder \(numba == integer reference\): case event \d+",
        ),
        (
            CsimTrackBuilder,
            "build",
            swapped,
            r"track builder \(integer reference == csim\): case event \d+ nodes",
        ),
        (
            track_kernels.dwalk,
            "build",
            lambda walk: dataclasses.replace(walk, tracks=shorter(walk.tracks)),
            r"dwalk \(numba == integer reference\): case event \d+",
        ),
        (
            CsimDwalk,
            "build",
            lambda walk: dataclasses.replace(walk, tracks=swapped(walk.tracks)),
            r"dwalk \(integer reference == csim\): case event \d+ nodes",
        ),
    ],
    ids=["components", "track builder reference", "track builder", "dwalk reference", "dwalk"],
)
def test_a_wrong_track_is_found(run, firmware, sector, monkeypatch, owner, name, change, rung):
    build = getattr(owner, name)
    monkeypatch.setattr(owner, name, lambda *a, **contract: change(build(*a, **contract)))
    with pytest.raises(MismatchError, match=f"^{rung}: {DIFFERENCE}"):
        Ladder(run, firmware).climb([sector], min_edges=None, progress=quiet)


def test_a_run_without_a_working_point_of_a_kernel_is_refused(run, firmware):
    points = {"cc": run.info.builders["cc"]}
    info = run.info.model_copy(update={"builders": points})
    with pytest.raises(InputError, match=r"^track builder: found 'cc-jr', expected one of cc$"):
        Ladder(dataclasses.replace(run, info=info), firmware)


def test_edges_that_no_partition_holds_are_counted(run, firmware, sector, monkeypatch):
    # The kernels do not depend on the partition: take the compiled ones.
    load = csim._load
    monkeypatch.setattr(csim, "_load", lambda name, _: load(name, run.contract))
    tiny = dataclasses.replace(run, contract=run.contract.with_partition(8, 8))
    graph = build_event_graph(sector, run.module_map, run.contract).graph
    unplaced = partition_graph(graph, tiny.contract.partition, 2).unplaced.size
    assert 0 < unplaced < graph.n_edges
    message = f"{unplaced} edges have a neighbourhood larger than 7 nodes or 8 edges"
    with pytest.raises(CapacityError, match=message):
        Ladder(tiny, firmware).climb([sector], min_edges=None, progress=quiet)


@pytest.fixture(scope="module")
def bench(run, firmware):
    """Run the project's own test bench, linked with the firmware that climbed the ladder."""
    folder = firmware.project.folder
    library = firmware.project.compile()
    sources = [f"{PROJECT}_test.cpp", library]
    run_program([*COMPILE, *sources, "-o", "bench"], folder / "bench.log", 300, cwd=folder)

    def execute(text):
        golden = folder / "other_golden.txt"
        golden.write_bytes(text)
        return run_program([folder / "bench", golden], folder / "run.log", 60, cwd=folder)

    return execute


@pytest.fixture
def golden(firmware):
    return firmware.project.folder / GOLDEN


def test_the_bench_passes_on_the_golden_vectors(bench, golden, run):
    cases = read_vectors(golden, PROJECT, run.contract)
    n_edges = sum(case["score"].size for case in cases.values())
    assert len(cases) == 4
    expected = f"{PROJECT}: 4 cases, {n_edges} values equal\n"
    assert bench(golden.read_bytes()) == expected


@pytest.mark.parametrize(("column", "change"), [("node_features", 100), ("score", 1)])
def test_the_bench_fails_on_another_feature_or_score(bench, firmware, golden, run, column, change):
    cases = read_vectors(golden, PROJECT, run.contract)
    first = next(iter(cases))
    cases[first][column][0] += change
    with pytest.raises(ToolFailedError, match="exit status 1;"):
        bench(format_vectors(PROJECT, run.contract, cases).encode())
    log = (firmware.project.folder / "run.log").read_text()
    assert re.search(rf"^{PROJECT}: case {first}: score\[\d+\]: expected -?\d+, got -?\d+$", log)


def test_the_bench_fails_on_a_damaged_file(bench, firmware, golden):
    text = bytearray(golden.read_bytes())
    text[len(text) // 2] ^= 1
    with pytest.raises(ToolFailedError, match="exit status 1;"):
        bench(bytes(text))
    assert "damaged" in (firmware.project.folder / "run.log").read_text()


def test_the_design_holds_all_a_vendor_tool_needs(run, firmware):
    folder = firmware.folder
    header = folder / "kernels" / "module_map" / "src" / HEADER_NAME
    assert header.read_text() == emit_header(run.contract)
    for name in (
        "edge_classifier.onnx",
        "edge_classifier_lowered.onnx",
        "edge_classifier/build_prj.tcl",
        "kernels/module_map/csynth.tcl",
        "kernels/module_map/src/top/module_map.cpp",
        "kernels/connected_components/settings.txt",
    ):
        assert (folder / name).stat().st_size > 0, name
    assert BOARD.part in (folder / "edge_classifier" / "project.tcl").read_text()


def test_a_folder_of_something_else_is_left_alone(run, events, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(InputError, match="expected an empty folder or an earlier design"):
        write_design(run, BOARD, tmp_path, events)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.fixture
def flow(run, firmware, sector, monkeypatch, tmp_path):
    """Call a flow on one event; it takes the compiled firmware instead of writing it again."""
    store = EventStore.create(tmp_path / "events", {"made": "for a test"})
    for module in (validate_flow, synth_flow):
        monkeypatch.setattr(module, "write_design", lambda *_: firmware)
    monkeypatch.setattr(synth_flow, "find_vitis", lambda: None)
    (tmp_path / "out").mkdir()

    def call(function, model=run, events=(sector,), **options):
        for event in events:
            store.write(event)
        out = tmp_path / "out"
        return function(model, BOARD, out, store, min_edges=1, progress=quiet, **options)

    return call


@pytest.fixture
def report_file(tmp_path):
    return tmp_path / "out" / REPORT


def test_validate_reports_every_rung(flow, run, sector, report_file):
    report = flow(validate_run)
    assert FlowReport.model_validate_json(report_file.read_text()) == report
    assert [(r.kernel, r.left, r.right) for r in report.rungs] == RUNGS
    assert report.n_different == 0
    assert all(rung.compared > 0 for rung in report.rungs)
    assert report.contract_sha256 == run.contract.sha256
    assert report.network_sha256 == run.student.integer_network().sha256
    assert (report.board, report.part, report.events) == ("u250", BOARD.part, [sector.event_id])
    assert report.quality["events"] == 1


def test_a_mismatch_leaves_the_earlier_report(small_run, flow, report_file):
    report_file.write_text("earlier")
    changed = load_run(small_run)
    with torch.no_grad():
        changed.student.decoder[2].weight *= -1
    with pytest.raises(MismatchError):
        flow(validate_run, model=changed)
    assert report_file.read_text() == "earlier"


def test_events_the_run_has_not_seen_come_first(run):
    store = sample_store()
    of = {ids: EventView(store, ids, "pixel").record for ids in ((0, 4), (7,), (8, 9), (2,))}
    record = {
        "train": [of[0, 4], of[8, 9] | {"sha256": ["0" * 64, "1" * 64]}],
        "validation": of[7,],
        "test": of[8, 9],
    }
    learned = run.module_map.info.model_copy(update={"source": {"sources": [of[2,]]}})
    changed = dataclasses.replace(
        run,
        info=run.info.model_copy(update={"events": record}),
        module_map=dataclasses.replace(run.module_map, info=learned),
    )
    unseen = [1, 3, 5, 6, 8, 9]
    assert held_out_ids(changed, store) == tuple(unseen)
    first = [event.event_id for event in held_out_first(changed, store)]
    assert first == [*unseen, 0, 2, 4, 7]
    assert sorted(first) == list(store.event_ids)


def test_all_events_of_another_origin_are_held_out(run, sector, tmp_path):
    store = EventStore.create(tmp_path / "events", {"made": "for a test"})
    seen = run.info.events["train"][0]["ids"][0]
    store.write(dataclasses.replace(sector, event_id=seen))
    assert held_out_ids(run, store) == store.event_ids


def test_physics_figures_are_of_held_out_events_only(flow, run, sector, monkeypatch):
    monkeypatch.setattr(validate_flow, "held_out_ids", lambda *_: ())
    report = flow(validate_run)
    assert report.events == [sector.event_id]
    assert report.quality == {}


@pytest.mark.parametrize("name", ["validate", "synth"])
def test_a_store_without_events_is_refused(run, tmp_path, name):
    store = EventStore.create(tmp_path / "events", {})
    options = {"require_vitis": False} if name == "synth" else {}
    function = {"validate": validate_run, "synth": synth_flow.synth}[name]
    with pytest.raises(InputError, match="events"):
        function(run, BOARD, tmp_path / "out", store, min_edges=1, progress=quiet, **options)
    assert not (tmp_path / "out").exists()


def test_synth_without_vitis_says_so_and_labels_its_numbers(flow, report_file):
    report = flow(synth_flow.synth, require_vitis=False)
    assert FlowReport.model_validate_json(report_file.read_text()) == report
    done = {step.name: step.done for step in report.steps}
    assert done == {
        "export": True,
        "hls project": True,
        "kernels": True,
        "csim": True,
        "csynth": False,
    }
    assert "not on PATH" in report.steps[-1].detail
    assert {number.label for number in report.hardware} == {"estimate"}
    assert [(r.kernel, r.left, r.right) for r in report.rungs] == RUNGS


def test_synth_that_requires_vitis_writes_nothing_without_it(flow, report_file):
    with pytest.raises(ToolMissingError, match="Vitis"):
        flow(synth_flow.synth, require_vitis=True)
    assert list(report_file.parent.iterdir()) == []


def test_the_pictures_of_the_demo(run, climbed, tmp_path):
    checked, _ = climbed
    draw(run, checked.events, physics(run, checked.events), tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(PICTURES)
