"""Commands that have subcommands."""

from __future__ import annotations

import typer


def command_group(help: str) -> typer.Typer:
    """Return a group of commands that, called without one, shows its help."""
    app = typer.Typer(help=help)

    @app.callback(invoke_without_command=True, help=help)
    def _show_help(context: typer.Context) -> None:
        if context.invoked_subcommand is None:
            typer.echo(context.get_help())

    return app
