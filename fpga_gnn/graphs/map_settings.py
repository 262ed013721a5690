"""How the windows of a module map follow from the training tracks."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from fpga_gnn.contract import DydxLaw


class MapSettings(BaseModel):
    """How the windows of a module map follow from the tracks that cross its entries.

    ``pooling="module"`` is the field's definition: each entry has the windows of its own tracks,
    which takes hundreds of events to converge. ``pooling="layer"`` is for small samples: entries
    share the windows of all tracks that cross the same layers, two doublets make a triplet if
    tracks cross their three layers, and the dydx window, which has no meaning across modules of
    different azimuth, is open.

    Entries crossed fewer than ``min_occurrence`` times are dropped. A window is the minimum and
    maximum over the tracks (``spread="minmax"``) or their mean +- ``n_rms`` root mean squares;
    it grows on both sides by ``widening`` times its width, and by ``small_sample`` / (number of
    tracks) times the typical width in the same layers: the expected gap between the outermost of
    n values and the end of their distribution falls like 1/n.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    pooling: Literal["module", "layer"] = "module"
    min_occurrence: int = Field(default=1, ge=1)
    spread: Literal["minmax", "rms"] = "minmax"
    n_rms: float = Field(default=4.0, gt=0, allow_inf_nan=False)
    widening: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    small_sample: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    dydx: DydxLaw = "compatible"
