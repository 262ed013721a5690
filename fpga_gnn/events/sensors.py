"""Plane silicon sensors as arrays: local and global positions, random points on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fpga_gnn.errors import InputError
from fpga_gnn.events.event import Hits, module_key


@dataclass(frozen=True)
class Sensors:
    """One row per sensor, in the order of volume, layer and module; lengths in mm.

    A sensor is the trapezoid ``|y| <= half_height`` of its local frame, bounded in ``|x|`` by
    ``half_width[:, 0]`` at its lower and ``half_width[:, 1]`` at its upper edge. A local point
    ``l`` lies at ``rotation @ (l, 0) + translation``.
    """

    volume_id: NDArray[np.int32]
    layer_id: NDArray[np.int32]
    module_id: NDArray[np.int32]
    rotation: NDArray[np.float64]
    translation: NDArray[np.float64]
    half_width: NDArray[np.float64]
    half_height: NDArray[np.float64]

    def rows(self, hits: Hits) -> NDArray[np.int64]:
        """Return the sensor row of each hit ``[n]``; ``InputError`` for an unknown sensor."""
        keys = module_key(self.volume_id, self.layer_id, self.module_id)
        row: NDArray[np.int64] = np.searchsorted(keys, hits.module_key).clip(max=keys.size - 1)
        unknown = np.flatnonzero(keys[row] != hits.module_key)
        if unknown.size:
            volume, layer, module = (
                int(column[unknown[0]])
                for column in (hits.volume_id, hits.layer_id, hits.module_id)
            )
            raise InputError(
                f"hit {hits.hit_id[unknown[0]]}",
                f"volume {volume}, layer {layer}, module {module}",
                "a sensor of the detector",
            )
        return row

    def to_global(
        self, sensor: NDArray[np.int64], local: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return global positions ``[n, 3]`` of local positions ``[n, 2]`` on sensor rows."""
        x, y = local[:, :1], local[:, 1:]
        rotation = self.rotation[sensor]
        position: NDArray[np.float64] = rotation[:, :, 0] * x + rotation[:, :, 1] * y
        return position + self.translation[sensor]

    def to_local(
        self, sensor: NDArray[np.int64], position: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return local positions ``[n, 3]`` of global positions ``[n, 3]`` on sensor rows.

        The third coordinate is the height above the sensor plane; without it this inverts
        ``to_global``.
        """
        local: NDArray[np.float64] = np.einsum(
            "nij,ni->nj", self.rotation[sensor], position - self.translation[sensor]
        )
        return local

    def random_points(
        self, rng: np.random.Generator, n: int, sensors: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return rows ``[n]`` out of ``sensors`` and local positions ``[n, 2]``, even in area."""
        area = self.half_width[sensors].sum(axis=1) * self.half_height[sensors]
        sensor = rng.choice(sensors, size=n, p=area / area.sum())
        low, high = self.half_width[sensor].T
        y = rng.uniform(-1.0, 1.0, n)
        # The sensor at height y and at height -y, side by side, fill a strip of even width.
        width = (low + high + y * (high - low)) / 2
        strip = rng.uniform(0.0, low + high)
        inside = strip < width
        x = np.where(inside, 2 * strip - width, 2 * (strip - width) - (low + high - width))
        height = np.where(inside, y, -y) * self.half_height[sensor]
        return sensor, np.column_stack([x, height])
