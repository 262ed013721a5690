"""Float features of hits and edges, by name: the inputs of the teacher network.

The features of GNN4ITk (acorn) and the direction of an edge: the hits of a track share its polar
angle ``theta``, the point ``z0`` where it meets the beam axis, and its curvature, of which
``phislope`` is a measure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.events.event import Event

NodeFeature = Literal["r", "phi", "z", "eta"]
EdgeFeature = Literal["dr", "dphi", "dz", "deta", "phislope", "rphislope", "theta", "z0"]
ALL_NODE_FEATURES: tuple[NodeFeature, ...] = get_args(NodeFeature)
ALL_EDGE_FEATURES: tuple[EdgeFeature, ...] = get_args(EdgeFeature)

ODD_IN_Z = frozenset({"z", "eta", "dz", "deta", "z0", "theta", "direction"})
"""Features that change sign when the detector is mirrored at z = 0."""
ODD_IN_PHI = frozenset({"phi", "dphi", "phislope", "phi_slope", "rphislope", "r_phi_slope"})
"""Features that change sign when the detector is mirrored at phi = 0."""

_SCALE = {
    "r": 1 / 200,
    "phi": 1 / np.pi,
    "z": 1 / 1000,
    "eta": 1 / 3,
    "dr": 1 / 50,
    "dphi": 20.0,
    "dz": 1 / 200,
    "deta": 5.0,
    "phislope": 2000.0,
    "rphislope": 20.0,
    "theta": 1.0,
    "z0": 1 / 100,
}
"""Brings each feature to order one; phislope is in rad/mm, lengths in mm, angles in rad."""
_LIMIT = 5.0
"""Scaled features are clipped to +-5: slopes and z0 of pairs at equal radius are unbounded."""


def node_features(event: Event, rows: Int64, names: Sequence[NodeFeature]) -> NDArray[np.float32]:
    """Return the scaled features [N, F] of the hits in ``rows`` of ``event.hits``."""
    columns = _cylindrical(event, rows)
    return _scaled([(name, columns[name]) for name in names], rows.size)


def edge_features(
    event: Event, rows: Int64, src: Int64, dst: Int64, names: Sequence[EdgeFeature]
) -> NDArray[np.float32]:
    """Return the scaled features [E, F] of edges ``src -> dst`` between nodes ``rows`` [N]."""
    hit = _cylindrical(event, rows)
    dr, dz = (hit[name][dst] - hit[name][src] for name in ("r", "z"))
    dphi = (hit["phi"][dst] - hit["phi"][src] + np.pi) % (2 * np.pi) - np.pi
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = _zero_for_nan(dphi / dr)
        z0 = _zero_for_nan(hit["z"][src] - hit["r"][src] * dz / dr)
    columns = {
        "dr": dr,
        "dphi": dphi,
        "dz": dz,
        "deta": hit["eta"][src] - hit["eta"][dst],
        "phislope": slope,
        "rphislope": (hit["r"][src] + hit["r"][dst]) / 2 * slope,
        "theta": np.arctan2(dz, dr),
        "z0": z0,
    }
    return _scaled([(name, columns[name]) for name in names], src.size)


def _cylindrical(event: Event, rows: Int64) -> dict[str, NDArray[np.float64]]:
    x, y, z = (
        column[rows].astype(np.float64) for column in (event.hits.x, event.hits.y, event.hits.z)
    )
    r = np.hypot(x, y)
    with np.errstate(divide="ignore", invalid="ignore"):
        eta = np.nan_to_num(np.arcsinh(z / r))
    return {"r": r, "phi": np.arctan2(y, x), "z": z, "eta": eta}


def _zero_for_nan(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isnan(values), 0.0, values)


def _scaled(columns: Sequence[tuple[str, NDArray[np.float64]]], n: int) -> NDArray[np.float32]:
    out = np.empty((n, len(columns)), dtype=np.float32)
    for i, (name, values) in enumerate(columns):
        out[:, i] = np.clip(values * _SCALE[name], -_LIMIT, _LIMIT)
    return out
