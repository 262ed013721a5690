"""Train an embedding that puts consecutive hits of a particle close together."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.spatial import cKDTree
from torch import Tensor
from torch.nn.functional import pairwise_distance
from torch.nn.utils import clip_grad_norm_

from fpga_gnn.contract.bounded import Few, Seed, Slots
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import InputError
from fpga_gnn.events.event import NO_PARTICLE, Event
from fpga_gnn.events.targets import TargetSelection
from fpga_gnn.events.view import Detector, EventView
from fpga_gnn.models.embedding import Embedding, EmbeddingConfig
from fpga_gnn.training.checkpoint import (
    flatten_optimizer,
    load_progress,
    restore_optimizer,
    resuming,
    save_progress,
)
from fpga_gnn.training.loop import Progress
from fpga_gnn.training.neighbour_graphs import (
    choose_radius,
    embed_features,
    event_features,
    graph_quality,
    quality_row,
    reachable_segments,
    target_segments,
)

_MAX_GRADIENT = 1.0


class MetricLearningConfig(BaseModel):
    """Settings of the training of an embedding.

    The loss pulls consecutive hits of target particles nearer than ``1 - margin`` and pushes other
    hits further than ``1 + margin`` apart (hinge, mean over target segments plus
    ``negative_weight`` times the sum per hit); hits of one particle that make no target segment
    count as neither. Each step takes ``segments_per_step`` segments, and as negatives the
    ``mined_neighbours`` nearest neighbours within the margin of ``hits_per_step`` hits and as many
    random hits, of which ``negatives_per_step`` are used. ``detector`` says which hits the
    embedding is for.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: Seed = 1
    epochs: int = Field(default=6, ge=1, le=100_000)
    steps_per_event: Few = 8
    learning_rate: float = Field(default=3e-3, gt=0, allow_inf_nan=False)
    margin: float = Field(default=0.1, ge=0, lt=1)
    negative_weight: float = Field(default=0.01, gt=0, allow_inf_nan=False)
    segments_per_step: Slots = 4000
    hits_per_step: Slots = 4096
    mined_neighbours: Few = 128
    negatives_per_step: Slots = 60_000
    target_efficiency: float = Field(default=0.98, gt=0, le=1)
    threads: Few = Field(default=1, description="results depend on it in the last digit")
    detector: Detector = "full"
    selection: TargetSelection = TargetSelection()
    network: EmbeddingConfig = EmbeddingConfig()


