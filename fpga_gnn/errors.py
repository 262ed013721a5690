"""Errors that reach the user as one line: what was found, what was expected, what to run next."""

from __future__ import annotations


class FpgaGnnError(Exception):
    """Base of every error the command line prints as one line; exits with ``exit_code``."""

    exit_code = 1


class InputError(FpgaGnnError):
    """A file, option or configuration given by the user is wrong."""

    exit_code = 2

    def __init__(self, where: object, found: object, expected: object, hint: str = "") -> None:
        self.where, self.found, self.expected, self.hint = str(where), found, expected, hint
        text = f"{where}: found {found}, expected {expected}"
        super().__init__(f"{text}; {hint}" if hint else text)


class ToolMissingError(FpgaGnnError):
    """A program or optional package that the requested step needs is not installed."""

    exit_code = 2


class ToolFailedError(FpgaGnnError):
    """A program ran and failed; the message names its log."""


class DeviceError(FpgaGnnError):
    """A card refused, failed, or did not answer in time."""


class CapacityError(FpgaGnnError):
    """More hits, edges or doublets than a kernel or partition has slots for."""


class MismatchError(FpgaGnnError):
    """Two rungs of the verification ladder disagree in ``n_different`` values."""

    def __init__(self, message: str, n_different: int) -> None:
        self.n_different = n_different
        super().__init__(message)
