"""The generated C++ header: the contract as constants and types for the HLS kernels."""

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
from fpga_gnn.contract.fixed_point import FixedPoint

HEADER_NAME = "contract.hpp"


def emit_header(contract: Contract) -> str:
    """Return the text of ``hls/generated/contract.hpp`` for ``contract``.

    Every kernel is a template over a ``CFG`` struct; the structs of this header are the CFGs
    of the contract's own shapes. A feature is named with its column, -1 for none, and its shift.
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
    lines = [
        f"// Generated from quant_configs/{contract.name}.yaml by `fpga-gnn header`; do not edit.",
        "#pragma once",
        "",
        "namespace fpga_gnn {",
        "",
        f'constexpr const char CONTRACT_SHA256[] = "{contract.sha256}";',
        "",
        "struct formats {",
        *[line for name, value in formats.items() for line in _format(name, value)],
        "};",
        "",
        "struct features {",
        *_features("NODE", get_args(NodeFeature), contract.features.node),
        *_features("EDGE", get_args(EdgeFeature), contract.features.edge),
        *_constants({"DIRECTION_FRAC": DIRECTION_FRAC}),
        "};",
        "",
        "struct partition_config {",
        *_constants(
            {
                "MAX_NODES": contract.partition.max_nodes,
                "MAX_EDGES": contract.partition.max_edges,
                "HIDDEN": contract.network.hidden,
                "ITERATIONS": contract.network.iterations,
            }
        ),
        "};",
        "",
        "struct module_map_config : formats, features {",
        *_capacities(kernels.module_map),
        "};",
        "",
        "struct connected_components_config {",
        *_capacities(kernels.connected_components),
        "};",
        "",
        "struct track_builder_config {",
        *_capacities(kernels.track_builder),
        *_constants({"SCORE_BITS": contract.network.bits.decoder.output}),
        "};",
        "",
        "struct dwalk_config {",
        *_capacities(kernels.dwalk),
        *_constants({"SCORE_BITS": PROBABILITY_FRAC + 2}),
        "};",
        "",
        "}  // namespace fpga_gnn",
        "",
    ]
    return "\n".join(lines)


def _format(name: str, value: FixedPoint) -> list[str]:
    return _constants({f"{name}_BITS": value.bits, f"{name}_FRAC": value.frac})


def _constants(values: dict[str, int]) -> list[str]:
    return [f"    static constexpr int {name} = {value};" for name, value in values.items()]


def _capacities(shape: BaseModel) -> list[str]:
    return _constants({name.upper(): value for name, value in shape.model_dump().items()})


def _features(rows: str, known: tuple[str, ...], shifts: Mapping[Any, int]) -> list[str]:
    columns = list(shifts)
    values = {f"{rows}_FEATURES": len(columns)}
    for name in known:
        key = f"{rows}_{name.upper()}"
        values[key] = columns.index(name) if name in columns else -1
        values[f"{key}_SHIFT"] = shifts.get(name, 0)
    return _constants(values)