class MetricLearningTrainer:
    """Trains in ``folder``, one checkpoint per epoch; a new one there resumes exactly.

    Events are read one at a time, so memory does not grow with their number. Each epoch draws from
    its own generator, seeded by (seed, epoch), so a resumed run equals an uninterrupted one.
    """

    def __init__(
        self,
        config: MetricLearningConfig,
        train: EventView,
        validation: EventView,
        folder: Path,
    ) -> None:
        for name, subset in (("training", train), ("validation", validation)):
            if not subset.ids:
                raise InputError(f"{name} events", "none", "at least one")
        self._config, self._train, self._validation = config, train, validation
        self._folder = folder
        torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self._network = Embedding(config.network)
        self._optimizer = torch.optim.Adam(self._network.parameters(), lr=config.learning_rate)
        self._history: list[dict[str, Any]] = []

    @property
    def history(self) -> list[dict[str, Any]]:
        """One row per epoch: epoch, loss, the radius that finds the target efficiency on all
        validation events, and the graph of the first of them at that radius."""
        return list(self._history)

    def run(self, progress: Progress) -> Embedding:
        """Train to the end; ``progress`` gets each epoch's row. Returns the network."""
        self._resume()
        for row in self._history:
            progress(row)
        for epoch in range(len(self._history), self._config.epochs):
            row = self._epoch(epoch)
            self._history.append(row)
            self._save()
            progress(row)
        return self._network.eval()

    def _epoch(self, epoch: int) -> dict[str, Any]:
        config = self._config
        draw = np.random.default_rng([config.seed, epoch])
        self._network.train()
        total, steps = 0.0, 0
        for i, event_id in enumerate(draw.permutation(self._train.ids).tolist()):
            done = (epoch + i / len(self._train.ids)) / config.epochs
            for group in self._optimizer.param_groups:
                group["lr"] = config.learning_rate * 0.5 * (1 + math.cos(math.pi * done))
            example = _Example(self._train.read(event_id), config.selection)
            if not example.inner.size:
                continue
            for _ in range(config.steps_per_event):
                total += self._step(example, draw)
                steps += 1
        if not steps:
            raise InputError("training events", "no target segment", "events with targets")
        self._network.eval()
        selection = config.selection
        radius = choose_radius(self._network, self._validation, selection, config.target_efficiency)
        first = [self._validation.read(self._validation.ids[0])]
        (summary,) = graph_quality(self._network, first, selection, [radius])
        return {"epoch": epoch, "loss": total / steps, **quality_row(radius, summary)}

    def _step(self, example: _Example, draw: np.random.Generator) -> float:
        config = self._config
        features = example.mirrored(*(draw.random(2) < 0.5).tolist())
        points = embed_features(self._network, features)
        left, right, share = example.negatives(points, draw, config)
        some = _sample(draw, example.inner.size, config.segments_per_step)
        ends = np.concatenate([left, example.inner[some], right, example.outer[some]])
        hits, place = np.unique(ends, return_inverse=True)
        moved = self._network(features[torch.from_numpy(hits)])
        first, second = moved[torch.from_numpy(place)].chunk(2)
        distance = pairwise_distance(first, second)
        apart, together = distance[: left.size], distance[left.size :]
        attract = torch.relu(together - (1 - config.margin)).mean()
        repel = torch.relu(1 + config.margin - apart).sum() / share
        loss = attract + config.negative_weight * repel
        self._optimizer.zero_grad()
        torch.autograd.backward(loss)
        clip_grad_norm_(self._network.parameters(), _MAX_GRADIENT)
        self._optimizer.step()
        return float(loss.detach())

    def _save(self) -> None:
        groups = {
            "network": self._network.state_dict(),
            "optimizer": flatten_optimizer(self._optimizer),
        }
        self._folder.mkdir(parents=True, exist_ok=True)
        save_progress(self._folder, groups, self._history, self._key)

    @property
    def _key(self) -> str:
        config = self._config.model_dump(mode="json")
        events = self._train.hashes, self._validation.hashes
        return json.dumps([config, *events], sort_keys=True)

    def _resume(self) -> None:
        saved = load_progress(self._folder, self._key)
        if saved is None:
            return
        groups, self._history = saved
        with resuming(self._folder):
            self._network.load_state_dict(groups["network"])
            restore_optimizer(self._optimizer, groups["optimizer"])


class _Example:
    """An event as tensors, with the target segments that an outward edge can find."""

    def __init__(self, event: Event, selection: TargetSelection) -> None:
        self._features = event_features(event)
        self._module, self._particle = event.hits.module_key, event.hits.particle_id
        inner, outer = target_segments(event, selection)
        reachable = reachable_segments(event, inner, outer)
        self.inner, self.outer = inner[reachable], outer[reachable]

    def mirrored(self, flip_z: bool, flip_phi: bool) -> Tensor:
        """Return the features of the event reflected in z, in phi, or both."""
        z, phi = -1.0 if flip_z else 1.0, -1.0 if flip_phi else 1.0
        return self._features * torch.tensor([1.0, z, z, 1.0, phi])

    def negatives(
        self, points: NDArray[np.float32], draw: np.random.Generator, config: MetricLearningConfig
    ) -> tuple[Int64, Int64, float]:
        """Return pairs of hits to push apart, and the number of hits they are a fair share of."""
        n = len(points)
        hits = np.sort(_sample(draw, n, config.hits_per_step))
        tree = cKDTree(points, balanced_tree=False, compact_nodes=False)
        k = np.arange(1, min(config.mined_neighbours, n) + 1)
        _, near = tree.query(points[hits], k=k, distance_upper_bound=1 + config.margin)
        left, right = np.repeat(hits, k.size), near.ravel()
        left, right = left[right < n], right[right < n]
        left = np.concatenate([left, hits])
        right = np.concatenate([right, draw.integers(n, size=hits.size)])
        owner = self._particle
        same = (owner[left] == owner[right]) & (owner[left] != NO_PARTICLE)
        wrong = np.flatnonzero((self._module[left] != self._module[right]) & ~same)
        some = wrong[_sample(draw, wrong.size, config.negatives_per_step)]
        share = hits.size * some.size / max(wrong.size, 1)
        return left[some], right[some], max(share, 1.0)


def _sample(draw: np.random.Generator, n: int, at_most: int) -> Int64:
    """Return ``at_most`` different numbers below ``n``, all of them if there are no more."""
    if n <= at_most:
        return np.arange(n)
    return draw.choice(n, at_most, replace=False)
