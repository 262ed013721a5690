"""What a command reads of an event store: some of its events, some of the detector's hits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fpga_gnn.errors import InputError
from fpga_gnn.events.acts_detector import PIXEL_VOLUMES
from fpga_gnn.events.event import Event
from fpga_gnn.events.store import EventStore

Detector = Literal["pixel", "full"]
"""The hits of the pixel volumes of the TrackML detector, or all hits."""


def restrict(event: Event, detector: Detector) -> Event:
    """Return ``event`` with the hits of ``detector``."""
    if detector == "full":
        return event
    return event.select_hits(np.isin(event.hits.volume_id, PIXEL_VOLUMES))


def detector_of(module_keys: NDArray[np.int64]) -> Detector:
    """Return the smallest detector that has all of these sensors (``Hits.module_key``)."""
    return "pixel" if np.isin(module_keys >> 40, PIXEL_VOLUMES).all() else "full"


@dataclass(frozen=True)
class EventView:
    """Events ``ids`` of ``store``, read one at a time with the hits of ``detector``."""

    store: EventStore
    ids: tuple[int, ...]
    detector: Detector

    @classmethod
    def of(cls, store: EventStore, detector: Detector, n: int | None = None) -> EventView:
        """View the first ``n`` events, all for None; ``InputError`` if there are fewer."""
        if n is not None and n > len(store):
            raise InputError(store.path, f"{len(store)} events", f"at least {n}")
        return cls(store, store.event_ids[:n], detector)

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Event]:
        return (self.read(event_id) for event_id in self.ids)

    def read(self, event_id: int) -> Event:
        """Read one event."""
        return restrict(self.store.read(event_id), self.detector)

    @property
    def record(self) -> dict[str, Any]:
        """What a training keeps of the events it saw."""
        return {
            "origin": self.store.origin,
            "detector": self.detector,
            "ids": list(self.ids),
            "sha256": self.hashes,
        }

    @property
    def hashes(self) -> list[str]:
        """SHA-256 of the hits files, in the order of ``ids``."""
        known = {record.event_id: record.hits_sha256 for record in self.store.records}
        return [known[event_id] for event_id in self.ids]
