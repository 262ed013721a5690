"""What a client of the service sends and gets: named arrays to events, tracks to named arrays.

No server and no client library is known here: every server (mlserver, Triton) speaks this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import InputError
from fpga_gnn.events.event import Event, Hits, Particles

MODEL = "fpga-gnn"
"""Name of the model in every server."""

Datatype = Literal["FP32", "INT32", "INT64"]
"""Element types of the KServe v2 protocol that are used."""

DTYPES: dict[Datatype, np.dtype[Any]] = {
    "FP32": np.dtype(np.float32),
    "INT32": np.dtype(np.int32),
    "INT64": np.dtype(np.int64),
}


@dataclass(frozen=True)
class TensorSpec:
    """A one-dimensional tensor with an element per hit (N in all) or per event (B) of a request."""

    name: str
    datatype: Datatype
    per: Literal["hit", "event"]
    optional: bool = False


INPUTS = (
    TensorSpec("x", "FP32", "hit"),
    TensorSpec("y", "FP32", "hit"),
    TensorSpec("z", "FP32", "hit"),
    TensorSpec("volume_id", "INT32", "hit"),
    TensorSpec("layer_id", "INT32", "hit"),
    TensorSpec("module_id", "INT32", "hit"),
    TensorSpec("hits_per_event", "INT64", "event", optional=True),
)
"""Positions in mm (global frame) and sensors as TrackML numbers them, event by event.

Without ``hits_per_event`` all hits are of one event.
"""

OUTPUTS = (
    TensorSpec("track_id", "INT64", "hit"),
    TensorSpec("tracks_per_event", "INT64", "event"),
    TensorSpec("unmapped_hits", "INT64", "event"),
    TensorSpec("edges", "INT64", "event"),
    TensorSpec("saturated_features", "INT64", "event"),
    TensorSpec("unplaced_edges", "INT64", "event"),
)
"""The track of each hit, numbered from 0 in each event, -1 for none; then what each event had.

``unmapped_hits`` lie on modules that the module map does not know, ``saturated_features`` were
clipped to the contract's range, ``unplaced_edges`` fit no partition and were not scored.
"""

HIT_BYTES = sum(DTYPES[spec.datatype].itemsize for spec in INPUTS if spec.per == "hit")
"""Bytes of a hit in a binary request."""


class Limits(BaseModel):
    """The largest request."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_hits: int = Field(default=1_000_000, ge=1)
    max_events: int = Field(default=64, ge=1)


@dataclass(frozen=True, eq=False)
class EventTracks:
    """The answer to one event: ``track_id`` [N] of each hit, -1 for none, and counters."""

    track_id: Int64
    unmapped_hits: int
    edges: int
    saturated_features: int
    unplaced_edges: int

    @property
    def tracks_per_event(self) -> int:
        """Number of tracks."""
        return int(self.track_id.max(initial=-1)) + 1


def decode(arrays: Mapping[str, NDArray[Any]], limits: Limits) -> list[Event]:
    """Return the events of a request, numbered from 0; their hits are numbered from 0 in each.

    Raises ``InputError`` for anything that is not ``INPUTS`` within ``limits``.
    """
    known = [spec.name for spec in INPUTS]
    for name in arrays:
        if name not in known:
            raise InputError("request", f"tensor {name!r}", f"only {', '.join(known)}")
    columns = {}
    for spec in INPUTS:
        if spec.name in arrays:
            columns[spec.name] = _column(arrays[spec.name], spec)
        elif not spec.optional:
            raise InputError("request", f"no tensor {spec.name!r}", ", ".join(known[:-1]))
    per_event = columns.pop("hits_per_event", None)
    n_hits = columns["x"].size
    for name, column in columns.items():
        if column.size != n_hits:
            raise InputError(f"tensor {name!r}", f"{column.size} hits", f"{n_hits} as in 'x'")
    if not 1 <= n_hits <= limits.max_hits:
        raise InputError("request", f"{n_hits} hits", f"1..{limits.max_hits}")
    ends = _ends(per_event, n_hits, limits)
    return [
        _event(event_id, {name: column[first:last] for name, column in columns.items()})
        for event_id, (first, last) in enumerate(zip([0, *ends], ends, strict=False))
    ]


def encode(found: Sequence[EventTracks]) -> dict[str, Int64]:
    """Return the tensors of ``OUTPUTS``, in their order, of a request's events."""
    per_event = [spec.name for spec in OUTPUTS if spec.per == "event"]
    return {
        "track_id": np.concatenate([event.track_id for event in found]),
        **{
            name: np.array([getattr(event, name) for event in found], dtype=np.int64)
            for name in per_event
        },
    }


def request_arrays(events: Sequence[Event]) -> dict[str, NDArray[Any]]:
    """Return the tensors of ``INPUTS`` that a client sends for ``events``."""
    arrays = {
        spec.name: np.concatenate([getattr(event.hits, spec.name) for event in events])
        for spec in INPUTS
        if spec.per == "hit"
    }
    sizes = np.array([len(event.hits) for event in events], dtype=np.int64)
    return {**arrays, "hits_per_event": sizes}


def _column(array: NDArray[Any], spec: TensorSpec) -> NDArray[Any]:
    where, dtype = f"tensor {spec.name!r}", DTYPES[spec.datatype]
    if array.dtype != dtype:
        raise InputError(where, array.dtype, dtype)
    if array.ndim != 1:
        raise InputError(where, f"shape {list(array.shape)}", f"one element per {spec.per}")
    return array


def _ends(per_event: Int64 | None, n_hits: int, limits: Limits) -> list[int]:
    """Return where each event's hits end."""
    if per_event is None:
        return [n_hits]
    where = "tensor 'hits_per_event'"
    if not 1 <= per_event.size <= limits.max_events:
        raise InputError(where, f"{per_event.size} events", f"1..{limits.max_events}")
    bad = np.flatnonzero((per_event < 1) | (per_event > n_hits))
    if bad.size:
        raise InputError(f"{where}[{bad[0]}]", per_event[bad[0]], f"1..{n_hits} hits")
    ends: list[int] = np.cumsum(per_event).tolist()
    if ends[-1] != n_hits:
        raise InputError(where, f"{ends[-1]} hits in all", f"{n_hits} as in 'x'")
    return ends


def _event(event_id: int, columns: Mapping[str, NDArray[Any]]) -> Event:
    n_hits = columns["x"].size
    no_truth = np.zeros(n_hits, dtype=np.int64)
    hits = Hits(hit_id=np.arange(n_hits), particle_id=no_truth, **columns)
    none: dict[str, Any] = {name: np.zeros(0, dtype) for name, dtype in Particles.DTYPES.items()}
    return Event(event_id, hits, Particles(**none))
