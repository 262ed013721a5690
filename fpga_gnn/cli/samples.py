"""``fpga-gnn samples``: the data sets that the results of docs/physics.md come from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from fpga_gnn.cli.groups import command_group
from fpga_gnn.cli.output import console
from fpga_gnn.cli.progress import progress_bar
from fpga_gnn.cli.workers import Dask, NWorkers, chosen_workers
from fpga_gnn.errors import FpgaGnnError, InputError
from fpga_gnn.events.samples import (
    LOCK,
    Sample,
    SampleRecord,
    build_sample,
    difference_from_lock,
    load_lock,
    load_samples,
    read_sample,
)

app = command_group("Make, list and verify the published data sets.")

Only = Annotated[list[str] | None, typer.Option("--only", help="This sample, not all; repeatable.")]


@app.command("list")
def list_() -> None:
    """List the samples: name, number of events, settings and purpose."""
    samples, lock = load_samples(), load_lock()
    out_line = console().print
    out_line(f"{'sample':<12} {'events':>6} {'locked':<6}  purpose; settings")
    for name, sample in samples.items():
        locked = "yes" if name in lock.samples else "no"
        simulation = sample.simulation
        given = simulation.model_dump(mode="json", exclude_defaults=True, exclude={"events"})
        settings = ", ".join(
            f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}"
            for key, value in given.items()
        )
        out_line(f"{name:<12} {simulation.events:>6} {locked:<6}  {sample.purpose}; {settings}")


@app.command()
def build(
    out: Annotated[Path, typer.Option(help="Folder of the samples; an earlier job goes on.")],
    only: Only = None,
    workers: NWorkers = None,
    dask: Dask = None,
) -> None:
    """Simulate the samples, each into a folder of its name.

    They are listed in samples.json beside the folders. Without --workers or --dask one process per
    core does it.
    """
    samples, lock = _chosen(only), load_lock()
    executor = chosen_workers(workers, dask, default=os.cpu_count() or 1).executor
    out_line = console().print
    for sample in samples:
        with progress_bar(sample.name) as progress:
            record = build_sample(sample, out, executor=executor, progress=progress)
        out_line(_line(sample, record))
        difference = difference_from_lock(sample.name, record, lock)
        if difference:
            out_line(
                f"warning: {difference} ({LOCK}); another CPU or library version may round "
                "differently"
            )


@app.command()
def verify(
    out: Annotated[Path, typer.Option(help="Folder of the samples.")],
    only: Only = None,
) -> None:
    """Check files against manifests and samples against locked hashes."""
    lock = load_lock()
    samples = [sample for sample in _chosen(only) if only or (out / sample.name).exists()]
    if not samples:
        raise InputError(out, "no sample", "a folder that `fpga-gnn samples build` made")
    out_line = console().print
    differences = []
    for sample in samples:
        with progress_bar(sample.name) as progress:
            record = read_sample(sample, out, progress)
        difference = difference_from_lock(sample.name, record, lock)
        if difference:
            differences.append(difference)
        else:
            verdict = "as locked" if sample.name in lock.samples else "not locked"
            out_line(f"{_line(sample, record)}, {verdict}")
    if differences:
        raise FpgaGnnError(f"{'; '.join(differences)} ({LOCK})")


def _chosen(only: list[str] | None) -> list[Sample]:
    samples = load_samples()
    for name in only or ():
        if name not in samples:
            raise InputError("--only", repr(name), f"one of {', '.join(samples)}")
    return [sample for name, sample in samples.items() if not only or name in only]


def _line(sample: Sample, record: SampleRecord) -> str:
    return (
        f"{sample.name}: {record.events} events; per event {record.hits_per_event:.1f} hits, "
        f"{record.pixel_hits_per_event:.1f} of them pixel, {record.particles_per_event:.1f} "
        f"particles; sha256 {record.sha256[:12]}"
    )
