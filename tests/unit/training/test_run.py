"""A run on disk: what is saved is loaded; a mixed, incomplete or altered folder is refused."""

from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fpga_gnn.errors import InputError
from fpga_gnn.events.sample import sample_store
from fpga_gnn.graphs.map_learning import learn_module_map
from fpga_gnn.graphs.map_settings import MapSettings
from fpga_gnn.graphs.module_map_store import save_module_map
from fpga_gnn.models.scoring import probability, student_scores
from fpga_gnn.training.checkpoint import load_tensors, save_json, save_tensors
from fpga_gnn.training.config import TrainingConfig
from fpga_gnn.training.data import graph_inputs
from fpga_gnn.training.run import Run, RunInfo, load_run, save_run
from fpga_gnn.training.track_points import WorkingPoint

STUDENT = "student.safetensors"


def with_cut(cut):
    return WorkingPoint(settings={"min_hits": 3, "cut": cut}, efficiency=0.9, fake_rate=0.1)


def make_run(contract, module_map, student):
    info = RunInfo(
        contract_sha256=contract.sha256,
        training=TrainingConfig(seed=5),
        teacher_sha256=None,
        start_sha256="1f" * 32,
        events={"train": [{"ids": [0, 1]}], "test": None},
        builders={"cc": with_cut(0.25)},
        history=[{"phase": "qat", "epoch": 0, "loss": 0.5, "purity": None}],
        quality={"test": {"edges": 12, "fake_rate": 0.25, "duplicate_rate": None}},
    )
    return Run(contract, module_map, student, info)


@pytest.fixture(scope="module")
def run(contract, module_map, make_student):
    return make_run(contract, module_map, make_student(contract))


@pytest.fixture(scope="module")
def saved(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "run"
    save_run(run, folder)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    """A copy of the saved run to damage."""
    return shutil.copytree(saved, tmp_path / "run")


def test_a_run_round_trips(run, folder, graphs):
    loaded = load_run(folder)
    assert loaded.contract == run.contract
    assert loaded.info == run.info
    assert isinstance(loaded.info.quality["test"]["edges"], int)
    for name in ("modules", "doublet_count", "triplet_count"):
        assert np.array_equal(getattr(loaded.module_map, name), getattr(run.module_map, name))
    for field in dataclasses.fields(run.module_map.records):
        one, two = (getattr(r.module_map.records, field.name) for r in (run, loaded))
        assert np.array_equal(one, two), field.name
    assert loaded.module_map.info == run.module_map.info
    assert not loaded.student.training
    inputs = graph_inputs(graphs[0].graph, run.contract)
    score = run.student.integer_network().score
    assert loaded.student.integer_network().score == score
    expected = student_scores(run.student, inputs, score)
    assert np.array_equal(student_scores(loaded.student, inputs, score), expected)
    assert np.unique(expected).size > 10


@settings(deadline=None, max_examples=20)
@given(cut=st.one_of(st.sampled_from([0.0, 0.5, 1.0]), st.floats(0, 1)))
def test_the_score_cut_is_the_largest_integer_not_above_the_cut(run, cut):
    chosen = run.info.model_copy(update={"builders": {"cc": with_cut(cut)}})
    found = dataclasses.replace(run, info=chosen).score_cut
    score = run.student.integer_network().score
    every = np.arange(score.min_int, score.max_int + 1)
    assert np.array_equal(every > found, probability(score.to_float(every)) > cut)
    assert score.min_int - 1 <= found <= score.max_int


def test_a_cut_of_one_half_is_logit_zero(run):
    chosen = run.info.model_copy(update={"builders": {"cc": with_cut(0.5)}})
    assert dataclasses.replace(run, info=chosen).score_cut == 0


def test_the_map_may_lie_beside_the_run(run, folder):
    (folder / "module_map").rename(folder.parent / "module_map")
    loaded = load_run(folder)
    assert np.array_equal(loaded.module_map.modules, run.module_map.modules)


def test_a_map_of_another_run_is_refused(run, folder, contract):
    store = sample_store()
    other = learn_module_map([store.read(5)], contract, settings=MapSettings(pooling="layer"))
    shutil.rmtree(folder / "module_map")
    save_module_map(other, folder / "module_map")
    with pytest.raises(InputError, match=r"module_map: found map .*expected map .* of the model"):
        load_run(folder)


def test_a_rate_without_denominator_is_null_on_disk(run, folder):
    history = [{"purity": float("nan")}]
    save_run(
        dataclasses.replace(run, info=run.info.model_copy(update={"history": history})), folder
    )
    assert "NaN" not in (folder / "run.json").read_text()
    assert load_run(folder).info.history == [{"purity": None}]


def test_saving_again_replaces_the_run(run, folder):
    save_run(
        dataclasses.replace(run, info=run.info.model_copy(update={"start_sha256": None})), folder
    )
    assert load_run(folder).info.start_sha256 is None
    hidden = [path.name for path in folder.iterdir() if path.name.startswith(".")]
    assert hidden == []


@pytest.mark.parametrize(
    "name",
    [
        "run.json",
        "contract.json",
        STUDENT,
        "module_map/module_map.json",
        "module_map/doublets.parquet",
        "module_map",
    ],
)
def test_a_missing_file_is_named(folder, name):
    path = folder / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(InputError, match=name.split("/")[-1].split(".")[0]):
        load_run(folder)


def test_no_folder_says_what_to_run(tmp_path):
    with pytest.raises(InputError, match=r"expected a finished training run; run fpga-gnn train"):
        load_run(tmp_path / "none")


@pytest.mark.parametrize(
    "name", ["run.json", "contract.json", STUDENT, "module_map/modules.parquet"]
)
def test_a_truncated_file_is_named(folder, name):
    path = folder / name
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=path.name):
        load_run(folder)


