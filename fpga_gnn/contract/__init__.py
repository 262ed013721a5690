"""The numeric contract: formats, shapes, loading, hash, C++ header and SystemVerilog packages."""

from fpga_gnn.contract.config import (
    Aggregation,
    Contract,
    MlpBits,
    PartitionShape,
    contract_names,
    load_contract,
    parse_contract,
)
from fpga_gnn.contract.documents import (
    parse_json,
    read_json,
    read_yaml,
    validation_error,
)
from fpga_gnn.contract.fixed_point import (
    FixedPoint,
    Rounding,
    divide_half_even,
    requantize,
    shift_right_half_even,
)
from fpga_gnn.contract.header import HEADER_NAME, emit_header
from fpga_gnn.contract.network import IntegerLayer, IntegerNetwork
from fpga_gnn.contract.records import (
    DOUBLET_WINDOWS,
    TRIPLET_WINDOWS,
    CandidateRecords,
    DydxLaw,
    HitRecords,
    ModuleMapRecords,
    dydx_sign,
)
from fpga_gnn.contract.sv_package import SV_PACKAGE_NAME, emit_sv_package

__all__ = [
    "DOUBLET_WINDOWS",
    "HEADER_NAME",
    "SV_PACKAGE_NAME",
    "TRIPLET_WINDOWS",
    "Aggregation",
    "CandidateRecords",
    "Contract",
    "DydxLaw",
    "FixedPoint",
    "HitRecords",
    "IntegerLayer",
    "IntegerNetwork",
    "MlpBits",
    "ModuleMapRecords",
    "PartitionShape",
    "Rounding",
    "contract_names",
    "divide_half_even",
    "dydx_sign",
    "emit_header",
    "emit_sv_package",
    "load_contract",
    "parse_contract",
    "parse_json",
    "read_json",
    "read_yaml",
    "requantize",
    "shift_right_half_even",
    "validation_error",
]
