"""Which events a report is about."""

from __future__ import annotations

from fpga_gnn.errors import printable
from fpga_gnn.events.store import MANIFEST
from fpga_gnn.events.view import EventView
from fpga_gnn.files import sha256_of
from fpga_gnn.report.evaluation import SampleFigure


def sample_figure(view: EventView) -> SampleFigure:
    """Return where the events of ``view`` lie, how they were made, and their manifest's hash."""
    return SampleFigure(
        path=printable(view.store.path),
        origin={**view.store.origin, "view": view.detector},
        event_ids=view.ids,
        manifest_sha256=sha256_of(view.store.path / MANIFEST),
    )
