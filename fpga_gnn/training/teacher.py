"""Train a teacher: the float interaction network at full pile-up, partition by partition."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fpga_gnn.errors import InputError
from fpga_gnn.models.edge_loss import balanced_edge_loss
from fpga_gnn.models.interaction_network import InteractionNetwork
from fpga_gnn.tracks.edge_metrics import summarize_edges
from fpga_gnn.training.checkpoint import (
    flatten_optimizer,
    load_progress,
    require_best,
    restore_optimizer,
    resuming,
    save_progress,
)
from fpga_gnn.training.config import Runtime, TeacherConfig
from fpga_gnn.training.data import Inputs
from fpga_gnn.training.distributed import by_turns, is_main, on_main, rank, summed, world_size
from fpga_gnn.training.shared_step import SharedStep
from fpga_gnn.training.teacher_data import Batch, PartitionedExample, TeacherGraph

Progress = Callable[[dict[str, Any]], None]
_WARM_UP = 0.05
_LARGEST_GRADIENT = 1.0


def teacher_network(config: TeacherConfig) -> InteractionNetwork:
    """Return the untrained network of ``config``."""
    return InteractionNetwork(
        node_features=len(config.node_features),
        edge_features=len(config.edge_features),
        hidden=config.hidden,
        iterations=config.iterations,
        mlp_layers=config.mlp_layers,
        norm="layer",
    )


class Scorer:
    """Runs a teacher on whole events as ``runtime`` says."""

    def __init__(self, network: InteractionNetwork, runtime: Runtime) -> None:
        torch.set_num_threads(runtime.threads)
        self._runtime = runtime
        self._network: Any = network.to(runtime.device).eval()
        if runtime.compile:
            self._network = torch.compile(self._network, dynamic=True)

    def logits(self, inputs: Inputs) -> Tensor:
        """Return one logit per edge [E], float32 on the CPU."""
        device = self._runtime.device
        with torch.no_grad(), autocast(self._runtime):
            scores: Tensor = self._network(*(tensor.to(device) for tensor in inputs))
        return scores.float().cpu()


def autocast(runtime: Runtime) -> torch.autocast:
    """Return the context in which ``runtime`` runs a network."""
    kind = torch.device(runtime.device).type
    return torch.autocast(kind, torch.bfloat16, enabled=runtime.amp)


class TeacherTrainer:
    """Trains in ``folder``, one checkpoint per epoch; a new trainer there resumes.

    Each epoch draws from its own generator, seeded by (seed, epoch), so a resumed run equals an
    uninterrupted one. The network kept is the one of the best validation AUC. Every rank of a group
    trains the same network, each on its share of every step's partitions; the main one writes.
    """

    def __init__(
        self,
        config: TeacherConfig,
        runtime: Runtime,
        train: Sequence[PartitionedExample],
        validation: Sequence[TeacherGraph],
        folder: Path,
        key: str,
    ) -> None:
        self._config, self._runtime, self._folder, self._key = config, runtime, folder, key
        self._train, self._validation = train, validation
        self._parts = [(i, j) for i, e in enumerate(train) for j in range(len(e.partitions))]
        if not self._parts:
            raise InputError("training events", "no edge", "events with candidate edges")
        torch.set_num_threads(runtime.threads)
        torch.manual_seed(config.seed)
        self._network = teacher_network(config).to(runtime.device)
        self._optimizer = torch.optim.AdamW(
            self._network.parameters(), lr=config.learning_rate, weight_decay=1e-4
        )
        self._history: list[dict[str, Any]] = []
        self._best: dict[str, Tensor] = {}

    @property
    def history(self) -> list[dict[str, Any]]:
        """One row per epoch: epoch, loss, validation AUC, efficiency and purity at logit 0."""
        return list(self._history)

    def run(
        self, progress: Progress, stepped: Callable[[int, int], None] = lambda done, total: None
    ) -> InteractionNetwork:
        """Train to the end and return the best network (eval mode, on the CPU).

        ``progress`` gets each epoch's row, ``stepped`` the steps done and their total.
        """
        self._resume()
        for row in self._history:
            progress(row)
        forward: Any = self._network
        if self._runtime.compile:
            forward = torch.compile(self._network, dynamic=True)
        step = SharedStep([self._network], lambda batch: self._loss(forward, batch))
        for epoch in range(len(self._history), self._config.epochs):
            loss = self._epoch(epoch, step, stepped)
            row = {"epoch": epoch, "loss": loss, **self._quality()}
            self._history.append(row)
            if row["auc"] >= max(other["auc"] for other in self._history):
                self._best = {k: v.clone() for k, v in self._network.state_dict().items()}
            self._save()
            progress(row)
        require_best(self._best)
        network = teacher_network(self._config)
        network.load_state_dict(self._best)
        return network.eval()

    def _epoch(
        self, epoch: int, step: SharedStep[Batch], stepped: Callable[[int, int], None]
    ) -> float:
        config, draw = self._config, torch.Generator()
        draw.manual_seed(config.seed * 1_000_003 + epoch)
        total, n_steps = 0.0, -(-len(self._parts) // config.partitions_per_step)
        self._network.train()
        order = torch.randperm(len(self._parts), generator=draw)
        for number, chosen in enumerate(order.split(config.partitions_per_step)):
            done = epoch + number / n_steps
            for group in self._optimizer.param_groups:
                group["lr"] = config.learning_rate * self._schedule(done)
            drawn = [
                (*self._parts[i], *(torch.rand(2, generator=draw) < 0.5).tolist())
                for i in chosen.tolist()
            ]
            own = drawn[rank() :: world_size()]
            self._optimizer.zero_grad()
            share = step.backward([self._train[i].batch(part, *flips) for i, part, *flips in own])
            assert share is not None
            nn.utils.clip_grad_norm_(self._network.parameters(), _LARGEST_GRADIENT)
            self._optimizer.step()
            total += share
            stepped(epoch * n_steps + number + 1, config.epochs * n_steps)
        return float(summed(torch.tensor(total, dtype=torch.float64))) / n_steps

    def _loss(self, forward: nn.Module, batch: Batch) -> Tensor:
        device = self._runtime.device
        with autocast(self._runtime):
            logits = forward(*(tensor.to(device) for tensor in batch.inputs))
        counted = batch.counted.to(device)
        return balanced_edge_loss(logits.float()[counted], batch.target.to(device)[counted])

    def _schedule(self, done: float) -> float:
        """Return the share of the learning rate after ``done`` epochs: warm-up, then cosine."""
        part = done / self._config.epochs
        return min(part / _WARM_UP, 1.0) * 0.5 * (1 + math.cos(math.pi * part))

    def _quality(self) -> dict[str, float]:
        scorer = Scorer(self._network, self._runtime.model_copy(update={"compile": False}))
        scores = list(by_turns(lambda g: scorer.logits(g.inputs).numpy(), self._validation))
        quality = summarize_edges(scores, [graph.labels for graph in self._validation], cut=0.0)
        return {"auc": quality.auc, "efficiency": quality.efficiency, "purity": quality.purity}

    def _save(self) -> None:
        if not is_main():
            return
        groups = {
            "network": self._network.state_dict(),
            "best": self._best,
            "optimizer": flatten_optimizer(self._optimizer),
        }
        save_progress(self._folder, groups, self._history, self._key)

    def _resume(self) -> None:
        saved = on_main(lambda: load_progress(self._folder, self._key))
        if saved is None:
            return
        groups, self._history = saved
        with resuming(self._folder):
            self._best = groups["best"]
            for weights in (self._best, groups["network"]):
                self._network.load_state_dict(weights)
            for row in self._history:
                row["auc"] = float(row["auc"])  # it is there
            restore_optimizer(self._optimizer, groups["optimizer"])
