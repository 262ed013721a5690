"""Train a student: float pre-training of the same network, then quantization-aware training."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fpga_gnn.contract import Contract
from fpga_gnn.errors import InputError
from fpga_gnn.models.edge_loss import balanced_edge_loss, feature_loss, soft_score_loss
from fpga_gnn.models.interaction_network import InteractionNetwork
from fpga_gnn.models.pruning import Pruner, sparsity_at
from fpga_gnn.models.student import Student
from fpga_gnn.tracks.edge_metrics import summarize_edges
from fpga_gnn.training.checkpoint import (
    flatten_optimizer,
    load_progress,
    require_best,
    restore_optimizer,
    resuming,
    save_progress,
)
from fpga_gnn.training.config import TrainingConfig
from fpga_gnn.training.data import Batch, Example, Inputs
from fpga_gnn.training.distributed import by_turns, is_main, on_main, rank, summed, world_size
from fpga_gnn.training.shared_step import SharedStep

Progress = Callable[[dict[str, Any]], None]
Count = Callable[[int, int], None]
_PHASES = ("float", "qat")
_WARM_UP_STEPS = 200
_WARM_UP = 0.05
_LARGEST_GRADIENT = 1.0
_WEIGHT_DECAY = 1e-5
_PRUNING = 0.1, 0.7
"""Shares of the float training between which weights are pruned."""
_PRUNE_EVERY = 20
_FEWEST_EDGES = 2
"""A sector of fewer edges with a label teaches nothing."""
_CALIBRATION = 16
"""Examples of which one sector sets the first activation ranges."""


def float_twin(contract: Contract, batch_norm: bool = False) -> InteractionNetwork:
    """Return the float network of the student's shape."""
    network = contract.network
    return InteractionNetwork(
        node_features=len(contract.features.node),
        edge_features=len(contract.features.edge),
        hidden=network.hidden,
        iterations=network.iterations,
        mlp_layers=network.mlp_layers,
        norm="batch" if batch_norm else "none",
        aggregation=network.aggregation,
        shared_weights=network.shared_weights,
    )


