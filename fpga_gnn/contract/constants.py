"""The contract as integer constants of the firmware, in groups by who uses them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel

from fpga_gnn.contract.config import (
    DIRECTION_FRAC,
    PROBABILITY_FRAC,
    Contract,
    EdgeFeature,
    NodeFeature,
)

Constants = dict[str, dict[str, int]]
"""Constants by name, in their groups."""


def firmware_constants(contract: Contract) -> Constants:
    """Return the formats, features, partition shape and each kernel's capacities.

    A feature is named with its column, -1 for none, and its shift.
    """
    hit, windows, kernels = contract.hit, contract.windows, contract.kernels
    formats = {
        "LENGTH": hit.length,
        "PHI": hit.phi,
        "ETA": hit.eta,
        "Z0": windows.z0,
        "DPHI": windows.dphi,
        "DETA": windows.deta,
        "PHI_SLOPE": windows.phi_slope,
        "DYDX": windows.dydx,
        "DZDR": windows.dzdr,
        "FEATURE": contract.features.format,
    }
    return {
        "formats": {
            f"{name}_{what}": number
            for name, value in formats.items()
            for what, number in (("BITS", value.bits), ("FRAC", value.frac))
        },
        "features": {
            **_features("NODE", get_args(NodeFeature), contract.features.node),
            **_features("EDGE", get_args(EdgeFeature), contract.features.edge),
            "DIRECTION_FRAC": DIRECTION_FRAC,
        },
        "partition_config": {
            "MAX_NODES": contract.partition.max_nodes,
            "MAX_EDGES": contract.partition.max_edges,
            "HIDDEN": contract.network.hidden,
            "ITERATIONS": contract.network.iterations,
        },
        "module_map_config": _capacities(kernels.module_map),
        "connected_components_config": _capacities(kernels.connected_components),
        "track_builder_config": {
            **_capacities(kernels.track_builder),
            "SCORE_BITS": contract.network.bits.decoder.output,
        },
        "dwalk_config": {**_capacities(kernels.dwalk), "SCORE_BITS": PROBABILITY_FRAC + 2},
    }


def _capacities(shape: BaseModel) -> dict[str, int]:
    return {name.upper(): value for name, value in shape.model_dump().items()}


def _features(rows: str, known: tuple[str, ...], shifts: Mapping[Any, int]) -> dict[str, int]:
    columns = list(shifts)
    values = {f"{rows}_FEATURES": len(columns)}
    for name in known:
        key = f"{rows}_{name.upper()}"
        values[key] = columns.index(name) if name in columns else -1
        values[f"{key}_SHIFT"] = shifts.get(name, 0)
    return values
