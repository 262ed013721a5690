"""Errors that reach the user as one line: what was found, what was expected, what to run next."""

from __future__ import annotations

import copyreg
from typing import Any

_LONGEST = 1000
"""Characters of each part of a message: what was found may be a whole file."""


class FpgaGnnError(Exception):
    """Base of every error the command line prints as one line; exits with ``exit_code``."""

    exit_code = 1

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what a pickle holds; ``__init__``, which makes the text, is not called again."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class InputError(FpgaGnnError):
    """A file, option or configuration given by the user is wrong."""

    exit_code = 2

    def __init__(self, where: object, found: object, expected: object, hint: str = "") -> None:
        self.where, self.found, self.expected, self.hint = str(where), found, expected, hint
        where, found, expected = (_short(printable(part)) for part in (where, found, expected))
        text = f"{where}: found {found}, expected {expected}"
        super().__init__(f"{text}; {hint}" if hint else text)


class ToolMissingError(FpgaGnnError):
    """A program or optional package that the requested step needs is not installed."""

    exit_code = 2


class ToolFailedError(FpgaGnnError):
    """A program ran and failed; the message names its log."""


class WorkerDiedError(FpgaGnnError):
    """A task ended every process that tried it."""


class DeviceError(FpgaGnnError):
    """A card refused, failed, or did not answer in time."""


class CapacityError(FpgaGnnError):
    """More hits, edges or doublets than a kernel or partition has slots for."""


class MismatchError(FpgaGnnError):
    """Two rungs of the verification ladder disagree in ``n_different`` values."""

    def __init__(self, message: str, n_different: int) -> None:
        self.n_different = n_different
        super().__init__(message)


def printable(text: object) -> str:
    """Return ``text`` as one line that cannot command a terminal."""
    return "".join(c if c.isprintable() else "?" for c in str(text).replace("\n", " "))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
