"""The generated C++ header: the contract as constants and types for the HLS kernels."""

from __future__ import annotations

from fpga_gnn.contract.config import Contract
from fpga_gnn.contract.fixed_point import FixedPoint

HEADER_NAME = "contract.hpp"


def emit_header(contract: Contract) -> str:
    """Return the text of ``hls/generated/contract.hpp`` for ``contract``.

    Every kernel is a template over a ``CFG`` struct; the structs of this header are the CFGs
    of the contract's own shapes.
    """
    hit, windows, kernels = contract.hit, contract.windows, contract.kernels
    map_shape, cc_shape = kernels.module_map, kernels.connected_components
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
        *_constants(
            {f"NODE_{k.upper()}_SHIFT": v for k, v in contract.features.node.items()}
            | {f"EDGE_{k.upper()}_SHIFT": v for k, v in contract.features.edge.items()}
        ),
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
        "struct module_map_config : formats {",
        *_constants(
            {
                "MAX_HITS": map_shape.max_hits,
                "MAX_MODULES": map_shape.max_modules,
                "MAX_DOUBLETS": map_shape.max_doublets,
                "MAX_TRIPLETS": map_shape.max_triplets,
                "MAX_CANDIDATES": map_shape.max_candidates,
            }
        ),
        "};",
        "",
        "struct connected_components_config {",
        *_constants({"MAX_NODES": cc_shape.max_nodes, "MAX_EDGES": cc_shape.max_edges}),
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
