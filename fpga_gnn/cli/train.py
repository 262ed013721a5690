"""``fpga-gnn train``: a quantized edge classifier, from labels or from a teacher."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fpga_gnn.cli.output import (
    clipped_lines,
    console,
    epoch_line,
    events_line,
    quality_line,
    working_point_lines,
)
from fpga_gnn.cli.progress import progress_bars
from fpga_gnn.cli.settings import checked
from fpga_gnn.cli.training_inputs import (
    Amp,
    Events,
    HitsToUse,
    Map,
    MaxEvents,
    TeacherCache,
    TeacherFolder,
    Validation,
    teacher_folder,
    training_events,
    training_map,
)
from fpga_gnn.contract import load_contract
from fpga_gnn.errors import InputError


def train(
    bits: Annotated[
        str | None, typer.Option(help="Weight and activation bits: the quant config wBITS.")
    ] = None,
    config: Annotated[
        str | None, typer.Option(help="Quant config instead of --bits: a name or a YAML file.")
    ] = None,
    events: Events = None,
    validation: Validation = None,
    detector: HitsToUse = None,
    max_events: MaxEvents = None,
    module_map: Map = None,
    teacher: TeacherFolder = None,
    teacher_cache: TeacherCache = None,
    float_from: Annotated[
        Path | None, typer.Option(help="Begin with the float network of this run.")
    ] = None,
    amp: Amp = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run; an interrupted run there goes on.")
    ] = None,
    float_epochs: Annotated[int | None, typer.Option(help="Epochs of float pre-training.")] = None,
    qat_epochs: Annotated[
        int | None,
        typer.Option(help="Epochs of quantization-aware training; 0: quantize after training."),
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Largest step of the float training.")
    ] = None,
    qat_learning_rate: Annotated[
        float | None, typer.Option(help="Largest step of the quantization-aware training.")
    ] = None,
    batch_edges: Annotated[
        int | None, typer.Option(help="Edges of a sector, about, each a batch.")
    ] = None,
    sectors_per_step: Annotated[
        int | None,
        typer.Option(help="Sectors of a step, which the ranks of torchrun share out."),
    ] = None,
    batch_norm: Annotated[
        bool | None, typer.Option(help="Batch norm in the float training, folded afterwards.")
    ] = None,
    sparsity: Annotated[
        float | None, typer.Option(help="Share of the weights that pruning sets to zero.")
    ] = None,
    prune: Annotated[
        str | None, typer.Option(help="What pruning removes: weight or unit (hidden units).")
    ] = None,
    soft_scores: Annotated[
        float | None, typer.Option(help="Share of the loss from the teacher's edge scores.")
    ] = None,
    features: Annotated[
        float | None, typer.Option(help="Weight of the teacher's edge states in the loss.")
    ] = None,
    monitored: Annotated[
        int | None, typer.Option(help="Validation events scored after every epoch.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed and threads, same model.")] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads of PyTorch.")] = None,
) -> None:
    """Train the quantized network; report on held-out events."""
    from fpga_gnn.training.config import Runtime, TrainingConfig
    from fpga_gnn.training.distillation import Distiller
    from fpga_gnn.training.distributed import process_group
    from fpga_gnn.training.pipeline import TrainingProgress, train_run

    contract = load_contract(config_name(bits, config))
    options = {
        "seed": seed,
        "float_epochs": float_epochs,
        "qat_epochs": qat_epochs,
        "learning_rate": learning_rate,
        "qat_learning_rate": qat_learning_rate,
        "batch_edges": batch_edges,
        "sectors_per_step": sectors_per_step,
        "batch_norm": batch_norm,
        "sparsity": sparsity,
        "prune": prune,
        "soft_scores": soft_scores,
        "features": features,
        "monitored": monitored,
        "threads": threads,
    }
    settings = checked(TrainingConfig, options, "train")
    folder = out or Path("runs") / f"{contract.name}-seed{settings.seed}"
    data = training_events("train", events, validation, detector, max_events)
    distiller = None
    if teacher:
        cache = teacher_cache or folder / "teacher"
        runtime = Runtime(amp=amp, threads=settings.threads)
        distiller = Distiller(teacher_folder(teacher), cache, runtime)
    elif soft_scores is not None or features is not None:
        found = "--soft-scores or --features without --teacher"
        raise InputError("train", found, "--teacher TEACHER or --teacher shipped")
    out_line = console().print
    with (
        process_group("cpu"),
        progress_bars("graphs", "steps", "cuts") as (graphs, steps, cuts),
    ):
        learned = training_map(module_map, contract, settings, data, shipped=not events)
        total = settings.float_epochs + settings.qat_epochs
        done = 0

        def show(row: dict[str, Any]) -> None:
            nonlocal done
            done += 1
            if done % max(total // 20, 1) == 0 or done == total:
                out_line(epoch_line(row))

        run = train_run(
            contract,
            settings,
            data,
            learned,
            folder,
            distiller=distiller,
            start=float_from,
            progress=TrainingProgress(graphs=graphs, steps=steps, epoch=show, cuts=cuts),
        )
    for line in (
        events_line(data),
        *clipped_lines(run.info.clipped),
        *working_point_lines(run.info.builders),
    ):
        out_line(line)
    part = "test" if data.test else "validation"
    out_line(f"{'held-out' if data.test else part} {quality_line(run.info.quality[part])}")
    out_line(f"saved {folder}; next: fpga-gnn synth --board u250 --model {folder}")


def config_name(bits: str | None, config: str | None) -> str:
    """Return the quant config that --bits or --config names; w8 without either."""
    if bits is None:
        return config or "w8"
    if config is not None:
        raise InputError("train", "--bits and --config", "one of them")
    if not bits.isdecimal():
        raise InputError("--bits", bits, "a whole number of bits, for example 8")
    return f"w{int(bits)}"
