"""The ``fpga-gnn`` command: joins the subcommands and turns errors into one line."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from fpga_gnn import __version__
from fpga_gnn.cli import (
    benchmark,
    benchmark_serve,
    bless,
    demo,
    doctor,
    estimate,
    evaluate,
    export,
    header,
    import_,
    metric_learning,
    module_map,
    partitions,
    reconstruct,
    report,
    reshape,
    samples,
    serve,
    simulate,
    sweep,
    synth,
    train,
    train_teacher,
    validate,
    yosys,
)
from fpga_gnn.errors import FpgaGnnError, InputError
from fpga_gnn.training import torchrun

_PANELS: dict[str, dict[str, Callable[..., None] | typer.Typer]] = {
    "Start": {"demo": demo.demo, "doctor": doctor.doctor},
    "Data": {
        "simulate": simulate.simulate,
        "samples": samples.app,
        "import": import_.app,
        "export": export.app,
    },
    "Graphs": {
        "module-map": module_map.app,
        "metric-learning": metric_learning.app,
        "partitions": partitions.partitions,
    },
    "Training": {
        "train-teacher": train_teacher.train_teacher,
        "train": train.train,
        "sweep": sweep.sweep,
        "reshape": reshape.reshape,
    },
    "Physics": {
        "evaluate": evaluate.evaluate,
        "reconstruct": reconstruct.reconstruct,
        "benchmark": benchmark.benchmark,
    },
    "Hardware": {
        "estimate": estimate.estimate,
        "synth": synth.synth,
        "validate": validate.validate,
        "yosys": yosys.yosys,
        "bless": bless.bless,
    },
    "Service": {"serve": serve.serve, "benchmark-serve": benchmark_serve.benchmark_serve},
    "Tools": {"report": report.report, "header": header.header},
}
"""All commands, in the order of work."""


class _Root(TyperGroup):
    """Lists the commands in their panels."""

    def format_commands(self, ctx: typer.Context, formatter: Any) -> None:
        width = max(map(len, self.commands))
        for panel, names in _PANELS.items():
            short = {
                name: self.commands[name].get_short_help_str(formatter.width - 6 - width)
                for name in names
            }
            with formatter.section(panel):
                formatter.write_dl([(name.ljust(width), text) for name, text in short.items()])


app = typer.Typer(
    name="fpga-gnn",
    cls=_Root,
    help="Particle-tracking graph neural networks from training to FPGA firmware.",
    rich_markup_mode=None,
)
for _commands in _PANELS.values():
    for _name, _command in _commands.items():
        if isinstance(_command, typer.Typer):
            app.add_typer(_command, name=_name)
        else:
            app.command(_name)(_command)


_INTERRUPTED = 130
"""Exit code that typer makes of Ctrl-C."""

_OF_MANY_RANKS = ("train", "train-teacher")


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version."),
) -> None:
    if version:
        typer.echo(__version__)
    elif context.invoked_subcommand is None:
        typer.echo(context.get_help())
    elif torchrun.ranks() > 1 and context.invoked_subcommand not in _OF_MANY_RANKS:
        found = f"{torchrun.ranks()} ranks (WORLD_SIZE)"
        expected = f"one process; only {' and '.join(_OF_MANY_RANKS)} take more"
        raise InputError(context.invoked_subcommand, found, expected)


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
    if torchrun.rank() > 0:
        torchrun.give_way()
        message = f"rank {torchrun.rank()}: {message}"
    print(f"fpga-gnn: error: {message}", file=sys.stderr)
    sys.exit(code)
