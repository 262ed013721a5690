"""Why a request gets no tracks: each reason has its HTTP status and its name in the metrics."""

from __future__ import annotations

from typing import ClassVar, Literal

from fpga_gnn.errors import CapacityError, FpgaGnnError, InputError

Outcome = Literal["answered", "refused", "saturated", "late", "failed"]
"""What became of a request."""


class ServiceError(FpgaGnnError):
    """The service failed; the same request may be sent again."""

    status: ClassVar[int] = 500
    outcome: ClassVar[Outcome] = "failed"


class RefusedError(ServiceError):
    """An event cannot be reconstructed; it never will."""

    status, outcome = 400, "refused"


class NotFoundError(ServiceError):
    """There is no such model or version."""

    status, outcome = 404, "refused"


class TooLargeError(ServiceError):
    """A request has more bytes than the limit."""

    status, outcome = 413, "refused"


class SaturatedError(ServiceError):
    """As many requests as the queue takes are in flight."""

    status, outcome = 503, "saturated"


class InstanceLostError(ServiceError):
    """The process that worked on the request died or hung."""

    status, outcome = 503, "failed"


class LateError(ServiceError):
    """The request took longer than the time-out."""

    status, outcome = 504, "late"


def status_of(error: FpgaGnnError) -> int:
    """Return the HTTP status of ``error``: 4xx if the request is at fault, else 5xx."""
    if isinstance(error, (InputError, CapacityError)):
        return RefusedError.status
    return error.status if isinstance(error, ServiceError) else ServiceError.status


def outcome_of(error: FpgaGnnError) -> Outcome:
    """Return what became of a request that ended with ``error``."""
    if isinstance(error, (InputError, CapacityError)):
        return RefusedError.outcome
    return error.outcome if isinstance(error, ServiceError) else ServiceError.outcome
