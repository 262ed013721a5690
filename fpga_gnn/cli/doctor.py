"""``fpga-gnn doctor``: what is installed here, and what each part enables."""

from __future__ import annotations

from typing import Annotated

import typer

from fpga_gnn.cli.output import console
from fpga_gnn.errors import FpgaGnnError, InputError, ToolMissingError


def doctor(
    require: Annotated[
        str | None,
        typer.Option(help="Parts that must be there, with commas: rtl,sim,g++."),
    ] = None,
    self_test: Annotated[
        bool, typer.Option("--self-test", help="Import the packages, compile and compare a kernel.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List what is installed and what each part enables.

    Exits with 1 if a required part is missing or broken, with 2 if one of --require is.
    """
    from fpga_gnn.hw.doctor import examine
    from fpga_gnn.report.doctor import doctor_lines, lacking_phrase

    found = examine(self_test=self_test)
    asked = [name.strip() for name in (require or "").split(",") if name.strip()]
    known = [check.name for check in found.checks]
    for name in asked:
        if name not in known:
            raise InputError("--require", repr(name), f"one of {', '.join(known)}")
    out_line = console().print
    if as_json:
        typer.echo(found.model_dump_json(indent=1))
    else:
        for line in doctor_lines(found):
            out_line(line)
    if lacking := found.lacking(asked):
        raise ToolMissingError(f"doctor: {lacking_phrase(lacking)}")
    if lacking := found.lacking():
        raise FpgaGnnError(f"doctor: {lacking_phrase(lacking)}")
