"""The generated SystemVerilog packages: the contract as constants for the RTL kernels."""

from __future__ import annotations

from fpga_gnn.contract.config import Contract
from fpga_gnn.contract.constants import firmware_constants

SV_PACKAGE_NAME = "contract.sv"


def emit_sv_package(contract: Contract) -> str:
    """Return one package per struct of the C++ header, with the same names and values, and the
    package ``contract`` with the contract's hash."""
    packages = {
        group: [f"    localparam int {name} = {number};" for name, number in constants.items()]
        for group, constants in firmware_constants(contract).items()
    }
    sha256 = f"    localparam logic [255:0] CONTRACT_SHA256 = 256'h{contract.sha256};"
    lines = [
        f"// Generated from the quant config {contract.name}; do not edit.",
        "// verilator lint_off DECLFILENAME",
        "// verilator lint_off UNUSEDPARAM",
    ]
    for name, values in {"contract": [sha256], **packages}.items():
        lines += [f"package {name};", *values, "endpackage", ""]
    return "\n".join(lines)
