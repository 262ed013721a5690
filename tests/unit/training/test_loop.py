"""The training loop: it learns, it is deterministic, and a resumed run equals an uninterrupted."""

from __future__ import annotations

import json

import pytest
import torch

from fpga_gnn.errors import FpgaGnnError, InputError
from fpga_gnn.events.targets import TargetSelection
from fpga_gnn.training.checkpoint import LAST, load_tensors
from fpga_gnn.training.config import TrainingConfig
from fpga_gnn.training.loop import Trainer

CONFIG = TrainingConfig(float_epochs=2, qat_epochs=2)


class Killed(Exception):
    pass


@pytest.fixture(scope="module")
def train(contract, graphs):
    """Train in ``folder`` and return student and history; after ``stop_after`` epochs of this
    call the run is killed."""

    def run(folder, config=CONFIG, *, stop_after=None, **changes):
        arguments = {"contract": contract, "train": graphs[:2], "validation": graphs[2:]} | changes
        folder.mkdir(exist_ok=True)
        trainer = Trainer(config=config, folder=folder, **arguments)
        done = []

        def progress(row):
            done.append(row)
            if len(done) == stop_after:
                raise Killed

        return trainer.run(progress), trainer.history

    return run


@pytest.fixture(scope="module")
def uninterrupted(train, tmp_path_factory):
    """Folder, student and history of a whole run."""
    folder = tmp_path_factory.mktemp("training") / "whole"
    return folder, *train(folder)


def as_text(history):
    """History with NaN equal to itself."""
    return json.dumps(history)


def require_same(one, two):
    assert one.keys() == two.keys()
    assert [name for name in one if not torch.equal(one[name], two[name])] == []


def test_training_learns(train, tmp_path):
    _, history = train(tmp_path / "run", TrainingConfig(float_epochs=30, qat_epochs=10))
    loss = {p: [r["loss"] for r in history if r["phase"] == p] for p in ("float", "qat")}
    assert [len(rows) for rows in loss.values()] == [30, 10]
    assert loss["float"][-1] < 0.7 * loss["float"][0]
    assert loss["qat"][-1] < 0.7 * loss["float"][0]
    assert max(row["auc"] for row in history) > history[0]["auc"] + 0.1


def test_the_student_of_the_best_validation_is_kept(uninterrupted):
    folder, student, history = uninterrupted
    assert [(row["phase"], row["epoch"]) for row in history] == [
        ("float", 0),
        ("float", 1),
        ("qat", 0),
        ("qat", 1),
    ]
    tensors, _ = load_tensors(folder / LAST)
    group = {
        name: {k.removeprefix(name): v for k, v in tensors.items() if k.startswith(name)}
        for name in ("best.", "qat.")
    }
    require_same(student.state_dict(), group["best."])
    last_is_best = history[3]["auc"] > history[2]["auc"]
    weight = "decoder.0.weight"
    assert torch.equal(group["best."][weight], group["qat."][weight]) == last_is_best


def test_same_seed_same_weights(train, uninterrupted, tmp_path):
    _, student, history = uninterrupted
    again, same_history = train(tmp_path / "same")
    other, _ = train(tmp_path / "other", CONFIG.model_copy(update={"seed": 2}))
    require_same(student.state_dict(), again.state_dict())
    assert as_text(history) == as_text(same_history)
    assert not torch.equal(student.decoder[0].weight, other.decoder[0].weight)


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_a_resumed_run_equals_an_uninterrupted_one(train, uninterrupted, tmp_path, epochs):
    folder, student, history = uninterrupted
    with pytest.raises(Killed):
        train(tmp_path / "run", stop_after=epochs)
    assert len(json.loads(load_tensors(tmp_path / "run" / LAST)[1]["history"])) == epochs
    resumed, resumed_history = train(tmp_path / "run")
    require_same(student.state_dict(), resumed.state_dict())
    assert as_text(history) == as_text(resumed_history)
    require_same(load_tensors(folder / LAST)[0], load_tensors(tmp_path / "run" / LAST)[0])


def test_a_finished_run_is_not_trained_again(train, uninterrupted):
    folder, student, history = uninterrupted
    before = (folder / LAST).stat().st_mtime_ns
    again, same_history = train(folder)
    require_same(student.state_dict(), again.state_dict())
    assert as_text(history) == as_text(same_history)
    assert (folder / LAST).stat().st_mtime_ns == before


@pytest.mark.parametrize("what", ["config", "contract", "events"])
def test_a_folder_of_another_run_is_refused_and_left_alone(
    train, uninterrupted, contract, graphs, what
):
    folder, _, _ = uninterrupted
    before = (folder / LAST).read_bytes()
    network = contract.network.model_copy(update={"weight_bits": 6})
    change = {
        "config": {"config": CONFIG.model_copy(update={"seed": 2})},
        "contract": {"contract": contract.model_copy(update={"network": network})},
        "events": {"train": graphs[:1]},
    }[what]
    with pytest.raises(InputError, match=r"a run with other settings.*choose another --out"):
        train(folder, **change)
    assert (folder / LAST).read_bytes() == before


def test_a_damaged_checkpoint_is_refused(train, tmp_path):
    with pytest.raises(Killed):
        train(tmp_path / "run", stop_after=1)
    last = tmp_path / "run" / LAST
    last.write_bytes(last.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"last\.safetensors: found"):
        train(tmp_path / "run")


def test_without_target_edges_to_validate_on_there_is_no_best_student(train, make_graphs, tmp_path):
    nobody = make_graphs(2, selection=TargetSelection(min_pt=1e6))
    with pytest.raises(FpgaGnnError, match="validation events hold target and fake edges"):
        train(tmp_path / "run", validation=nobody)


def test_without_edges_there_is_nothing_to_train_on(train, tmp_path):
    with pytest.raises(InputError, match="training events: found no edge"):
        train(tmp_path / "run", train=[])
