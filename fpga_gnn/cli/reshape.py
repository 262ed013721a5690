"""``fpga-gnn reshape``: a trained model for other partitions and kernel capacities."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fpga_gnn.cli.backend_options import RunFolder
from fpga_gnn.cli.output import console
from fpga_gnn.contract import load_contract


def reshape(
    config: Annotated[str, typer.Option(help="Quant config with the capacities wanted.")],
    out: Annotated[Path, typer.Option(help="Folder of the reshaped model.")],
    model: RunFolder = None,
) -> None:
    """Write a model for another partition shape or kernels.

    Its weights stay as they are.
    """
    from fpga_gnn.training.run import default_run, load_run, save_run

    run = load_run(model or default_run()).with_contract(load_contract(config))
    save_run(run, out)
    console().print(f"model {run.contract.name} ({run.contract.sha256[:12]}): {out}")
