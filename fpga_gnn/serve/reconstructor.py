"""A loaded backend that answers batches of events; every server runs this."""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch

from fpga_gnn.errors import CapacityError, InputError
from fpga_gnn.events.event import Event
from fpga_gnn.events.sample import sample_store
from fpga_gnn.flows.backends import (
    Backend,
    build_design,
    open_backend,
    require_builder,
    require_no_xclbin,
)
from fpga_gnn.flows.track_finding import FoundTracks, find_tracks
from fpga_gnn.serve.config import ReconstructorConfig
from fpga_gnn.serve.protocol import EventTracks
from fpga_gnn.training.run import load_run

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
"""Parameters of ``mallopt`` in glibc's malloc.h."""

Answer = EventTracks | InputError | CapacityError
"""What the service makes of an event: its tracks, or why the event is refused."""


@dataclass(frozen=True, eq=False)
class Reconstructor:
    """Finds the tracks that ``fpga-gnn reconstruct`` finds, in one thread."""

    backend: Backend
    builder: str

    @classmethod
    def load(cls, config: ReconstructorConfig, folder: Path) -> Self:
        """Build the design of csim or rtl in ``folder``, then ``open`` it."""
        return cls.open(config, build_design(config.backend, load_run(config.model), folder))

    @classmethod
    def open(cls, config: ReconstructorConfig, design: Path | None) -> Self:
        """Load all that an event needs; ``design`` is what ``flows.backends.build_design`` made.

        Raises ``InputError`` for a wrong configuration and ``ToolMissingError`` without compiler,
        XRT or card.
        """
        require_no_xclbin(config.xclbin, config.backend)
        torch.set_num_threads(1)
        _keep_memory()
        backend = open_backend(config.backend, load_run(config.model), design, config.xclbin)
        require_builder(config.builder, backend)
        loaded = cls(backend, config.builder)
        loaded.find([sample_store().read(0)])  # numba compiles, libraries load
        return loaded

    def find(self, events: Sequence[Event]) -> tuple[list[Answer], dict[str, float]]:
        """Return the answer to each of ``events`` and the seconds of each of ``STAGES``.

        Events are scored together, unless one of them is refused.
        """
        try:
            found, seconds = find_tracks(self.backend, self.builder, events)
        except (InputError, CapacityError) as error:
            if len(events) == 1:
                return [error], {}
        else:
            return [_answer(one) for one in found], seconds
        answers: list[Answer] = []
        total: Counter[str] = Counter()
        for event in events:
            one, seconds = self.find([event])
            answers += one
            total.update(seconds)
        return answers, dict(total)


def _keep_memory() -> None:
    """Have glibc keep what is freed: the next event needs it again, and pages that go back to the
    kernel cost a third of the time of an event at pile-up 200."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_MMAP_MAX, 0)
        libc.mallopt(_M_TRIM_THRESHOLD, (1 << 31) - 1)


def _answer(found: FoundTracks) -> EventTracks:
    track = np.empty(found.labels.size, dtype=np.int64)
    track[found.built.hits.rows] = found.labels
    return EventTracks(
        track_id=track,
        unmapped_hits=found.built.hits.n_unmapped,
        edges=found.built.graph.n_edges,
        saturated_features=found.built.graph.n_saturated,
        unplaced_edges=found.scored.unplaced.size,
    )
