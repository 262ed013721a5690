"""``fpga-gnn train-teacher``: the float interaction network at full pile-up."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from fpga_gnn.cli.output import console, working_point_lines
from fpga_gnn.cli.progress import progress_bars
from fpga_gnn.cli.settings import checked
from fpga_gnn.cli.training_inputs import HitsToUse
from fpga_gnn.contract import load_contract
from fpga_gnn.errors import InputError
from fpga_gnn.events.store import EventStore
from fpga_gnn.events.view import EventView, default_detector


def train_teacher(
    events: Annotated[list[Path], typer.Option(help="Event store to learn from; repeatable.")],
    validation: Annotated[Path, typer.Option(help="Event store to choose epoch and cuts on.")],
    out: Annotated[Path, typer.Option(help="Folder; an interrupted training there goes on.")],
    module_map: Annotated[
        Path | None, typer.Option(help="Construct graphs with this module map.")
    ] = None,
    metric_learning: Annotated[
        Path | None, typer.Option(help="Construct graphs with this embedding instead.")
    ] = None,
    config: Annotated[str, typer.Option(help="Quant config of the module map.")] = "w8",
    detector: HitsToUse = None,
    max_events: Annotated[
        int | None, typer.Option(min=1, help="Learn from so many events of each store.")
    ] = None,
    max_validation: Annotated[
        int | None, typer.Option(min=1, help="Use so many validation events.")
    ] = None,
    monitored: Annotated[
        int, typer.Option(min=1, help="Validation events scored after every epoch.")
    ] = 2,
    hidden: Annotated[int | None, typer.Option(help="Width of the network, up to 128.")] = None,
    iterations: Annotated[int | None, typer.Option(help="Message-passing steps, up to 8.")] = None,
    mlp_layers: Annotated[int | None, typer.Option(help="Hidden layers of each MLP.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the events.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Largest AdamW step.")] = None,
    partition_edges: Annotated[
        int | None, typer.Option(help="Edges of a partition, each a batch.")
    ] = None,
    halo_hops: Annotated[
        int | None, typer.Option(help="Hops around a partition that give context.")
    ] = None,
    partitions_per_step: Annotated[
        int | None,
        typer.Option(help="Partitions of a step, which the ranks of torchrun share out."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Same seed and threads, same network.")] = None,
    device: Annotated[str, typer.Option(help="PyTorch device: cpu, cuda.")] = "cpu",
    amp: Annotated[bool, typer.Option(help="Matrix products in bfloat16.")] = False,
    compile: Annotated[bool, typer.Option(help="Use torch.compile.")] = False,
    threads: Annotated[int, typer.Option(help="CPU threads of PyTorch.")] = 1,
) -> None:
    """Train the float network and choose its builders' cuts."""
    from fpga_gnn.graphs.construction import GraphConstruction, ModuleMapConstruction
    from fpga_gnn.graphs.module_map_store import load_module_map
    from fpga_gnn.training.config import Runtime, TeacherConfig
    from fpga_gnn.training.construction import Construction, MetricLearningConstruction
    from fpga_gnn.training.distributed import process_group
    from fpga_gnn.training.metric_learning_run import load_metric_learning
    from fpga_gnn.training.teacher_pipeline import TeacherProgress
    from fpga_gnn.training.teacher_pipeline import train_teacher as train

    options = {
        "seed": seed,
        "hidden": hidden,
        "iterations": iterations,
        "mlp_layers": mlp_layers,
        "epochs": epochs,
        "learning_rate": learning_rate,
        "partition_edges": partition_edges,
        "halo_hops": halo_hops,
        "partitions_per_step": partitions_per_step,
    }
    settings = checked(TeacherConfig, options, "train-teacher")
    how = {"device": device, "amp": amp, "compile": compile, "threads": threads}
    runtime = checked(Runtime, how, "train-teacher")
    if (module_map is None) == (metric_learning is None):
        given = "neither" if module_map is None else "both"
        raise InputError("train-teacher", given, "--module-map or --metric-learning")
    stores = [EventStore.open(path) for path in events]
    detector = detector or default_detector(stores[0])
    out_line = console().print
    construction: GraphConstruction
    kind: Construction
    with (
        process_group(device),
        progress_bars("graphs", "steps", "cuts") as (graphs, steps, cuts),
    ):
        if module_map is not None:
            contract = load_contract(config)
            construction = ModuleMapConstruction(
                load_module_map(module_map, contract), contract, device=device
            )
            kind = "module-map"
        else:
            assert metric_learning is not None
            construction = MetricLearningConstruction(load_metric_learning(metric_learning))
            kind = "metric-learning"

        def epoch(row: dict[str, Any]) -> None:
            out_line(
                f"epoch {row['epoch'] + 1:3d}  loss {row['loss']:.4f}  validation AUC "
                f"{row['auc']:.5f}  efficiency {row['efficiency']:.4f}  purity "
                f"{row['purity']:.4f}"
            )

        teacher = train(
            settings,
            runtime,
            construction,
            kind,
            [EventView.of(store, detector, max_events) for store in stores],
            EventView.of(EventStore.open(validation), detector, max_validation),
            out,
            n_monitored=monitored,
            progress=TeacherProgress(graphs=graphs, steps=steps, epoch=epoch, cuts=cuts),
        )
    for line in working_point_lines(teacher.info.builders):
        out_line(line)
    out_line(f"saved {out}; next: fpga-gnn evaluate --model {out} --events TEST_EVENTS")
