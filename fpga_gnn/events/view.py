"""What a command reads of an event store: some of its events, some of the detector's hits."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fpga_gnn.errors import InputError
from fpga_gnn.events.acts_detector import PITCHES_MM, PIXEL_VOLUMES
from fpga_gnn.events.event import Event
from fpga_gnn.events.store import EventRecord, EventStore

Detector = Literal["pixel", "full"]
"""The hits of the pixel volumes of the TrackML detector, or all hits of any detector."""


def restrict(event: Event, detector: Detector) -> Event:
    """Return ``event`` with the hits of ``detector``; ``InputError`` as ``select_volumes``."""
    if detector == "full":
        return event
    hint = "--detector full takes the hits of any detector"
    return select_volumes(event, PIXEL_VOLUMES, hint)


def select_volumes(event: Event, volumes: Collection[int], hint: str = "") -> Event:
    """Return ``event`` with the hits in ``volumes``; ``InputError`` if all hits are elsewhere."""
    inside = np.isin(event.hits.volume_id, list(volumes))
    if len(event.hits) and not inside.any():
        found, wanted = (
            ", ".join(map(str, sorted(ids)))
            for ids in (set(event.hits.volume_id.tolist()), volumes)
        )
        expected = f"some in volumes {wanted}"
        raise InputError(f"event {event.event_id}", f"hits in volumes {found}", expected, hint)
    return event.select_hits(inside)


def is_trackml(event: Event) -> bool:
    """Return whether all hits lie in volumes of the TrackML detector (the ACTS Generic one)."""
    return bool(np.isin(event.hits.volume_id, list(PITCHES_MM)).all())


def default_detector(store: EventStore) -> Detector:
    """Return what a training uses unless told: the pixel of the TrackML detector, all of another.

    The first event tells; an empty store counts as TrackML's.
    """
    first = store.event_ids[:1]
    return "pixel" if all(is_trackml(store.read(event_id)) for event_id in first) else "full"


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

    def without(self, hashes: Collection[str]) -> EventView:
        """Return the view of the events whose hash (``EventView.hashes``) is none of ``hashes``."""
        kept = (i for i, sha256 in zip(self.ids, self.hashes, strict=True) if sha256 not in hashes)
        return EventView(self.store, tuple(kept), self.detector)

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
    def records(self) -> list[EventRecord]:
        """The store's records, in the order of ``ids``."""
        known = {record.event_id: record for record in self.store.records}
        return [known[event_id] for event_id in self.ids]

    @property
    def hashes(self) -> list[str]:
        """SHA-256 of the hits files, in the order of ``ids``."""
        return [record.hits_sha256 for record in self.records]


def recorded_hashes(record: object) -> frozenset[str]:
    """Return the hashes in every ``EventView.record`` that ``record`` is or holds, at any depth."""
    if isinstance(record, Mapping):
        own = record.get("sha256", ())
        return frozenset(own).union(*map(recorded_hashes, record.values()))
    if isinstance(record, list | tuple):
        return frozenset().union(*map(recorded_hashes, record))
    return frozenset()
