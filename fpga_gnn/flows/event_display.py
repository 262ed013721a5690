"""An event through the pipeline, with its truth, as the page of a run shows it."""

from __future__ import annotations

import numpy as np

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.events.event import Event
from fpga_gnn.events.targets import hit_particles, hits_per_particle
from fpga_gnn.events.view import detector_of
from fpga_gnn.flows.backends import TorchBackend
from fpga_gnn.flows.track_finding import find_tracks
from fpga_gnn.graphs.truth import label_edges, truth_segments
from fpga_gnn.report.page.event import (
    FAKE,
    OTHER,
    TARGET,
    DisplayEdges,
    DisplayHits,
    DisplayParticles,
    DisplayTracks,
    EventDisplay,
)
from fpga_gnn.tracks.builder import tracks_of
from fpga_gnn.tracks.candidates import Tracks
from fpga_gnn.tracks.metrics import match_tracks
from fpga_gnn.training.run import Run

_EVEN_ODDS = 0.5
"""Cut on the edge probability that is shown for builders that have several."""


def event_display(run: Run, event: Event, builder: str, sample: str) -> EventDisplay:
    """Take ``event`` through the pipeline in PyTorch and return all that the display shows."""
    (found,), _ = find_tracks(TorchBackend(run), builder, [event])
    selection, graph = run.info.training.selection, found.built.graph
    rows, hits = found.built.hits.rows, event.hits
    tracks = tracks_of(found.labels, rows)
    match = match_tracks(event, tracks, selection)
    labels = label_edges(event, selection, rows, graph.src, graph.dst)
    truth = np.where(labels.target, TARGET, np.where(labels.ignored, OTHER, FAKE))
    settings = run.info.builders[builder].settings
    kept = np.flatnonzero(hits_per_particle(event))
    new_row = np.full(len(event.particles) + 1, -1, dtype=np.int64)
    new_row[kept] = np.arange(kept.size)
    particles = event.particles.take(kept)
    segments = truth_segments(event, selection)
    return EventDisplay(
        event_id=event.event_id,
        sample=sample,
        detector=detector_of(run.module_map.modules),
        n_candidates=found.built.n_candidates,
        hits=DisplayHits(
            *(getattr(hits, axis).astype(np.float64) for axis in "xyz"),
            hit_id=hits.hit_id,
            volume=hits.volume_id.astype(np.int64),
            layer=hits.layer_id.astype(np.int64),
            module=hits.module_id.astype(np.int64),
            particle=new_row[hit_particles(event)],
        ),
        edges=DisplayEdges(
            src=rows[graph.src],
            dst=rows[graph.dst],
            score=found.scored.scores,
            truth=truth,
            format=run.grid.score,
            cut=run.grid.cut(settings.get("cut", _EVEN_ODDS)),
        ),
        tracks=DisplayTracks(
            builder=builder,
            start=tracks.start,
            hits=_from_inside_out(event, tracks),
            matched=new_row[match.matched],
        ),
        particles=DisplayParticles(
            particle_id=particles.particle_id,
            pdg_id=particles.pdg_id.astype(np.int64),
            pt=particles.pt,
            eta=particles.eta,
            target=match.target[kept],
            found=match.found[kept],
            inner=segments.inner[segments.target],
            outer=segments.outer[segments.target],
        ),
    )


def _from_inside_out(event: Event, tracks: Tracks) -> Int64:
    hits = event.hits
    distance = np.hypot(np.hypot(hits.x, hits.y), hits.z)[tracks.hits]
    return tracks.hits[np.lexsort((distance, tracks.track))]
