"""Sweep specs: merged overrides, runs of seeds and starts, and every mistake before training."""

from __future__ import annotations

import pytest

from fpga_gnn.contract import load_contract
from fpga_gnn.errors import InputError
from fpga_gnn.flows.sweep_plan import SweepSpec, load_spec, plan_sweep
from fpga_gnn.training.config import TrainingConfig


def plan(*candidates, **base):
    return plan_sweep(SweepSpec(**{"contract": "small", "candidates": candidates} | base))


def test_a_candidate_without_overrides_is_the_base():
    (run,) = plan({"name": "a"}, training={"qat_epochs": 3}).runs
    assert run.contract == load_contract("small")
    assert run.config == TrainingConfig(qat_epochs=3)
    assert (run.contract_changes, run.training_changes, run.start) == ({}, {}, None)


def test_overrides_are_merged_key_by_key():
    changes = {"network": {"bits": {"decoder": {"weight": 5}}}, "features": {"edge": {"z0": 3}}}
    (run,) = plan(
        {"name": "a", "contract": changes, "training": {"seed": 9}},
        training={"qat_epochs": 3, "seed": 2},
    ).runs
    base = load_contract("small")
    assert run.contract.name == "a"
    assert run.contract.network.bits.decoder.weight == 5
    assert run.contract.network.bits.decoder.bias == base.network.bits.decoder.bias
    assert run.contract.features.edge == {**base.features.edge, "z0": 3}
    assert run.config == TrainingConfig(qat_epochs=3, seed=9)
    assert run.contract_changes == {"network.bits.decoder.weight": 5, "features.edge.z0": 3}
    assert run.training_changes == {"seed": 9}


def test_null_leaves_a_feature_out():
    (run,) = plan({"name": "a", "contract": {"features": {"node": {"eta": None}}}}).runs
    assert list(run.contract.features.node) == ["r", "z"]
    assert run.contract_changes == {"features.node.eta": None}


def test_seeds_make_runs_that_start_from_the_same_seed():
    runs = plan(
        {"name": "b", "start": "a", "seeds": [2, 7], "training": {"float_epochs": 0}},
        {"name": "a", "seeds": [1, 2, 7]},
        {"name": "c", "start": "d"},
        {"name": "d"},
        {"name": "e", "start": "d", "seeds": [3]},
    ).runs
    assert [(run.name, run.candidate, run.start) for run in runs] == [
        ("b-seed2", "b", "a-seed2"),
        ("b-seed7", "b", "a-seed7"),
        ("a-seed1", "a", None),
        ("a-seed2", "a", None),
        ("a-seed7", "a", None),
        ("c", "c", "d"),
        ("d", "d", None),
        ("e-seed3", "e", "d"),
    ]
    assert [run.config.seed for run in runs] == [2, 7, 1, 2, 7, 1, 1, 3]


A = {"name": "a"}
NARROW = {"network": {"hidden": 4}}


@pytest.mark.parametrize(
    ("candidates", "message"),
    [
        ([A, A], "two candidates or runs a"),
        ([{"name": "a-seed1"}, {"name": "a", "seeds": [1]}], "two candidates or runs a-seed1"),
        ([{"name": "module_map"}], "a candidate module_map"),
        ([{"name": "a", "seeds": [1, 1]}], "a seed twice"),
        ([{"name": "a", "seeds": [1], "training": {"seed": 2}}], "seeds and training.seed"),
        ([{"name": "a", "start": "z"}], "candidate a: found start z, expected one of a"),
        ([{"name": "a", "start": "a"}], "starts a -> a"),
        ([{"name": "a", "start": "b"}, {"name": "b", "start": "a"}], "starts a -> b -> a"),
        ([{"name": "a", "seeds": [1]}, {"name": "b", "start": "a"}], "seeds of its own"),
        ([{"name": "a", "seeds": [1]}, {"name": "b", "start": "a", "seeds": [2]}], "the seed 2"),
        ([A, {"name": "b", "start": "a", "contract": NARROW}], "float network of another shape"),
        ([A, {"name": "b", "start": "a", "training": {"batch_norm": False}}], "another shape"),
        (
            [{"name": "a", "contract": {"hit": {"eta": {"bits": 17}}}}],
            "other hit or window",
        ),
        ([{"name": "a", "contract": {"network": {"depth": 3}}}], "unknown key network.depth"),
        ([{"name": "a", "contract": {"network": 8}}], "candidate a: network"),
        ([{"name": "a", "training": {"qat_epochs": -1}}], "candidate a: qat_epochs"),
    ],
)
def test_mistakes(candidates, message):
    with pytest.raises(InputError, match=message):
        plan(*candidates)


@pytest.mark.parametrize("name", ["", ".hidden", "../up", "a/b", "a b", "ä"])
def test_names_are_those_of_folders(tmp_path, name):
    (tmp_path / "s.yaml").write_text(f"contract: small\ncandidates: [{{name: '{name}'}}]\n")
    with pytest.raises(InputError, match=r"candidates\.0\.name"):
        load_spec(tmp_path / "s.yaml")


def test_the_shipped_example_is_a_sweep():
    assert [run.name for run in plan_sweep(load_spec("example")).runs] == [
        *("w8", "w4", "narrow-seed1", "narrow-seed2")
    ]
