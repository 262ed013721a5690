"""The generated C++ header: the contract as constants and types for the HLS kernels."""

from __future__ import annotations

from fpga_gnn.contract.config import Contract
from fpga_gnn.contract.constants import firmware_constants

HEADER_NAME = "contract.hpp"

_BASES = {"module_map_config": " : formats, features"}


def emit_header(contract: Contract) -> str:
    """Return the text of ``hls/generated/contract.hpp`` for ``contract``.

    Every kernel is a template over a ``CFG`` struct; the structs of this header are the CFGs
    of the contract's own shapes. A feature is named with its column, -1 for none, and its shift.
    """
    lines = [
        f"// Generated from quant_configs/{contract.name}.yaml by `fpga-gnn header`; do not edit.",
        "#pragma once",
        "",
        "namespace fpga_gnn {",
        "",
        f'constexpr const char CONTRACT_SHA256[] = "{contract.sha256}";',
        "",
    ]
    for group, constants in firmware_constants(contract).items():
        values = [f"    static constexpr int {name} = {n};" for name, n in constants.items()]
        lines += [f"struct {group}{_BASES.get(group, '')} {{", *values, "};", ""]
    return "\n".join([*lines, "}  // namespace fpga_gnn", ""])
