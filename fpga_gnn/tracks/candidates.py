"""Track candidates as hit lists: what every builder, the CKF peer and the metrics exchange."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fpga_gnn.contract.fixed_point import Int64


@dataclass(frozen=True, eq=False)
class Tracks:
    """T track candidates of one event; track ``t`` has ``hits[start[t]:start[t + 1]]``.

    ``start`` [T + 1] int64, rising from 0; ``hits`` [K] int64, rows of ``event.hits``, each at most
    once per track. A hit may belong to several tracks (the CKF shares hits, graph builders do not).
    """

    start: Int64
    hits: Int64

    @classmethod
    def from_labels(cls, labels: Int64) -> Tracks:
        """Tracks of a label per hit row [H]: 0..T-1, or -1 for a hit on no track."""
        rows = np.flatnonzero(labels >= 0)
        order = np.argsort(labels[rows], kind="stable")
        start = np.zeros(int(labels.max(initial=-1)) + 2, dtype=np.int64)
        np.cumsum(np.bincount(labels[rows], minlength=start.size - 1), out=start[1:])
        return cls(start, rows[order].astype(np.int64))

    def __len__(self) -> int:
        return int(self.start.size) - 1

    @property
    def n_hits(self) -> Int64:
        """Number of hits of each track [T]."""
        return np.diff(self.start)

    @property
    def track(self) -> Int64:
        """The track of each entry of ``hits`` [K]."""
        return np.repeat(np.arange(len(self)), self.n_hits)

    def take(self, kept: NDArray[np.bool_]) -> Tracks:
        """Return the tracks of a mask [T], in their order."""
        start = np.concatenate([[0], np.cumsum(self.n_hits[kept])]).astype(np.int64)
        return Tracks(start, self.hits[kept[self.track]])
