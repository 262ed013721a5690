"""Settings of a training run."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from fpga_gnn.events.targets import TargetSelection


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
