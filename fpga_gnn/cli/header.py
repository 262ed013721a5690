"""``fpga-gnn header``: write the C++ header of a contract."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fpga_gnn.contract import HEADER_NAME, emit_header, load_contract
from fpga_gnn.files import write_whole


def header(
    config: Annotated[str, typer.Option(help="Quant config: a name or a YAML file.")] = "w8",
    out: Annotated[Path, typer.Option(help="Folder to write it into.")] = Path("hls/generated"),
) -> None:
    """Write the C++ header that the HLS kernels include."""
    text = emit_header(load_contract(config))
    out.mkdir(parents=True, exist_ok=True)
    write_whole(out / HEADER_NAME, text.encode())
    typer.echo(out / HEADER_NAME)
