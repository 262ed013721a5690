"""The events shipped with the package; ``sim/make_sample.py`` makes them."""

from __future__ import annotations

from fpga_gnn.events.store import EventStore
from fpga_gnn.resources import data_dir


def sample_store() -> EventStore:
    """Open the miniature data set: ten whole ttbar events with pile-up 20, pixel hits.

    ``events.split.split_ids`` makes seven of them training, one validation and two test events.
    """
    return EventStore.open(data_dir() / "events")


def map_store() -> EventStore:
    """Open the module-map sample: the particles above 0.9 GeV of events with pile-up 200.

    Independent of ``sample_store``: all its events may be learned from.
    """
    return EventStore.open(data_dir() / "map_events")