@pytest.mark.parametrize("mixed", ["contract.json", STUDENT])
def test_files_of_two_contracts_are_refused(
    folder, contract, module_map, make_student, tmp_path, mixed
):
    other = contract.with_partition(64, 64)
    save_run(make_run(other, module_map, make_student(other)), tmp_path / "other")
    shutil.copy(tmp_path / "other" / mixed, folder / mixed)
    with pytest.raises(InputError) as error:
        load_run(folder)
    assert contract.sha256[:12] in str(error.value)
    assert other.sha256[:12] in str(error.value)
    assert "make it again" in str(error.value)


def test_a_module_map_of_other_hit_formats_is_refused(folder):
    path = folder / "module_map" / "module_map.json"
    manifest = json.loads(path.read_text())
    manifest["info"]["map_sha256"] = "0" * 64
    save_json(path, manifest)
    with pytest.raises(InputError, match=r"module map of hit format 0{12}.*module-map build"):
        load_run(folder)


def test_an_altered_contract_is_refused(folder):
    data = json.loads((folder / "contract.json").read_text())
    data["network"]["bits"]["aggregate"] = 7
    save_json(folder / "contract.json", data)
    with pytest.raises(InputError, match="found contract"):
        load_run(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda info: info.pop("builders"), "no key builders"),
        (lambda info: info.update(comment="mine"), "unknown key comment"),
        (lambda info: info["builders"]["cc"].pop("fake_rate"), "no key builders.cc.fake_rate"),
        (lambda info: info.update(score_cut=3), "unknown key score_cut"),
        (lambda info: info.update(contract_sha256="0" * 64), "contract 0{12}"),
    ],
)
def test_an_altered_record_is_refused(folder, change, message):
    info = json.loads((folder / "run.json").read_text())
    change(info)
    save_json(folder / "run.json", info)
    with pytest.raises(InputError, match=message):
        load_run(folder)


def drop(tensors):
    tensors.pop("decoder.0.bias")


def widen(tensors):
    tensors["decoder.0.weight"] = torch.zeros(9, 24)


def change_one_weight(tensors):
    tensors["decoder.0.weight"][0, 0] += 0.25


@pytest.mark.parametrize("tamper", [drop, widen, change_one_weight])
def test_an_altered_student_is_refused(folder, tamper):
    tensors, metadata = load_tensors(folder / STUDENT)
    tamper(tensors)
    save_tensors(folder / STUDENT, tensors, metadata)
    with pytest.raises(InputError, match=r"student\.safetensors"):
        load_run(folder)


def test_builders_with_integer_cuts_keep_what_the_probability_cuts_keep(run):
    grid = run.grid
    scores = np.arange(grid.score.min_int, grid.score.max_int + 1)
    probabilities = probability(grid.score.to_float(scores))
    for name, point in run.info.builders.items():
        built = run.builder(name)
        integers = run.builder_scores(name, scores)
        defaults = type(built)(**point.settings).model_dump()
        for key, cut in built.model_dump().items():
            if key.endswith("cut"):
                assert np.array_equal(integers > cut, probabilities > defaults[key]), (name, key)
            else:
                assert cut == defaults[key]


def test_a_builder_without_working_point_is_refused(run):
    with pytest.raises(InputError, match="'dwalkthrough', expected one of cc"):
        run.builder("dwalkthrough")


def test_other_capacities_leave_the_network_as_it_is(run, graphs):
    other = run.contract.with_partition(48, 96)
    reshaped = run.with_contract(other)
    assert reshaped.contract == other
    assert reshaped.info.contract_sha256 == other.sha256 != run.contract.sha256
    inputs = graph_inputs(graphs[0].graph, run.contract)
    expected = student_scores(run.student, inputs, run.grid.score)
    assert np.array_equal(student_scores(reshaped.student, inputs, reshaped.grid.score), expected)


def test_another_network_is_no_other_capacity(run, vary):
    other = vary(run.contract, rounding="floor")
    with pytest.raises(InputError, match="with another network"):
        run.with_contract(other)
