"""The embedding of metric learning: a network that maps each hit to a point of a metric space."""

from __future__ import annotations

from typing import Self

import numpy as np
import torch
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

_START_GAIN = 20.0
"""Size of the embedding before training: of the order that a radius of 1 resolves tracks."""


class EmbeddingConfig(BaseModel):
    """Shape of an ``Embedding``.

    ``dimensions`` of the metric space, of which ``turning_pairs`` pairs turn with azimuth.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    hidden: int = Field(default=64, ge=1, le=2048)
    layers: int = Field(default=3, ge=1, le=16)
    dimensions: int = Field(default=8, ge=1, le=64)
    turning_pairs: int = Field(default=3, ge=1, le=32)

    @model_validator(mode="after")
    def _pairs_fit(self) -> Self:
        if 2 * self.turning_pairs > self.dimensions:
            raise ValueError(
                f"at most {self.dimensions // 2} pairs in {self.dimensions} dimensions"
            )
        return self


def hit_features(x: ArrayLike, y: ArrayLike, z: ArrayLike) -> Tensor:
    """Return the inputs [N, 5] float32 of hits at ``x``, ``y``, ``z`` [N] mm, none on the beam.

    Columns: ln(r / 100 mm), z / 1 m, eta / 2, cos phi, sin phi.
    """
    x, y, z = (np.asarray(column, dtype=np.float64) for column in (x, y, z))
    r = np.hypot(x, y)
    columns = (np.log(r / 100), z / 1000, np.arcsinh(z / r) / 2, x / r, y / r)
    return torch.from_numpy(np.stack(columns, axis=1).astype(np.float32))


class Embedding(nn.Module):
    """Multilayer perceptron of r, z and eta whose output turns with phi.

    The detector looks the same at every azimuth, and so does this embedding by construction:
    turning the event about the beam turns ``turning_pairs`` pairs of coordinates by the same angle
    and leaves the others, so that no distance changes. (The networks of Exa.TrkX,
    arXiv:2103.06995, take phi as one more input and learn this symmetry from data.)
    """

    def __init__(self, config: EmbeddingConfig) -> None:
        super().__init__()
        self._pairs = config.turning_pairs
        modules: list[nn.Module] = []
        inputs = 3
        for _ in range(config.layers):
            modules += [nn.Linear(inputs, config.hidden), nn.GELU()]
            inputs = config.hidden
        modules.append(nn.Linear(inputs, config.dimensions))
        self.mlp = nn.Sequential(*modules)
        self.log_gain = nn.Parameter(torch.tensor(_START_GAIN).log())

    def forward(self, features: Tensor) -> Tensor:
        """Return the points [N, D] of ``hit_features`` [N, 5]."""
        out = self.mlp(features[:, :3]) * self.log_gain.exp()
        cos, sin = features[:, 3:4], features[:, 4:5]
        pairs = self._pairs
        along, across, still = out[:, :pairs], out[:, pairs : 2 * pairs], out[:, 2 * pairs :]
        return torch.cat((along * cos - across * sin, along * sin + across * cos, still), dim=1)
