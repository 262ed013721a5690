"""Settings of a training: what is refused, and that all defaults are a training."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from fpga_gnn.training.config import TrainingConfig


def test_the_defaults_are_a_training():
    assert TrainingConfig().float_epochs > 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"float_epochs": 0, "sparsity": 0.5}, "pruning is part of the float training"),
        ({"sparsity": 1.0}, "less than 1"),
        ({"sparsity": -0.1}, "greater than or equal to 0"),
        ({"prune": "rows"}, "'weight' or 'unit'"),
        ({"soft_scores": 1.1}, "less than or equal to 1"),
        ({"features": -1}, "greater than or equal to 0"),
        ({"features": float("inf")}, "finite"),
        ({"batch_edges": 63}, "greater than or equal to 64"),
        ({"monitored": 0}, "greater than or equal to 1"),
        ({"speed": 9}, "Extra inputs"),
    ],
    ids=str,
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ValidationError, match=message):
        TrainingConfig(**settings)
