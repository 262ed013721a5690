"""The ``fpga-gnn`` command: joins the subcommands and turns errors into one line."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from fpga_gnn import __version__
from fpga_gnn.cli import (
    benchmark,
    bless,
    demo,
    estimate,
    evaluate,
    export,
    header,
    import_,
    metric_learning,
    module_map,
    partitions,
    reconstruct,
    reshape,
    samples,
    simulate,
    sweep,
    synth,
    train,
    train_teacher,
    validate,
    yosys,
)
from fpga_gnn.errors import FpgaGnnError

app = typer.Typer(
    name="fpga-gnn",
    help="Particle-tracking graph neural networks from training to FPGA firmware.",
    rich_markup_mode=None,
)
app.command()(demo.demo)
app.command()(simulate.simulate)
app.add_typer(samples.app, name="samples")
app.add_typer(import_.app, name="import")
app.add_typer(export.app, name="export")
app.add_typer(module_map.app, name="module-map")
app.add_typer(metric_learning.app, name="metric-learning")
app.command()(train.train)
app.command()(sweep.sweep)
app.command("train-teacher")(train_teacher.train_teacher)
app.command()(partitions.partitions)
app.command()(reshape.reshape)
app.command()(reconstruct.reconstruct)
app.command()(evaluate.evaluate)
app.command()(benchmark.benchmark)
app.command()(estimate.estimate)
app.command()(synth.synth)
app.command()(yosys.yosys)
app.command()(bless.bless)
app.command()(validate.validate)
app.command()(header.header)


_INTERRUPTED = 130
"""Exit code that typer makes of Ctrl-C."""


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context, version: bool = typer.Option(False, help="Print the version.")
) -> None:
    if version:
        typer.echo(__version__)
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 bad input or missing tool."""
    try:
        code = app(list(arguments) if arguments is not None else None, standalone_mode=False)
    except FpgaGnnError as error:
        _fail(str(error), error.exit_code)
    except TyperException as error:
        _fail(error.format_message(), error.exit_code)
    except OSError as error:
        _fail(f"{error.filename or 'system'}: {error.strerror}", 2)
    if code == _INTERRUPTED:
        _fail("interrupted; the same command goes on where it stopped", code)
    sys.exit(code)


def _fail(message: str, code: int) -> None:
    print(f"fpga-gnn: error: {message}", file=sys.stderr)
    sys.exit(code)
