"""The training loop: it learns, it is deterministic, and a resumed run equals an uninterrupted."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch

from fpga_gnn.contract.structure import network_mlps
from fpga_gnn.errors import FpgaGnnError, InputError
from fpga_gnn.events.sample import sample_store
from fpga_gnn.events.targets import TargetSelection
from fpga_gnn.models.student import QuantizedMLP, Student
from fpga_gnn.training.checkpoint import LAST, load_tensors
from fpga_gnn.training.config import Runtime, TrainingConfig
from fpga_gnn.training.distillation import Distiller
from fpga_gnn.training.loop import Trainer, float_twin

CONFIG = TrainingConfig(float_epochs=2, qat_epochs=2)
EVERYTHING = CONFIG.model_copy(
    update={"float_epochs": 6, "sparsity": 0.6, "soft_scores": 0.4, "features": 0.3}
)
"""Distillation of scores and states, and weights pruned."""
UNITS = EVERYTHING.model_copy(
    update={"prune": "unit", "batch_norm": False, "soft_scores": 1.0, "features": 0.0}
)


class Killed(Exception):
    pass


@pytest.fixture(scope="module")
def targets(graphs, teacher_folder, tmp_path_factory):
    """The answers of a teacher to the first training event."""
    distiller = Distiller(teacher_folder, tmp_path_factory.mktemp("cache"), Runtime())
    return distiller.targets(sample_store().read(0), graphs[0].hit_graph)


@pytest.fixture(scope="module")
def distilled(graphs, make_example, targets):
    """The first training event with the answers of a teacher, in many sectors."""
    return [make_example(graphs[0], targets, batch_edges=128)]


@pytest.fixture(scope="module")
def train(contract, examples):
    """Train in ``folder`` and return student and history; after ``stop_after`` epochs of this
    call the run is killed."""

    def run(folder, config=CONFIG, *, stop_after=None, **changes):
        arguments = {
            "contract": contract,
            "train": examples[:2],
            "monitored": examples[2:],
            "key": "events",
        } | changes
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


@pytest.fixture(scope="module")
def with_everything(train, distilled, tmp_path_factory):
    """Folder, student and history of a pruned and distilled run."""
    folder = tmp_path_factory.mktemp("everything") / "whole"
    return folder, *train(folder, EVERYTHING, train=distilled)


def as_text(history):
    """History with NaN equal to itself."""
    return json.dumps(history)


def require_same(one, two):
    assert one.keys() == two.keys()
    assert [name for name in one if not torch.equal(one[name], two[name])] == []


def group(folder, name):
    """The tensors of one network in the checkpoint of ``folder``."""
    tensors, _ = load_tensors(folder / LAST)
    return {
        key.removeprefix(f"{name}."): v for key, v in tensors.items() if key.startswith(f"{name}.")
    }


def require_same_run(whole, resumed_folder, resumed):
    folder, student, history = whole
    require_same(student.state_dict(), resumed[0].state_dict())
    assert as_text(history) == as_text(resumed[1])
    require_same(load_tensors(folder / LAST)[0], load_tensors(resumed_folder / LAST)[0])


def linears(module):
    return [layer for layer in module.modules() if isinstance(layer, torch.nn.Linear)]


def n_zero(weights):
    return sum(int((w == 0).sum()) for w in weights), sum(w.numel() for w in weights)


def loaded_float(contract, folder, *, batch_norm):
    twin = float_twin(contract, batch_norm)
    twin.load_state_dict(group(folder, "float"))
    return twin.eval()


def test_training_learns(train, tmp_path):
    config = CONFIG.model_copy(update={"float_epochs": 12, "qat_epochs": 4})
    _, history = train(tmp_path / "run", config)
    loss = {p: [r["loss"] for r in history if r["phase"] == p] for p in ("float", "qat")}
    assert [len(rows) for rows in loss.values()] == [12, 4]
    assert loss["float"][-1] < 0.7 * loss["float"][0]
    assert loss["qat"][-1] < 0.7 * loss["float"][0]
    assert max(row["auc"] for row in history) > max(history[0]["auc"], 0.9)


def test_the_student_of_the_best_validation_is_kept(uninterrupted):
    folder, student, history = uninterrupted
    assert [(row["phase"], row["epoch"]) for row in history] == [
        ("float", 0),
        ("float", 1),
        ("qat", 0),
        ("qat", 1),
    ]
    best, last = group(folder, "best"), group(folder, "qat")
    require_same(student.state_dict(), best)
    last_is_best = history[3]["auc"] >= history[2]["auc"]
    weight = "decoder.0.weight"
    assert torch.equal(best[weight], last[weight]) == last_is_best


def test_same_seed_same_weights(train, uninterrupted, tmp_path):
    _, student, history = uninterrupted
    again, same_history = train(tmp_path / "same")
    other, _ = train(tmp_path / "other", CONFIG.model_copy(update={"seed": 2}))
    require_same(student.state_dict(), again.state_dict())
    assert as_text(history) == as_text(same_history)
    assert not torch.equal(student.decoder[0].weight, other.decoder[0].weight)


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_a_resumed_run_equals_an_uninterrupted_one(train, uninterrupted, tmp_path, epochs):
    with pytest.raises(Killed):
        train(tmp_path / "run", stop_after=epochs)
    assert len(json.loads(load_tensors(tmp_path / "run" / LAST)[1]["history"])) == epochs
    require_same_run(uninterrupted, tmp_path / "run", train(tmp_path / "run"))


@pytest.mark.parametrize("epochs", [3, 6, 7])
def test_so_does_a_pruned_and_distilled_one(train, with_everything, distilled, tmp_path, epochs):
    with pytest.raises(Killed):
        train(tmp_path / "run", EVERYTHING, stop_after=epochs, train=distilled)
    resumed = train(tmp_path / "run", EVERYTHING, train=distilled)
    require_same_run(with_everything, tmp_path / "run", resumed)


def test_pruning_goes_on_in_the_middle(with_everything):
    _, _, history = with_everything
    sparsity = [row["sparsity"] for row in history]
    assert 0 == sparsity[1] < sparsity[2] < sparsity[5]


def test_without_batch_norm_units_are_pruned_and_resumed(train, distilled, contract, tmp_path):
    whole = train(tmp_path / "whole", UNITS, train=distilled)
    with pytest.raises(Killed):
        train(tmp_path / "run", UNITS, stop_after=3, train=distilled)
    resumed = train(tmp_path / "run", UNITS, train=distilled)
    require_same_run((tmp_path / "whole", *whole), tmp_path / "run", resumed)
    n_dead = n_units = 0
    for mlp in network_mlps(whole[0].integer_network()):
        made, read = mlp.layers
        dead = (made.weight == 0).all(1) & (read.weight == 0).all(0)
        assert not made.bias[dead].any()
        n_dead, n_units = n_dead + int(dead.sum()), n_units + dead.size
    assert n_units == 7 * contract.network.hidden
    assert n_dead == round(UNITS.sparsity * n_units)


def test_pruning_ends_at_the_asked_sparsity_and_zeros_stay(with_everything, contract):
    folder, student, history = with_everything
    twin = loaded_float(contract, folder, batch_norm=True)
    weights = [layer.weight for layer in linears(twin)]
    zero, total = n_zero(weights)
    assert zero == round(EVERYTHING.sparsity * total)
    assert history[5]["sparsity"] == pytest.approx(zero / total)
    assert history[7]["sparsity"] == history[6]["sparsity"] >= history[5]["sparsity"]
    mlps = [module for module in student.modules() if isinstance(module, QuantizedMLP)]
    trained = [layer.weight for mlp in mlps for layer in linears(mlp)]
    integers = [layer.weight for mlp in mlps for layer in mlp.integer_layers()]
    for before, after, integer in zip(weights, trained, integers, strict=True):
        pruned = before == 0
        assert not torch.equal(before, after)
        assert not after[pruned].any()
        assert not integer[pruned.numpy()].any()
        assert integer.any()
    zero, total = n_zero(trained)
    assert history[7]["sparsity"] == pytest.approx(zero / total)


@pytest.mark.parametrize("n_steps", [4, 30])
def test_a_short_training_reaches_the_sparsity_too(
    train, make_example, graphs, contract, tmp_path, n_steps
):
    one = make_example(graphs[0], batch_edges=1000)
    assert one.n_sectors == 2
    config = CONFIG.model_copy(
        update={"float_epochs": n_steps // 2, "qat_epochs": 0, "sparsity": 0.5}
    )
    train(tmp_path / "run", config, train=[one])
    twin = loaded_float(contract, tmp_path / "run", batch_norm=True)
    zero, total = n_zero([layer.weight for layer in linears(twin)])
    assert zero == round(0.5 * total)


def test_without_qat_the_student_is_the_calibrated_float_network(
    train, examples, contract, tmp_path
):
    config = CONFIG.model_copy(update={"qat_epochs": 0})
    student, history = train(tmp_path / "run", config)
    assert {row["phase"] for row in history} == {"float"}
    by_hand = Student(contract)
    by_hand.load_float(loaded_float(contract, tmp_path / "run", batch_norm=True))
    by_hand.calibrate(example.batch(0, 0.0, False, False).inputs for example in examples[:2])
    require_same(student.state_dict(), by_hand.state_dict())
    with torch.no_grad():
        scores = [net.eval()(*examples[2].inputs) for net in (student, by_hand)]
    assert torch.equal(*scores)
    assert scores[0].unique().numel() > 10
    again, _ = train(tmp_path / "run", config)
    require_same(student.state_dict(), again.state_dict())


def test_a_training_can_begin_with_a_float_network(train, uninterrupted, contract, tmp_path):
    folder, _, _ = uninterrupted
    start = group(folder, "float")
    config = CONFIG.model_copy(update={"float_epochs": 0})
    student, history = train(tmp_path / "run", config, start=start)
    assert [row["phase"] for row in history] == ["qat", "qat"]
    require_same(start, group(tmp_path / "run", "float"))
    # the quantization-aware epochs are those that followed the same float training
    require_same(uninterrupted[1].state_dict(), student.state_dict())


def test_a_float_network_of_another_shape_is_refused(train, contract, tmp_path):
    for other in (float_twin(contract, batch_norm=False), torch.nn.Linear(2, 2)):
        with pytest.raises(InputError, match="float network to start from: found ") as caught:
            train(tmp_path / "run", start=other.state_dict())
        assert "\n" not in str(caught.value)


def first_loss(train, folder, examples, **changes):
    config = CONFIG.model_copy(update={"float_epochs": 1, "qat_epochs": 0} | changes)
    return train(folder, config, train=examples)[1][0]["loss"]


def test_a_teacher_changes_the_loss(train, make_example, graphs, distilled, tmp_path):
    alone = [make_example(graphs[0], batch_edges=128)]
    labels = first_loss(train, tmp_path / "labels", alone)
    hard = first_loss(train, tmp_path / "hard", distilled, soft_scores=0.0)
    soft = first_loss(train, tmp_path / "soft", distilled, soft_scores=1.0)
    half = first_loss(train, tmp_path / "half", distilled, soft_scores=0.5)
    states = first_loss(train, tmp_path / "states", distilled, soft_scores=0.0, features=1.0)
    assert hard == labels
    assert len({labels, soft, half, states}) == 4
    assert states > labels


def test_the_loss_is_the_sum_of_its_parts(train, distilled, contract, tmp_path):
    def loss(**changes):
        trainer = Trainer(
            contract, CONFIG.model_copy(update=changes), distilled, distilled, tmp_path, "key"
        )
        network = trainer._networks["float"].eval()
        batch = distilled[0].batch(1, 0.2, False, False)
        return float(trainer._loss(network, batch).detach())

    hard, soft = loss(soft_scores=0.0), loss(soft_scores=1.0)
    assert loss(soft_scores=0.25) == pytest.approx(0.75 * hard + 0.25 * soft)
    states = loss(soft_scores=0.0, features=1.0) - hard
    assert states > 0.1
    assert loss(soft_scores=0.25, features=2.0) == pytest.approx(
        0.75 * hard + 0.25 * soft + 2 * states
    )


def test_sectors_without_labels_teach_nothing(train, make_example, graphs, examples, tmp_path):
    labels = dataclasses.replace(graphs[0].labels, ignored=np.ones_like(graphs[0].labels.ignored))
    ignored = make_example(dataclasses.replace(graphs[0], labels=labels))
    config = CONFIG.model_copy(update={"float_epochs": 1, "qat_epochs": 1})
    student, history = train(tmp_path / "run", config, train=[examples[0], ignored])
    assert all(np.isfinite(row["loss"]) for row in history)
    assert all(torch.isfinite(value).all() for value in student.state_dict().values())


def test_a_finished_run_is_not_trained_again(train, uninterrupted):
    folder, student, history = uninterrupted
    before = (folder / LAST).stat().st_mtime_ns
    again, same_history = train(folder)
    require_same(student.state_dict(), again.state_dict())
    assert as_text(history) == as_text(same_history)
    assert (folder / LAST).stat().st_mtime_ns == before


@pytest.mark.parametrize("what", ["config", "contract", "key"])
def test_a_folder_of_another_run_is_refused_and_left_alone(
    train, uninterrupted, contract, vary, what
):
    folder, _, _ = uninterrupted
    before = (folder / LAST).read_bytes()
    change = {
        "config": {"config": CONFIG.model_copy(update={"seed": 2})},
        "contract": {"contract": vary(contract, bits={"aggregate": 6})},
        "key": {"key": "other events"},
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


def test_without_target_edges_to_validate_on_there_is_no_best_student(
    train, make_graphs, make_example, tmp_path
):
    (nobody,) = make_graphs(2, selection=TargetSelection(min_pt=1e6))
    with pytest.raises(FpgaGnnError, match="validation events hold target and fake edges"):
        train(tmp_path / "run", monitored=[make_example(nobody)])


def test_without_edges_there_is_nothing_to_train_on(train, tmp_path):
    with pytest.raises(InputError, match="training events: found no edge"):
        train(tmp_path / "run", train=[])
