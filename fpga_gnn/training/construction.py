"""The graph constructions by name, and how they are kept beside what was trained on them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fpga_gnn.contract import Contract, read_json
from fpga_gnn.events.event import Event
from fpga_gnn.graphs.construction import GraphConstruction, HitGraph, ModuleMapConstruction
from fpga_gnn.graphs.module_map_store import load_model_map, save_model_map
from fpga_gnn.training.checkpoint import save_json
from fpga_gnn.training.metric_learning_run import (
    MetricLearning,
    load_metric_learning,
    save_metric_learning,
)

Construction = Literal["module-map", "metric-learning"]

_CONTRACT, _EMBEDDING = "contract.json", "metric_learning"


@dataclass(frozen=True, eq=False)
class MetricLearningConstruction:
    """Edges join hits that a trained embedding puts within its radius; nodes are hit rows."""

    trained: MetricLearning

    @property
    def name(self) -> str:
        """Name in reports."""
        return "metric-learning"

    def __call__(self, event: Event) -> HitGraph:
        """Return the candidate graph of ``event``."""
        edges = self.trained.edges(event)
        return HitGraph(np.arange(len(event.hits)), edges.src, edges.dst)


def construction_record(construction: GraphConstruction) -> dict[str, Any]:
    """Return what ``construction`` keeps of the events it was learned from."""
    if isinstance(construction, MetricLearningConstruction):
        return construction.trained.info.events
    assert isinstance(construction, ModuleMapConstruction)
    return construction.module_map.info.source


def save_construction(construction: GraphConstruction, folder: Path) -> None:
    """Write a graph construction into the folder of its teacher."""
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(construction, ModuleMapConstruction):
        save_json(folder / _CONTRACT, construction.contract.model_dump(mode="json"))
        save_model_map(construction.module_map, folder)
    elif isinstance(construction, MetricLearningConstruction):
        save_metric_learning(construction.trained, folder / _EMBEDDING)
    else:
        raise TypeError(f"no format for {type(construction).__name__}")


def load_construction(folder: Path, graph: Construction, device: str) -> GraphConstruction:
    """Read what ``save_construction`` wrote; ``InputError`` if it is missing or damaged."""
    if graph == "metric-learning":
        return MetricLearningConstruction(load_metric_learning(folder / _EMBEDDING))
    contract = read_json(folder / _CONTRACT, Contract, "a contract")
    return ModuleMapConstruction(load_model_map(folder, contract), contract, device=device)
