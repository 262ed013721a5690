"""``fpga-gnn simulate``: make collision events."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer

from fpga_gnn.cli.output import console
from fpga_gnn.cli.progress import progress_bar
from fpga_gnn.cli.settings import checked
from fpga_gnn.cli.workers import Dask, NWorkers, chosen_workers
from fpga_gnn.events.acts_detector import PIXEL_VOLUMES
from fpga_gnn.events.simulate import SimulationConfig
from fpga_gnn.events.simulate import simulate as simulate_events


def simulate(
    out: Annotated[Path, typer.Option(help="Folder of the event store; an earlier job goes on.")],
    pileup: Annotated[float, typer.Option(help="Mean number of soft collisions per event.")] = 20.0,
    events: Annotated[int, typer.Option(help="Number of events.")] = 10,
    seed: Annotated[int, typer.Option(help="Same seed, same events.")] = 1,
    first_event: Annotated[int, typer.Option(help="Id of the first event.")] = 0,
    workers: NWorkers = None,
    dask: Dask = None,
    detector: Annotated[
        Literal["pixel", "full"], typer.Option(help="Measurements to store.")
    ] = "full",
    hard_process: Annotated[
        Literal["ttbar", "none"], typer.Option(help="The collision beside the pile-up.")
    ] = "ttbar",
    min_pt: Annotated[
        float, typer.Option(help="Simulate only particles from this transverse momentum, in GeV.")
    ] = 0.0,
    max_abs_eta: Annotated[
        float, typer.Option(help="Simulate only particles up to this |eta|.")
    ] = 4.0,
    noise: Annotated[float, typer.Option(help="Noise hits per real hit.")] = 0.0,
) -> None:
    """Simulate ttbar events with pile-up (Pythia 8, ACTS).

    The detector is that of TrackML, the simulation Fatras. Without --workers or --dask one process
    per core does it.
    """
    options = {
        "pileup": pileup,
        "events": events,
        "seed": seed,
        "first_event": first_event,
        "hard_process": hard_process,
        "min_particle_pt": min_pt,
        "max_abs_eta": max_abs_eta,
        "noise_fraction": noise,
        "detector": detector,
    }
    config = checked(SimulationConfig, options, "simulate")
    executor = chosen_workers(workers, dask, default=os.cpu_count() or 1).executor
    with progress_bar("simulating") as progress:
        store = simulate_events(config, out, executor=executor, progress=progress)

    records = [record for record in store.records if record.event_id in config.event_ids]
    pixel = [
        np.isin(store.read(record.event_id).hits.volume_id, PIXEL_VOLUMES).sum()
        for record in records
    ]
    console().print(
        f"{out}: {len(records)} events; per event {np.mean([r.n_hits for r in records]):.1f} hits, "
        f"{np.mean(pixel):.1f} of them pixel, "
        f"{np.mean([r.n_particles for r in records]):.1f} particles; "
        f"in all {sum(r.lost_particles for r in records)} particles and "
        f"{sum(r.lost_hits for r in records)} hits lost in simulation"
    )
