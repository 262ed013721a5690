"""Options of commands whose tasks several processes share."""

from __future__ import annotations

from typing import Annotated

import typer

from fpga_gnn.errors import InputError
from fpga_gnn.flows.cluster import Workers

NWorkers = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Processes of this machine; the results do not change."),
]
Dask = Annotated[
    str | None,
    typer.Option(
        help="Work on this Dask scheduler (needs fpga-gnn[dask]): its address or scheduler file."
    ),
]


def chosen_workers(n: int | None, dask: str | None, default: int) -> Workers:
    """Return the workers of the two options, ``default`` processes without them."""
    if n is not None and dask is not None:
        raise InputError("--workers and --dask", "both", "one of them")
    return Workers(n or default, dask)
