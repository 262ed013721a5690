"""``fpga-gnn train``: quantization-aware training of the edge classifier."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fpga_gnn.cli.output import console, epoch_line, quality_line
from fpga_gnn.cli.progress import progress_bar, progress_bars
from fpga_gnn.cli.settings import checked
from fpga_gnn.contract import load_contract
from fpga_gnn.errors import InputError
from fpga_gnn.events.store import EventStore
from fpga_gnn.training.config import TrainingConfig

_DEFAULTS = TrainingConfig()


def train(
    bits: Annotated[
        str | None, typer.Option(help="Weight and activation bits: the quant config wBITS.")
    ] = None,
    config: Annotated[
        str | None, typer.Option(help="Quant config instead of --bits: a name or a YAML file.")
    ] = None,
    events: Annotated[
        Path | None, typer.Option(help="Event store; default: the shipped miniature set.")
    ] = None,
    module_map: Annotated[
        Path | None,
        typer.Option(help="Module map; default: learned from the training events, by layer."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run; an interrupted run there goes on.")
    ] = None,
    float_epochs: Annotated[
        int, typer.Option(help="Epochs of float pre-training.")
    ] = _DEFAULTS.float_epochs,
    qat_epochs: Annotated[
        int, typer.Option(help="Epochs of quantization-aware training.")
    ] = _DEFAULTS.qat_epochs,
    learning_rate: Annotated[
        float, typer.Option(help="Adam step size at the start.")
    ] = _DEFAULTS.learning_rate,
    seed: Annotated[int, typer.Option(help="Same seed and threads, same model.")] = _DEFAULTS.seed,
    threads: Annotated[int, typer.Option(help="CPU threads of PyTorch.")] = _DEFAULTS.threads,
) -> None:
    """Train the quantized interaction network and report its quality on held-out events."""
    from fpga_gnn.events.sample import map_store, sample_store
    from fpga_gnn.graphs.module_map_store import load_module_map
    from fpga_gnn.training.pipeline import learn_training_map, train_run

    contract = load_contract(config_name(bits, config))
    options = {
        "seed": seed,
        "float_epochs": float_epochs,
        "qat_epochs": qat_epochs,
        "learning_rate": learning_rate,
        "threads": threads,
    }
    settings = checked(TrainingConfig, options, "train")
    store = EventStore.open(events) if events else sample_store()
    folder = out or Path("runs") / f"{contract.name}-seed{seed}"
    out_line = console().print
    if module_map:
        learned = load_module_map(module_map, contract)
    else:
        with progress_bar("module map") as progress:
            extra = None if events else map_store()
            learned = learn_training_map(contract, settings, store, extra, progress)
    with progress_bars("graphs", "training") as (building, bar):
        total = settings.float_epochs + settings.qat_epochs
        done = 0

        def show(row: dict[str, Any]) -> None:
            nonlocal done
            done += 1
            bar(done, total)
            if done % max(total // 20, 1) == 0 or done == total:
                out_line(epoch_line(row))

        run = train_run(
            contract, settings, store, learned, folder, building=building, training=show
        )
    out_line(f"score cut {run.info.score_cut}, chosen on validation events")
    out_line(f"held-out {quality_line(run.info.quality['test'])}")
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
