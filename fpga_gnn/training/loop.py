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
from fpga_gnn.errors import FpgaGnnError, InputError
from fpga_gnn.models.edge_loss import balanced_edge_loss
from fpga_gnn.models.interaction_network import InteractionNetwork
from fpga_gnn.models.student import Student
from fpga_gnn.tracks.edge_metrics import summarize_edges
from fpga_gnn.training.checkpoint import (
    flatten_optimizer,
    load_progress,
    restore_optimizer,
    save_progress,
)
from fpga_gnn.training.config import TrainingConfig
from fpga_gnn.training.data import LabelledGraph, graph_inputs, mirror_signs

Progress = Callable[[dict[str, Any]], None]
_PHASES = ("float", "qat")


def float_twin(contract: Contract) -> InteractionNetwork:
    """Return the float network of the student's shape."""
    return InteractionNetwork(
        node_features=len(contract.features.node),
        edge_features=len(contract.features.edge),
        hidden=contract.network.hidden,
        iterations=contract.network.iterations,
        mlp_layers=1,
        layer_norm=False,
    )


class Trainer:
    """Trains in ``folder``, one checkpoint per epoch; a new Trainer there resumes exactly.

    Each epoch draws from its own generator, seeded by (seed, phase, epoch), so a resumed run
    equals an uninterrupted one. The student kept is the one of the best validation AUC.
    """

    def __init__(
        self,
        contract: Contract,
        config: TrainingConfig,
        train: Sequence[LabelledGraph],
        validation: Sequence[LabelledGraph],
        folder: Path,
    ) -> None:
        self._contract, self._config, self._folder = contract, config, folder
        self._train = [_Example(graph, contract) for graph in train]
        self._validation = [_Example(graph, contract) for graph in validation]
        if not any(len(example.target) for example in self._train):
            raise InputError("training events", "no edge", "events with candidate edges")
        torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self._networks: dict[str, nn.Module] = {
            "float": float_twin(contract),
            "qat": Student(contract),
        }
        self._history: list[dict[str, Any]] = []
        self._best = -math.inf
        self._best_student: dict[str, Tensor] = {}

    @property
    def history(self) -> list[dict[str, Any]]:
        """One row per epoch: phase, epoch, loss, validation AUC, efficiency, purity."""
        return list(self._history)

    @property
    def n_epochs(self) -> int:
        """Epochs of both phases."""
        return self._config.float_epochs + self._config.qat_epochs

    def run(self, progress: Progress) -> Student:
        """Train to the end; ``progress`` gets each epoch's row. Returns the best student."""
        resumed = self._resume()
        for row in self._history:
            progress(row)
        for phase in _PHASES:
            epochs = getattr(self._config, f"{phase}_epochs")
            done = sum(row["phase"] == phase for row in self._history)
            if done == epochs:
                continue
            if phase == "qat" and done == 0:
                self._start_student()
            network = self._networks[phase]
            optimizer = torch.optim.Adam(network.parameters(), lr=self._config.learning_rate)
            if resumed.get(phase):
                restore_optimizer(optimizer, resumed[phase])
            for epoch in range(done, epochs):
                row = self._epoch(phase, epoch, epochs, network, optimizer)
                self._history.append(row)
                if phase == "qat" and row["auc"] > self._best:
                    self._best = row["auc"]
                    self._best_student = {k: v.clone() for k, v in network.state_dict().items()}
                self._save(phase, optimizer)
                progress(row)
        if not self._best_student:
            raise FpgaGnnError(
                "training: no epoch has a validation AUC; check that validation events "
                "hold target and fake edges"
            )
        student = Student(self._contract)
        student.load_state_dict(self._best_student)
        return student.eval()

    def _start_student(self) -> None:
        student, twin = self._networks["qat"], self._networks["float"]
        assert isinstance(student, Student)
        assert isinstance(twin, InteractionNetwork)
        student.load_float(twin)
        student.calibrate(example.inputs for example in self._train)

    def _epoch(
        self,
        phase: str,
        epoch: int,
        epochs: int,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
    ) -> dict[str, Any]:
        draw = torch.Generator()
        draw.manual_seed(self._config.seed * 1_000_003 + _PHASES.index(phase) * 100_003 + epoch)
        start = self._config.learning_rate * (1.0 if phase == "float" else 0.3)
        for group in optimizer.param_groups:
            group["lr"] = start * 0.5 * (1 + math.cos(math.pi * epoch / epochs))
        network.train()
        total = 0.0
        for i in torch.randperm(len(self._train), generator=draw).tolist():
            flip_z, flip_phi = (torch.rand(2, generator=draw) < 0.5).tolist()
            inputs = self._train[i].mirrored(flip_z, flip_phi)
            optimizer.zero_grad()
            loss = self._train[i].loss(network(*inputs))
            loss.backward()
            optimizer.step()
            total += float(loss.detach())
        network.eval()
        with torch.no_grad():
            scores = [network(*example.inputs).numpy() for example in self._validation]
        quality = summarize_edges(scores, [e.graph.labels for e in self._validation], cut=0.0)
        return {
            "phase": phase,
            "epoch": epoch,
            "loss": total / len(self._train),
            "auc": quality.auc,
            "efficiency": quality.efficiency,
            "purity": quality.purity,
        }

    def _save(self, phase: str, optimizer: torch.optim.Optimizer) -> None:
        groups = {name: network.state_dict() for name, network in self._networks.items()}
        groups |= {
            "best": self._best_student,
            f"optimizer-{phase}": flatten_optimizer(optimizer),
        }
        save_progress(self._folder, groups, self._history, self._key)

    @property
    def _key(self) -> str:
        graphs = [
            [e.graph.event.event_id, e.graph.graph.n_nodes, e.graph.graph.n_edges]
            for e in (*self._train, *self._validation)
        ]
        config = self._config.model_dump(mode="json")
        return json.dumps([self._contract.sha256, config, graphs], sort_keys=True)

    def _resume(self) -> dict[str, dict[str, Tensor]]:
        """Restore networks and history; return the optimizer tensors by phase."""
        saved = load_progress(self._folder, self._key)
        if saved is None:
            return {}
        groups, self._history = saved
        for name, network in self._networks.items():
            network.load_state_dict(groups[name])
        self._best_student = groups.get("best", {})
        self._best = max(
            (row["auc"] for row in self._history if row["phase"] == "qat"), default=-math.inf
        )
        return {phase: groups.get(f"optimizer-{phase}", {}) for phase in _PHASES}


class _Example:
    """A labelled graph as tensors."""

    def __init__(self, graph: LabelledGraph, contract: Contract) -> None:
        self.graph = graph
        self.inputs = graph_inputs(graph.graph, contract)
        self.target = torch.from_numpy(graph.labels.target).float()
        self._used = torch.from_numpy(~graph.labels.ignored)
        self._names = tuple(contract.features.node), tuple(contract.features.edge)

    def mirrored(self, flip_z: bool, flip_phi: bool) -> tuple[Tensor, Tensor, Tensor]:
        node, edge, edge_index = self.inputs
        node_signs, edge_signs = (mirror_signs(names, flip_z, flip_phi) for names in self._names)
        return node * node_signs, edge * edge_signs, edge_index

    def loss(self, logits: Tensor) -> Tensor:
        """The balanced loss, ignored edges left out."""
        return balanced_edge_loss(logits[self._used], self.target[self._used])
