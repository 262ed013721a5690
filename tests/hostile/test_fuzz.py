"""Readers of files that somebody has changed: a valid value or an error of ours, nothing else.

Every test changes one file of a valid set and signs it, where a hash of it is kept, so that the
hash is not what stops it. CI runs the same changes every time. A longer run with new ones:
``FUZZ_EXAMPLES=20000 pytest tests/hostile/test_fuzz.py``.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from hostile import (
    change_bytes,
    change_parquet,
    change_safetensors,
    change_tree,
    change_words,
    ending,
    join_parquet,
    json_text,
    open_parquet,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fpga_gnn.contract import Contract, emit_header, emit_sv_package, load_contract
from fpga_gnn.errors import FpgaGnnError
from fpga_gnn.events import trackml
from fpga_gnn.events.samples import load_lock, load_manifest, load_samples
from fpga_gnn.events.store import EventStore
from fpga_gnn.events.targets import TargetSelection, target_mask
from fpga_gnn.flows.sweep_plan import load_spec, plan_sweep
from fpga_gnn.graphs.graph import build_event_graph
from fpga_gnn.graphs.module_map_store import load_module_map
from fpga_gnn.hw.binary import load_record
from fpga_gnn.hw.rtl_classifier import classifier_module
from fpga_gnn.hw.vectors import read_vectors, vectors_contract
from fpga_gnn.models.scoring import student_scores
from fpga_gnn.report.baseline import baseline_file, bless, load_baseline
from fpga_gnn.report.cosim import read_cosim
from fpga_gnn.report.csynth import read_csynth
from fpga_gnn.report.documents import read_document
from fpga_gnn.report.evaluation import graph_lines, load_evaluation, table_lines
from fpga_gnn.report.resource_fit import fit_file, load_fit
from fpga_gnn.report.summary import drift_lines, hardware_lines, load_report, rung_lines
from fpga_gnn.report.sweep import load_run_figure, sweep_points
from fpga_gnn.report.vendor import cosim_numbers, csynth_numbers
from fpga_gnn.report.vivado import read_kernel_clock, read_timing, read_utilization
from fpga_gnn.resources import resource_dir
from fpga_gnn.tracks.builder import BUILDERS
from fpga_gnn.tracks.store import tracks_metadata
from fpga_gnn.training.checkpoint import load_progress, load_tensors
from fpga_gnn.training.data import graph_inputs
from fpga_gnn.training.metric_learning_run import load_metric_learning
from fpga_gnn.training.run import load_run
from fpga_gnn.training.teacher_run import load_teacher

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
DATA = Path(__file__).parents[1] / "reports" / "data"


def fuzz(examples: int) -> Callable:
    """Settings of a fuzz test that runs ``examples`` in CI."""
    return settings(
        max_examples=EXAMPLES or examples,
        derandomize=not EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


pytestmark = [
    pytest.mark.usefixtures("limited"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
]


@pytest.fixture
def place(valid, tmp_path):
    """A folder for changed copies of the valid files."""
    return shutil.copytree(valid, tmp_path / "place")


def outcome(read: Callable[[], object]) -> str | None:
    """Run a reader: None for a value, its message for an error of ours, which is one line."""
    try:
        with ending():
            read()
    except FpgaGnnError as error:
        text = str(error)
        assert text.isprintable()
        assert len(text) < 5000
        return text
    return None


def changed_json(draw, file: Path) -> bytes:
    data = file.read_bytes()
    if draw(st.integers(0, 3)) == 0:
        return change_bytes(draw, data)
    return json_text(change_tree(draw, json.loads(data)))


def changed_yaml(draw, file: Path) -> bytes:
    data = file.read_bytes()
    if draw(st.integers(0, 2)) == 0:
        return change_bytes(draw, data)
    if draw(st.integers(0, 2)) == 0:
        return change_words(draw, data)
    return json_text(change_tree(draw, json.loads(json.dumps(yaml.safe_load(data)))))


def changed_text(draw, file: Path) -> bytes:
    change = draw(st.sampled_from([change_bytes, change_words]))
    return change(draw, file.read_bytes())


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def sign(record: Path, change: Callable[[dict], object]) -> None:
    content = json.loads(record.read_text())
    change(content)
    record.write_text(json.dumps(content))


def sign_map(folder: Path) -> None:
    """Make the map's manifest that of its tables, and the run's record that of the manifest."""
    tables = {file.stem: sha256(file) for file in folder.glob("*.parquet")}
    sign(folder / "module_map.json", lambda content: content.update(sha256=tables))


# ------------------------------------------------------------------------------------- YAML, JSON


@fuzz(250)
@given(st.data())
def test_contract(place, data):
    file = place / "small.yaml"
    file.write_bytes(changed_yaml(data.draw, resource_dir("quant_configs") / "small.yaml"))

    def read():
        contract = load_contract(file)
        emit_header(contract)
        emit_sv_package(contract)
        assert contract == Contract.model_validate_json(contract.model_dump_json())

    outcome(read)


@fuzz(120)
@given(st.data())
def test_sweep(place, data):
    name = data.draw(st.sampled_from(["example", "distillation"]))
    file = place / "sweep.yaml"
    file.write_bytes(changed_yaml(data.draw, resource_dir("sim") / "sweeps" / f"{name}.yaml"))

    def read():
        for run in plan_sweep(load_spec(file)).runs:
            assert (place / run.name).resolve().parent == place.resolve()

    outcome(read)


@fuzz(60)
@given(st.data())
def test_samples(place, data):
    sim = resource_dir("sim")
    (place / "samples.yaml").write_bytes(changed_yaml(data.draw, sim / "samples.yaml"))
    (place / "lock.json").write_bytes(changed_json(data.draw, sim / "samples.lock.json"))
    outcome(lambda: load_samples(place / "samples.yaml"))
    outcome(lambda: load_lock(place / "lock.json"))
    record = {"settings": {}, "first_event": 0, "events": 1, "hits_per_event": 1.0}
    record |= dict.fromkeys(("pixel_hits_per_event", "particles_per_event"), 2.0)
    record |= {"lost_particles": 0, "lost_hits": 0, "sha256": "ab" * 32}
    (place / "valid.json").write_text(json.dumps({"samples": {"a": record}}))
    (place / "samples.json").write_bytes(changed_json(data.draw, place / "valid.json"))
    outcome(lambda: load_manifest(place))


def read_report(file: Path) -> None:
    report = load_report(file)
    rung_lines(report.rungs)
    hardware_lines(report.hardware)
    drift_lines(report.drift)
    folder = file.parent / "baselines"
    path = baseline_file(report, folder)
    assert path.resolve().parent == folder.resolve()
    bless(report, path)
    load_baseline(path)


def read_evaluation(file: Path) -> None:
    evaluation = load_evaluation(file)
    graph_lines(evaluation)
    table_lines(evaluation.tracks)


DOCUMENTS = {
    "report.json": read_report,
    "evaluation.json": read_evaluation,
    "candidate.json": lambda file: sweep_points([load_run_figure(file)]),
}


@pytest.mark.parametrize("name", DOCUMENTS)
@fuzz(100)
@given(st.data())
def test_report(place, valid, name, data):
    (place / name).write_bytes(changed_json(data.draw, valid / name))
    outcome(lambda: DOCUMENTS[name](place / name))
    outcome(lambda: read_document(place / name))


@fuzz(30)
@given(st.data())
def test_baseline_and_fit(place, data):
    baselines = resource_dir("vivado_scripts") / "baselines"
    file = sorted(baselines.glob("*.json"))[0]
    (place / "x.json").write_bytes(changed_json(data.draw, file))
    outcome(lambda: load_baseline(place / "x.json"))
    if data.draw(st.integers(0, 9)) == 0:  # a long file
        (place / "x.json").write_bytes(changed_json(data.draw, fit_file()))
        outcome(lambda: load_fit(place / "x.json"))


@fuzz(100)
@given(st.data())
def test_binary_and_design(place, valid, small, data):
    record = place / "card.xclbin.json"
    record.write_bytes(changed_json(data.draw, valid / record.name))
    outcome(lambda: load_record(place / "card.xclbin", small, "ab" * 32))
    design = place / "rtl" / "design.json"
    design.write_bytes(changed_json(data.draw, valid / "rtl" / "design.json"))

    def read():
        module = classifier_module(place / "rtl", small)
        for source in (*module.sources, *module.generated):
            assert source.resolve().is_relative_to((place / "rtl").resolve())

    outcome(read)


# ----------------------------------------------------------------------------------------- events


@fuzz(150)
@given(st.data())
def test_event_store(place, valid, small, data):
    folder, name = place / "events", "event000000000-hits.parquet"
    shutil.rmtree(folder)
    shutil.copytree(valid / "events", folder)
    if data.draw(st.integers(0, 2)) == 0:
        manifest = folder / "manifest.json"
        manifest.write_bytes(changed_json(data.draw, manifest))
    else:
        (folder / name).write_bytes(change_parquet(data.draw, (folder / name).read_bytes()))
        signed = {"hits_sha256": sha256(folder / name)}
        sign(folder / "manifest.json", lambda content: content["events"][0].update(signed))

    def read():
        store = EventStore.open(folder)
        for event in store:
            target_mask(event, TargetSelection())
        EventStore.create(folder, store.origin)

    outcome(read)


@fuzz(150)
@given(st.data())
def test_trackml(place, valid, data):
    kind = data.draw(st.sampled_from(["hits", "truth", "particles"]))
    name = f"event000000000-{kind}.csv"
    text = (valid / "csv" / name).read_bytes()
    if data.draw(st.booleans()):
        text = change_bytes(data.draw, text)
    else:
        rows = [row.split(b",") for row in text.split(b"\n")]
        cells = rows[data.draw(st.sampled_from([0, 0, 1, 2, len(rows) - 2]))]
        at = data.draw(st.integers(0, len(cells) - 1))
        odd = [b"", b"nan", b"1e400", b"-1", b"9" * 40, b"1.5", b'"', b"hit_id", b"a,b", b"\xff"]
        cells[at] = data.draw(st.sampled_from(odd))
        text = b"\n".join(b",".join(row) for row in rows)
    for file in (place / "csv").iterdir():
        file.unlink()
    shutil.copytree(valid / "csv", place / "csv", dirs_exist_ok=True)
    (place / "csv" / name).write_bytes(text)
    if data.draw(st.booleans()):
        packed = gzip.compress(text, mtime=0)
        packed = change_bytes(data.draw, packed) if data.draw(st.booleans()) else packed
        (place / "csv" / f"{name}.gz").write_bytes(packed)
        (place / "csv" / name).unlink()
    outcome(
        lambda: [trackml.read_event(place / "csv", i) for i in trackml.list_events(place / "csv")]
    )


@fuzz(60)
@given(st.data())
def test_tracks(place, valid, data):
    file = place / "tracks.parquet"
    file.write_bytes(change_parquet(data.draw, (valid / file.name).read_bytes()))
    outcome(lambda: tracks_metadata(file))


def test_a_footer_is_written_as_it_was_read(valid):
    data = (valid / "tracks.parquet").read_bytes()
    assert join_parquet(*open_parquet(data)) == data


# --------------------------------------------------------------------------- maps and checkpoints


@fuzz(200)
@given(st.data())
def test_module_map(place, valid, small, data):
    folder, event = place / "map", EventStore.open(valid / "events").read(0)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(valid / "run" / "module_map", folder)
    if data.draw(st.integers(0, 3)) == 0:
        file = folder / "module_map.json"
        file.write_bytes(changed_json(data.draw, file))
    else:
        name = data.draw(st.sampled_from(["modules", "doublets", "triplets"]))
        file = folder / f"{name}.parquet"
        file.write_bytes(change_parquet(data.draw, file.read_bytes()))
        sign_map(folder)
    outcome(lambda: build_event_graph(event, load_module_map(folder, small), small))


@fuzz(60)
@given(st.data())
def test_run(place, valid, data):
    folder, event = place / "run", EventStore.open(valid / "events").read(0)
    name = data.draw(st.sampled_from(["run.json", "student.safetensors", "contract.json"]))
    for file in ("run.json", "student.safetensors", "contract.json"):
        shutil.copy(valid / "run" / file, folder)
    if name == "student.safetensors":
        weights = change_safetensors(data.draw, (folder / name).read_bytes())
        (folder / name).write_bytes(weights)
        signed = {"student_sha256": sha256(folder / name)}
        sign(folder / "run.json", lambda content: content.update(signed))
    else:
        (folder / name).write_bytes(changed_json(data.draw, folder / name))

    def read():
        run = load_run(folder)
        graph = build_event_graph(event, run.module_map, run.contract).graph
        scores = student_scores(run.student, graph_inputs(graph, run.contract), run.grid.score)
        for builder in BUILDERS:
            if builder in run.info.builders:
                ours = run.builder_scores(builder, scores)
                run.builder(builder).labels(graph.n_nodes, graph.src, graph.dst, ours)
        assert np.isfinite(run.score_cut)

    outcome(read)


@fuzz(60)
@given(st.data())
def test_teacher(place, valid, data):
    folder = place / "teacher"
    name = data.draw(st.sampled_from(["teacher.json", "teacher.safetensors", "contract.json"]))
    for file in ("teacher.json", "teacher.safetensors", "contract.json"):
        shutil.copy(valid / "teacher" / file, folder)
    if name == "teacher.safetensors":
        weights = change_safetensors(data.draw, (folder / name).read_bytes())
        (folder / name).write_bytes(weights)
        signed = {"network_sha256": sha256(folder / name)}
        sign(folder / "teacher.json", lambda content: content.update(signed))
    else:
        (folder / name).write_bytes(changed_json(data.draw, folder / name))
    outcome(lambda: load_teacher(folder))


@fuzz(60)
@given(st.data())
def test_embedding(place, valid, data):
    folder, event = place / "embedding", EventStore.open(valid / "events").read(0)
    for file in ("embedding.json", "embedding.safetensors"):
        shutil.copy(valid / "embedding" / file, folder)
    if data.draw(st.booleans()):
        file = folder / "embedding.json"
        file.write_bytes(changed_json(data.draw, file))
    else:
        file = folder / "embedding.safetensors"
        file.write_bytes(change_safetensors(data.draw, file.read_bytes()))
        signed = {"embedding_sha256": sha256(file)}
        sign(folder / "embedding.json", lambda content: content.update(signed))
    outcome(lambda: load_metric_learning(folder).edges(event))


@fuzz(60)
@given(st.data())
def test_training_state(place, valid, data):
    file = place / "training" / "last.safetensors"
    file.write_bytes(change_safetensors(data.draw, (valid / "training" / file.name).read_bytes()))
    outcome(lambda: load_progress(file.parent, "key"))
    outcome(lambda: load_tensors(file))


# -------------------------------------------------------------------------------- vendors' reports

REPORTS = {
    "csynth_2023.2.xml": lambda file: csynth_numbers("x", read_csynth(file)),
    "edge_classifier_csynth_2025.1.xml": lambda file: csynth_numbers("x", read_csynth(file)),
    "cosim_2025.2.rpt": lambda file: cosim_numbers("x", "part", read_cosim(file)),
    "utilization_2023.2.rpt": read_utilization,
    "timing_2025.2.rpt": read_timing,
    "kernel_clock.xclbin.info": read_kernel_clock,
}


@pytest.mark.parametrize("name", REPORTS)
@fuzz(80)
@given(st.data())
def test_vendor_report(place, name, data):
    (place / name).write_bytes(changed_text(data.draw, DATA / name))
    outcome(lambda: REPORTS[name](place / name))


@fuzz(60)
@given(st.data())
def test_golden_vectors(place, data):
    source = resource_dir("sim") / "golden" / "connected_components.txt"
    text = changed_text(data.draw, source)
    body = text.rpartition(b"fnv1a ")[0] or text
    digest = 0xCBF29CE484222325
    for byte in body:
        digest = (digest ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    file = place / "golden.txt"
    file.write_bytes(body + f"fnv1a {digest:016x}\n".encode())
    outcome(lambda: read_vectors(file, "connected_components", load_contract("small")))
    outcome(lambda: vectors_contract(file))
