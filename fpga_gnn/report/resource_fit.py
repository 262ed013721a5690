"""The measurements behind the estimates of RTL resources, and the fit to them.

``fpga_gnn/data/resource_fit.json`` holds both; ``fpga-gnn estimate --measure`` makes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy.optimize import least_squares, nnls

from fpga_gnn.contract import read_json
from fpga_gnn.report.csynth import Resources
from fpga_gnn.report.resources import added
from fpga_gnn.report.rtl_estimates import (
    Coefficients,
    LayerLaw,
    LayerShape,
    StageLaw,
    StageShape,
    layer_amount,
    logic_resources,
)
from fpga_gnn.resources import data_dir

_START = (1.0, 0.1, 0.3, 0.0)
"""Where the search for a layer's law begins."""
_SMALL = 300
"""Resources below which an error weighs less: what counts is the sum of all MLPs."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class MeasuredMlp(_Value):
    """An MLP: its layers as ``layer_shapes`` sees them, and its counts."""

    name: str
    layers: tuple[LayerShape, ...]
    used: Resources


class MeasuredClassifier(_Value):
    """A classifier: its MLPs and, without them, its stages with their counts ``used``, of which
    ``memories`` are those that ``memories_resources`` expects."""

    name: str
    mlps: tuple[MeasuredMlp, ...]
    stages: StageShape
    memories: Resources
    used: Resources

    @property
    def total(self) -> Resources:
        """Counts of the whole classifier."""
        return added([self.used, *(mlp.used for mlp in self.mlps)])


class ResourceFit(_Value):
    """Counts of drawn classifiers, the coefficients fitted to some of them, and the others."""

    label: Literal["yosys"] = "yosys"
    tools: dict[str, str]
    fitted: tuple[MeasuredClassifier, ...]
    coefficients: Coefficients
    held_out: tuple[MeasuredClassifier, ...]


def fit(classifiers: Sequence[MeasuredClassifier]) -> Coefficients:
    """Fit the laws to the counts: least squares of relative errors."""
    mlps = [mlp for one in classifiers for mlp in one.mlps]
    return Coefficients(
        mlp_lut=_layer_law(mlps, lambda used: used.lut),
        mlp_ff=_layer_law(mlps, lambda used: used.ff),
        stage_lut=_stage_law(classifiers, lambda used: used.lut),
        stage_ff=_stage_law(classifiers, lambda used: used.ff),
    )


def expected(classifier: MeasuredClassifier, fitted: Coefficients) -> Resources:
    """Return the estimate of a measured classifier's ``total``."""
    layers = [layer for mlp in classifier.mlps for layer in mlp.layers]
    return added([*logic_resources(layers, classifier.stages, fitted), classifier.memories])


def largest_errors(resource_fit: ResourceFit) -> dict[str, float]:
    """Return the largest relative error on held-out classifiers, by kind of resource that any of
    them has."""
    errors: dict[str, float] = {}
    for one in resource_fit.held_out:
        guess = dict(expected(one, resource_fit.coefficients))
        for kind, found in one.total:
            if found:
                errors[kind] = max(errors.get(kind, 0.0), abs(guess[kind] / found - 1))
    return errors


def fit_file() -> Path:
    """Return where the shipped fit is."""
    return data_dir() / "resource_fit.json"


def load_fit(path: Path | None = None) -> ResourceFit:
    """Read a fit, the shipped one by default; ``InputError`` if the file is none."""
    return read_json(path or fit_file(), ResourceFit, "a fit of resources")


def _layer_law(mlps: Sequence[MeasuredMlp], amount: Callable[[Resources], int]) -> LayerLaw:
    counts = np.array([amount(mlp.used) for mlp in mlps], dtype=np.float64)

    def errors(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        law = _law(parameters)
        expected = [sum(layer_amount(layer, law) for layer in mlp.layers) for mlp in mlps]
        return np.asarray((np.array(expected) - counts) / (counts + _SMALL))

    return _law(least_squares(errors, _START).x)


def _law(parameters: NDArray[np.float64]) -> LayerLaw:
    scale, sharing, growth, row = map(float, parameters)
    return LayerLaw(scale=scale, sharing=sharing, growth=growth, row=row)


def _stage_law(
    classifiers: Sequence[MeasuredClassifier], amount: Callable[[Resources], int]
) -> StageLaw:
    counts = np.array([amount(one.used) - amount(one.memories) for one in classifiers])
    shapes = [one.stages for one in classifiers]
    rows = np.array([(shape.sums, shape.states, shape.stages) for shape in shapes])
    weight = 1 / (counts + _SMALL)
    solution, _ = nnls(rows * weight[:, None], counts * weight)
    sums, states, stage = map(float, solution)
    return StageLaw(sums=sums, states=states, stage=stage)
