"""Settings of a training run."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fpga_gnn.contract.bounded import Epochs, Few, Seed
from fpga_gnn.events.targets import TargetSelection
from fpga_gnn.graphs.features import ALL_EDGE_FEATURES, EdgeFeature, NodeFeature
from fpga_gnn.models.pruning import Granularity


class TrainingConfig(BaseModel):
    """Float pre-training, then quantization-aware training from it (none: ``qat_epochs`` = 0).

    A batch is the edges of one sector of azimuth, about ``batch_edges`` of them; a step takes
    ``sectors_per_step`` batches, which the ranks of torchrun share out. ``soft_scores`` is the
    share of the loss that comes from a teacher's edge scores instead of labels, ``features`` the
    weight of the difference to its edge states. ``sparsity`` is the share of the weights (or hidden
    units) that pruning sets to zero between a tenth and seven tenths of the float training.
    ``monitored`` validation events are scored after every epoch.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: Seed = 1
    float_epochs: Epochs = 200
    qat_epochs: Epochs = 60
    learning_rate: float = Field(default=1e-2, gt=0, allow_inf_nan=False)
    qat_learning_rate: float = Field(default=3e-3, gt=0, allow_inf_nan=False)
    batch_edges: int = Field(default=24576, ge=64, le=1 << 24)
    sectors_per_step: Few = 1
    batch_norm: bool = True
    sparsity: float = Field(default=0.0, ge=0, lt=1)
    prune: Granularity = "weight"
    soft_scores: float = Field(default=0.5, ge=0, le=1)
    features: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    monitored: Few = 2
    threads: Few = Field(default=1, description="results depend on it in the last digit")
    selection: TargetSelection = TargetSelection()
    min_track_hits: Few = 3

    @model_validator(mode="after")
    def _something_to_prune(self) -> Self:
        if self.sparsity and not self.float_epochs:
            raise ValueError("float_epochs > 0: pruning is part of the float training")
        return self


class TeacherConfig(BaseModel):
    """What makes a teacher: its shape, its inputs and how it is trained.

    A batch is one partition of at most ``partition_edges`` edges (with the halo of ``halo_hops``
    hops, whose edges give context but no loss): host memory follows the partition, not the event.
    A step takes ``partitions_per_step`` batches, which the ranks of torchrun share out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: Seed = 1
    hidden: int = Field(default=64, ge=1, le=128)
    iterations: int = Field(default=6, ge=1, le=8)
    mlp_layers: int = Field(default=1, ge=1, le=3)
    node_features: tuple[NodeFeature, ...] = Field(
        default=("r", "z", "eta"), min_length=1, max_length=16
    )
    edge_features: tuple[EdgeFeature, ...] = Field(
        default=ALL_EDGE_FEATURES, min_length=1, max_length=16
    )
    epochs: int = Field(default=20, ge=1, le=100_000)
    learning_rate: float = Field(default=2e-3, gt=0, allow_inf_nan=False)
    partition_edges: int = Field(default=16384, ge=64, le=1 << 22)
    halo_hops: int = Field(default=1, ge=0, le=8)
    partitions_per_step: Few = 1
    selection: TargetSelection = TargetSelection()


Device = Annotated[str, Field(pattern=r"^(cpu|cuda|mps|xpu)(:[0-9]{1,3})?$")]
"""A device of PyTorch."""


class Runtime(BaseModel):
    """How a network runs: the same weights on any of these give the same scores to rounding.

    ``amp`` computes matrix products in bfloat16, ``compile`` is ``torch.compile``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    device: Device = "cpu"
    amp: bool = False
    compile: bool = False
    threads: Few = 1