class Trainer:
    """Trains in ``folder``, one checkpoint per epoch; a new Trainer there resumes exactly.

    Each epoch draws from its own generator, seeded by (seed, phase, epoch), so a resumed run
    equals an uninterrupted one. The student kept is the one of the best validation AUC; without
    quantization-aware training it is the float network, calibrated (post-training quantization).
    ``key`` says what else, beside contract and config, makes this training (events, teacher);
    ``start`` are weights of the float network to begin with. Every rank of a group trains the same
    networks, each on its share of every step's sectors; the main one writes.
    """

    def __init__(
        self,
        contract: Contract,
        config: TrainingConfig,
        train: Sequence[Example],
        monitored: Sequence[Example],
        folder: Path,
        key: str,
        start: dict[str, Tensor] | None = None,
    ) -> None:
        self._contract, self._config, self._folder = contract, config, folder
        self._train, self._monitored = train, monitored
        self._sectors = [(i, j) for i, e in enumerate(train) for j in range(e.n_sectors)]
        if not self._sectors:
            raise InputError("training events", "no edge", "events with candidate edges")
        if start is None and config.float_epochs + config.qat_epochs == 0:
            raise InputError("train", "no epoch and no float network to start from", "one of them")
        self._key = json.dumps([contract.sha256, config.model_dump(mode="json"), key])
        torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self._networks: dict[str, nn.Module] = {
            "float": float_twin(contract, config.batch_norm),
            "qat": Student(contract),
            "projection": nn.Linear(contract.network.hidden, _n_teacher_states(train)),
        }
        if start is not None:
            try:
                self._networks["float"].load_state_dict(start)
            except RuntimeError as error:
                found = str(error).splitlines()[-1].strip()
                raise InputError("float network to start from", found, "this shape") from error
        self._history: list[dict[str, Any]] = []
        self._best: dict[str, Tensor] = {}

    @property
    def float_weights(self) -> dict[str, Tensor]:
        """The weights of the float network, from which another training can start."""
        return self._networks["float"].state_dict()

    @property
    def history(self) -> list[dict[str, Any]]:
        """One row per epoch: phase, epoch, loss, validation AUC, efficiency, purity, sparsity."""
        return list(self._history)

    def run(self, progress: Progress, stepped: Count = lambda done, total: None) -> Student:
        """Train to the end and return the student (eval mode).

        ``progress`` gets each epoch's row, ``stepped`` the steps done and their total.
        """
        optimizer_state = self._resume()
        for row in self._history:
            progress(row)
        for phase in _PHASES:
            epochs = getattr(self._config, f"{phase}_epochs")
            done = sum(row["phase"] == phase for row in self._history)
            if phase == "qat" and done == 0:
                self._start_student()
            if done == epochs:
                continue
            network = self._networks[phase]
            optimizer = torch.optim.AdamW(
                [*network.parameters(), *self._networks["projection"].parameters()],
                weight_decay=_WEIGHT_DECAY,
            )
            if optimizer_state.get(phase):
                with resuming(self._folder):
                    restore_optimizer(optimizer, optimizer_state[phase])
            pruner = Pruner(network, self._config.prune)
            step = self._shared_step(network)
            for epoch in range(done, epochs):
                row = self._epoch(phase, epoch, epochs, network, optimizer, step, pruner, stepped)
                self._history.append(row)
                if phase == "qat" and row["auc"] >= self._best_auc:
                    self._best = {k: v.clone() for k, v in network.state_dict().items()}
                self._save(phase, optimizer)
                progress(row)
        if self._config.qat_epochs == 0:
            self._best = self._networks["qat"].state_dict()
        require_best(self._best)
        student = Student(self._contract)
        student.load_state_dict(self._best)
        return student.eval()

    @property
    def _best_auc(self) -> float:
        found = [row["auc"] for row in self._history if row["phase"] == "qat"]
        return max((auc for auc in found if not math.isnan(auc)), default=-math.inf)

    def _start_student(self) -> None:
        student, twin = self._networks["qat"], self._networks["float"]
        assert isinstance(student, Student)
        assert isinstance(twin, InteractionNetwork)
        student.load_float(twin.eval())
        student.calibrate(
            example.batch(0, 0.0, False, False).inputs for example in self._train[:_CALIBRATION]
        )

    def _epoch(
        self,
        phase: str,
        epoch: int,
        epochs: int,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        step: SharedStep[Batch],
        pruner: Pruner,
        stepped: Count,
    ) -> dict[str, Any]:
        config = self._config
        n_steps = -(-len(self._sectors) // config.sectors_per_step)
        draw = torch.Generator()
        draw.manual_seed(config.seed * 1_000_003 + _PHASES.index(phase) * 100_003 + epoch)
        turns = torch.rand(len(self._train), generator=draw).tolist()
        largest = config.learning_rate if phase == "float" else config.qat_learning_rate
        before = 0 if phase == "float" else config.float_epochs * n_steps
        total = (config.float_epochs + config.qat_epochs) * n_steps
        loss_sum = 0.0
        network.train()
        order = torch.randperm(len(self._sectors), generator=draw)
        for number, chosen in enumerate(order.split(config.sectors_per_step)):
            done = epoch * n_steps + number
            for group in optimizer.param_groups:
                group["lr"] = largest * _schedule(done, epochs * n_steps)
            drawn = [
                (*self._sectors[i], *(torch.rand(2, generator=draw) < 0.5).tolist())
                for i in chosen.tolist()
            ]
            optimizer.zero_grad()
            share = step.backward(self._batches(drawn[rank() :: world_size()], turns))
            if share is not None:
                nn.utils.clip_grad_norm_(network.parameters(), _LARGEST_GRADIENT)
                optimizer.step()
                loss_sum += share
            last = done + 1 == epochs * n_steps
            if phase == "float" and config.sparsity and (last or done % _PRUNE_EVERY == 0):
                start, end = _PRUNING
                part = (done + 1) / (epochs * n_steps)
                pruner.prune(sparsity_at((part - start) / (end - start), config.sparsity))
            pruner.apply()
            stepped(before + done + 1, total)
        return {
            "phase": phase,
            "epoch": epoch,
            "loss": float(summed(torch.tensor(loss_sum, dtype=torch.float64))) / n_steps,
            **self._quality(network),
            "sparsity": pruner.sparsity,
        }

    def _batches(
        self, drawn: Sequence[tuple[int, int, bool, bool]], turns: Sequence[float]
    ) -> list[Batch]:
        """Return the batches of (example, sector, flip_z, flip_phi) that teach something."""
        batches = []
        for i, sector, *flips in drawn:
            example = self._train[i]
            if self._config.features and example.teacher:
                flips = [False, False]  # the teacher's states are those of the event as it is
            batches.append(example.batch(sector, turns[i], *flips))
        return [batch for batch in batches if int(batch.counted.sum()) >= _FEWEST_EDGES]

    def _shared_step(self, network: nn.Module) -> SharedStep[Batch]:
        networks = [network]
        if self._config.features:
            networks.append(self._networks["projection"])
        return SharedStep(networks, lambda batch: self._loss(network, batch))

    def _loss(self, network: nn.Module, batch: Batch) -> Tensor:
        config, used = self._config, batch.counted
        logits, states = _logits_and_states(network, batch.inputs)
        if batch.teacher is None:
            return balanced_edge_loss(logits[used], batch.target[used])
        loss = config.soft_scores * soft_score_loss(logits[used], batch.teacher.logits[used])
        if config.soft_scores < 1:
            hard = balanced_edge_loss(logits[used], batch.target[used])
            loss = loss + (1 - config.soft_scores) * hard
        if config.features:
            projected = self._networks["projection"](states)
            loss = loss + config.features * feature_loss(projected, batch.teacher.states.float())
        return loss

    def _quality(self, network: nn.Module) -> dict[str, float]:
        network.eval()
        with torch.no_grad():
            scores = list(by_turns(lambda e: network(*e.inputs).numpy(), self._monitored))
        quality = summarize_edges(scores, [e.labels for e in self._monitored], cut=0.0)
        return {"auc": quality.auc, "efficiency": quality.efficiency, "purity": quality.purity}

    def _save(self, phase: str, optimizer: torch.optim.Optimizer) -> None:
        if not is_main():
            return
        groups = {name: network.state_dict() for name, network in self._networks.items()}
        groups |= {"best": self._best, f"optimizer-{phase}": flatten_optimizer(optimizer)}
        save_progress(self._folder, groups, self._history, self._key)

    def _resume(self) -> dict[str, dict[str, Tensor]]:
        """Restore networks and history; return the optimizer tensors by phase."""
        saved = on_main(lambda: load_progress(self._folder, self._key))
        if saved is None:
            return {}
        groups, self._history = saved
        with resuming(self._folder):
            self._best = groups.get("best", {})
            if self._best:
                self._networks["qat"].load_state_dict(self._best)  # it fits
            for name, network in self._networks.items():
                network.load_state_dict(groups[name])
            for row in self._history:
                row |= {"phase": row["phase"], "auc": float(row["auc"])}  # they are there
        return {phase: groups.get(f"optimizer-{phase}", {}) for phase in _PHASES}


def _n_teacher_states(examples: Sequence[Example]) -> int:
    return max((e.teacher.states.shape[1] for e in examples if e.teacher), default=1)


def _logits_and_states(network: nn.Module, inputs: Inputs) -> tuple[Tensor, Tensor]:
    """Return the logits [E] and the edge states [E, H] they were decoded from."""
    node, edge, edge_index = inputs
    if isinstance(network, Student):
        pairs = edge_index.T
        x, e = network.states(node, edge, pairs)
        return network.decode(x, e, pairs).squeeze(-1), e
    assert isinstance(network, InteractionNetwork)
    x, e = network.states(node, edge, edge_index)
    return network.decode(x, e, edge_index), e


def _schedule(done: int, total: int) -> float:
    """Return the share of the learning rate at a step: warm-up, then cosine."""
    warm_up = min(_WARM_UP_STEPS, _WARM_UP * total)
    return min((done + 1) / max(warm_up, 1), 1.0) * 0.5 * (1 + math.cos(math.pi * done / total))
