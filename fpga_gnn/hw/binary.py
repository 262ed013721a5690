"""What a binary for a card (``.xclbin``) holds: a record beside it, as XRT cannot say it.

``<name>.xclbin.json`` is written where the binary is linked and read before it is loaded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from fpga_gnn.contract import Contract, read_json
from fpga_gnn.contract.bounded import Few, Identifier
from fpga_gnn.errors import InputError
from fpga_gnn.files import sha256_of, write_whole

LinkTarget = Literal["hw", "hw_emu"]
"""``hw``: a bitstream for the card; ``hw_emu``: simulation of the linked design on a host."""

_MAKE_AGAIN = "link it again (fpga-gnn synth --flow vitis --steps link)"


class Design(BaseModel):
    """What was linked: the contract, the trained network inside, and for what.

    ``units`` counts the compute units of each kernel; unit i of ``top`` is ``top_<i>``, from 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    contract_sha256: str
    network_sha256: str
    platform: str
    target: LinkTarget
    units: dict[Identifier, Few] = Field(min_length=1)


class _Record(Design):
    xclbin_sha256: str


def record_file(xclbin: Path) -> Path:
    """Return the file of the record of ``xclbin``."""
    return xclbin.with_name(f"{xclbin.name}.json")


def save_record(design: Design, xclbin: Path) -> None:
    """Write beside ``xclbin`` that it holds ``design``."""
    record = _Record(**design.model_dump(), xclbin_sha256=sha256_of(xclbin))
    write_whole(record_file(xclbin), f"{record.model_dump_json(indent=1)}\n".encode())


def load_record(xclbin: Path, contract: Contract, network_sha256: str) -> Design:
    """Return what ``xclbin`` holds.

    Raises ``InputError`` for a missing file, and unless it is the binary that was linked, of
    ``contract`` and of the network with this hash.
    """
    file = record_file(xclbin)
    for path in (xclbin, file):
        if not path.is_file():
            raise InputError(path, "no file", "a linked binary and its record", _MAKE_AGAIN)
    record = read_json(file, _Record, "the record of a binary", _MAKE_AGAIN)
    contract.require_hash(record.contract_sha256, file)
    for what, expected, found in (
        ("binary", record.xclbin_sha256, sha256_of(xclbin)),
        ("network", network_sha256, record.network_sha256),
    ):
        if found != expected:
            raise InputError(file, f"{what} {found[:12]}", f"{what} {expected[:12]}", _MAKE_AGAIN)
    return Design(**record.model_dump(exclude={"xclbin_sha256"}))
