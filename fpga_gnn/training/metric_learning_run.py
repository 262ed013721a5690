"""A trained embedding on disk: its weights, its radius, and what it was trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from fpga_gnn import __version__
from fpga_gnn.contract import read_json
from fpga_gnn.errors import InputError
from fpga_gnn.events.event import Event
from fpga_gnn.events.view import EventView, restrict
from fpga_gnn.files import sha256_of
from fpga_gnn.graphs.metric_learning import NeighbourEdges, neighbour_edges
from fpga_gnn.models.embedding import Embedding
from fpga_gnn.training.checkpoint import LAST, load_network, save_json, save_tensors
from fpga_gnn.training.loop import Progress
from fpga_gnn.training.metric_learning import (
    MetricLearningConfig,
    MetricLearningTrainer,
)
from fpga_gnn.training.neighbour_graphs import choose_radius, embed, graph_quality, quality_row

_EMBEDDING, _INFO = "embedding.safetensors", "embedding.json"
_RETRAIN = "run fpga-gnn metric-learning train"


class MetricLearningInfo(BaseModel):
    """What an embedding was trained on, and the radius that makes its graphs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str = __version__
    training: MetricLearningConfig
    radius: float = Field(gt=0, allow_inf_nan=False)
    events: dict[str, Any]
    history: list[dict[str, Any]]
    quality: list[dict[str, int | float]]


class _Record(MetricLearningInfo):
    """What embedding.json holds: the record, and the hash of the weights it is about."""

    embedding_sha256: str


@dataclass(frozen=True, eq=False)
class MetricLearning:
    """A trained embedding (eval mode) with its record."""

    network: Embedding
    info: MetricLearningInfo

    def edges(
        self, event: Event, radius: float | None = None, max_neighbours: int | None = None
    ) -> NeighbourEdges:
        """Return the edges of ``event`` within ``radius`` (default: the chosen one).

        ``InputError`` for hits outside the detector that the embedding was trained on.
        """
        detector = self.info.training.detector
        n_strange = len(event.hits) - len(restrict(event, detector).hits)
        if n_strange:
            raise InputError(
                f"event {event.event_id}",
                f"{n_strange} hits outside the {detector} detector",
                "an event of the detector that the embedding was trained on",
            )
        points = embed(self.network, event)
        radius = self.info.radius if radius is None else radius
        return neighbour_edges(points, event.hits, radius, max_neighbours=max_neighbours)


def train_metric_learning(
    config: MetricLearningConfig,
    train: EventView,
    validation: EventView,
    folder: Path,
    efficiencies: Sequence[float],
    progress: Progress,
) -> MetricLearning:
    """Train, choose the radius of ``config.target_efficiency`` on ``validation``, save.

    The record holds the quality of the validation graphs at the radii of ``efficiencies``;
    ``InputError`` if the target is not one of them, or if ``folder`` holds other files.
    """
    if config.target_efficiency not in efficiencies:
        raise InputError("efficiencies", list(efficiencies), f"{config.target_efficiency} as well")
    _require_ours(folder)
    trainer = MetricLearningTrainer(config, train, validation, folder)
    network = trainer.run(progress)
    radii = [
        choose_radius(network, validation, config.selection, efficiency)
        for efficiency in efficiencies
    ]
    held_out = validation
    summaries = graph_quality(network, held_out, config.selection, radii)
    info = MetricLearningInfo(
        training=config,
        radius=radii[list(efficiencies).index(config.target_efficiency)],
        events={
            name: {"origin": subset.store.origin, "ids": list(subset.ids), "sha256": subset.hashes}
            for name, subset in (("train", train), ("validation", validation))
        },
        history=trainer.history,
        quality=[quality_row(*pair) for pair in zip(radii, summaries, strict=True)],
    )
    trained = MetricLearning(network, info)
    save_metric_learning(trained, folder)
    return trained


def save_metric_learning(trained: MetricLearning, folder: Path) -> None:
    """Write into ``folder``; embedding.json comes last, so a folder with it is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _INFO).unlink(missing_ok=True)
    save_tensors(folder / _EMBEDDING, trained.network.state_dict(), {})
    record = _Record(**trained.info.model_dump(), embedding_sha256=sha256_of(folder / _EMBEDDING))
    save_json(folder / _INFO, record.model_dump(mode="json"))


def load_metric_learning(folder: Path) -> MetricLearning:
    """Read a trained embedding; ``InputError`` if it is missing, incomplete or damaged."""
    file = folder / _INFO
    if not file.is_file():
        raise InputError(folder, f"no {_INFO}", "a trained embedding", _RETRAIN)
    record = read_json(file, _Record, "the record of an embedding", _RETRAIN)
    network = Embedding(record.training.network)
    load_network(network, folder / _EMBEDDING, record.embedding_sha256, _INFO)
    info = MetricLearningInfo(**record.model_dump(exclude={"embedding_sha256"}))
    return MetricLearning(network.eval(), info)


def _require_ours(folder: Path) -> None:
    empty = not folder.exists() or (folder.is_dir() and not any(folder.iterdir()))
    if not empty and not any((folder / name).is_file() for name in (LAST, _INFO)):
        expected = "a new folder or one of a metric learning"
        raise InputError(folder, "other files", expected, "choose another --out")
