"""Options of commands that run a trained student: which one, and on what."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fpga_gnn.flows.backend_names import BackendName

RunFolder = Annotated[
    Path | None, typer.Option(help="Folder of a training run; default: the shipped model.")
]
Backend = Annotated[
    BackendName, typer.Option(help="What runs the three stages; all give the same tracks.")
]
Builder = Annotated[str, typer.Option(help="Track builder; the kernels are cc, cc-jr and dwalk.")]
Xclbin = Annotated[
    Path | None, typer.Option(help="Binary that the backend board loads into the card.")
]
