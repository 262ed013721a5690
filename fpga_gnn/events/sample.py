"""The events shipped with the package; ``sim/make_sample.py`` makes them."""

from __future__ import annotations

from fpga_gnn.events.store import EventStore
from fpga_gnn.resources import data_dir

TRAIN_IDS = tuple(range(7))
VALIDATION_IDS = (7,)
TEST_IDS = (8, 9)
"""Ids of ``sample_store`` to train on, to choose settings on, and to report results on."""


def sample_store() -> EventStore:
    """Open the miniature data set: whole ttbar events with pile-up 20, pixel hits."""
    return EventStore.open(data_dir() / "events")


def map_store() -> EventStore:
    """Open the module-map sample: the particles above 0.9 GeV of events with pile-up 200.

    Independent of ``sample_store``: all its events may be learned from.
    """
    return EventStore.open(data_dir() / "map_events")
