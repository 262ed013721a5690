"""Settings of a training run."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from fpga_gnn.events.targets import TargetSelection
from fpga_gnn.graphs.features import ALL_EDGE_FEATURES, EdgeFeature, NodeFeature


class TrainingConfig(BaseModel):
    """Float pre-training, then quantization-aware training; one graph (event) per step."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(default=1, ge=0)
    float_epochs: int = Field(default=200, ge=0)
    qat_epochs: int = Field(default=60, ge=1)
    learning_rate: float = Field(default=1e-2, gt=0, allow_inf_nan=False)
    threads: int = Field(default=1, ge=1, description="results depend on it in the last digit")
    selection: TargetSelection = TargetSelection()
    min_track_hits: int = Field(default=3, ge=1)


class TeacherConfig(BaseModel):
    """What makes a teacher: its shape, its inputs and how it is trained.

    A step takes one partition of at most ``partition_edges`` edges (with the halo of
    ``halo_hops`` hops, whose edges give context but no loss): host memory follows the partition,
    not the event, and there are many steps per event.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(default=1, ge=0)
    hidden: int = Field(default=64, ge=1, le=128)
    iterations: int = Field(default=6, ge=1, le=8)
    mlp_layers: int = Field(default=1, ge=1, le=3)
    node_features: tuple[NodeFeature, ...] = Field(default=("r", "z", "eta"), min_length=1)
    edge_features: tuple[EdgeFeature, ...] = Field(default=ALL_EDGE_FEATURES, min_length=1)
    epochs: int = Field(default=20, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0, allow_inf_nan=False)
    partition_edges: int = Field(default=16384, ge=64)
    halo_hops: int = Field(default=1, ge=0, le=8)
    selection: TargetSelection = TargetSelection()


class Runtime(BaseModel):
    """How a network runs: the same weights on any of these give the same scores to rounding.

    ``amp`` computes matrix products in bfloat16, ``compile`` is ``torch.compile``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    device: str = "cpu"
    amp: bool = False
    compile: bool = False
    threads: int = Field(default=1, ge=1)
