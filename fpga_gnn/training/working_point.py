"""Choose the score cut on validation events."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.events.targets import TargetSelection
from fpga_gnn.tracks.builder import build_tracks
from fpga_gnn.tracks.candidates import Tracks
from fpga_gnn.tracks.metrics import TrackSummary, match_tracks, summarize
from fpga_gnn.training.data import LabelledGraph

_N_CUTS = 33


def track_quality(
    graphs: Sequence[LabelledGraph],
    scores: Sequence[Int64],
    cut: int,
    min_hits: int,
    selection: TargetSelection,
) -> TrackSummary:
    """Build tracks from ``scores`` at ``cut`` and summarize them over ``graphs``."""
    return summarize(
        match_tracks(
            g.event, Tracks.from_labels(build_tracks(g.event_graph, s, cut, min_hits)), selection
        )
        for g, s in zip(graphs, scores, strict=True)
    )


def choose_cut(
    graphs: Sequence[LabelledGraph],
    scores: Sequence[Int64],
    min_hits: int,
    selection: TargetSelection,
) -> int:
    """Return the integer cut that maximises efficiency x (1 - fake rate); lowest on ties."""
    every = np.concatenate(scores)
    cuts = np.unique(np.linspace(every.min(), every.max(), _N_CUTS).astype(np.int64))

    def figure(cut: int) -> float:
        quality = track_quality(graphs, scores, cut, min_hits, selection)
        return float(np.nan_to_num(quality.efficiency * (1 - quality.fake_rate)))

    return max((int(cut) for cut in cuts), key=lambda cut: (figure(cut), -cut))
