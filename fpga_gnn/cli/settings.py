"""Settings objects from command-line options, with errors of one line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from fpga_gnn.contract import validation_error

_Settings = TypeVar("_Settings", bound=BaseModel)


def checked(kind: type[_Settings], options: Mapping[str, Any], command: str) -> _Settings:
    """Return ``kind(**options)``, options of None left out; ``InputError`` names the wrong one."""
    try:
        return kind(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        raise validation_error(error, command, kind) from None
