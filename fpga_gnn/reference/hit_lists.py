"""Track candidates as lists of nodes: what the track-building kernels write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fpga_gnn.contract.fixed_point import Int64


@dataclass(frozen=True, eq=False)
class HitLists:
    """T track candidates of one graph; track ``t`` has ``nodes[start[t]:start[t + 1]]``, from its
    first node to its last.

    ``start`` [T + 1] int64, rising from 0; ``nodes`` [K] int64, each node at most once.
    """

    start: Int64
    nodes: Int64

    @classmethod
    def of(cls, tracks: Sequence[Sequence[int]]) -> HitLists:
        """Return the tracks of a list of nodes each."""
        start = np.cumsum([0, *map(len, tracks)], dtype=np.int64)
        return cls(start, np.array([node for track in tracks for node in track], dtype=np.int64))

    def __len__(self) -> int:
        return int(self.start.size) - 1

    def labels(self, n_nodes: int) -> Int64:
        """Return the track of each node [N], -1 for none; tracks are numbered by smallest node."""
        track = np.repeat(np.arange(len(self)), np.diff(self.start))
        lowest = np.full(len(self), n_nodes, dtype=np.int64)
        np.minimum.at(lowest, track, self.nodes)
        number = np.empty(len(self), dtype=np.int64)
        number[np.argsort(lowest)] = np.arange(len(self))
        labels = np.full(n_nodes, -1, dtype=np.int64)
        labels[self.nodes] = number[track]
        return labels
