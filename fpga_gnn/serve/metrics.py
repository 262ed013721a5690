"""What Prometheus can ask the service."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

from fpga_gnn.serve.failures import Outcome
from fpga_gnn.serve.protocol import EventTracks

_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)
_BATCHES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Counters of one service, all named ``fpga_gnn_...``."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = self._counter("requests", "Requests by outcome", "outcome")
        self._events = self._counter("events", "Events answered")
        self._hits = self._counter("hits", "Hits of answered events")
        self._tracks = self._counter("tracks", "Tracks found")
        self._unmapped = self._counter("unmapped_hits", "Hits on modules that the map lacks")
        self._edges = self._counter("edges", "Edges of the candidate graphs")
        self._saturated = self._counter("saturated_features", "Features clipped by their format")
        self._unplaced = self._counter("unplaced_edges", "Edges that fit no partition")
        self._seconds = self._counter("stage_seconds", "Seconds of work by stage", "stage")
        self._restarts = self._counter("instance_restarts", "Instances lost and started again")
        self._latency = self._histogram("request_seconds", "From arrival to answer", _SECONDS)
        self._batch = self._histogram("batch_events", "Events given to an instance", _BATCHES)
        self._in_flight = self._gauge("requests_in_flight", "Requests admitted, not answered")
        self._instances = self._gauge("instances_ready", "Instances that can take events")

    def text(self) -> bytes:
        """Return all of them in Prometheus's text format."""
        return generate_latest(self._registry)

    def ended(self, outcome: Outcome, seconds: float) -> None:
        """Count a request."""
        self._requests.labels(outcome).inc()
        if outcome == "answered":
            self._latency.observe(seconds)

    def found(self, answers: Iterable[EventTracks], seconds: Mapping[str, float]) -> None:
        """Count what an instance made of a batch."""
        n_events = 0
        for tracks in answers:
            n_events += 1
            self._hits.inc(tracks.track_id.size)
            self._tracks.inc(tracks.tracks_per_event)
            self._unmapped.inc(tracks.unmapped_hits)
            self._edges.inc(tracks.edges)
            self._saturated.inc(tracks.saturated_features)
            self._unplaced.inc(tracks.unplaced_edges)
        self._events.inc(n_events)
        self._batch.observe(n_events)
        for stage, value in seconds.items():
            self._seconds.labels(stage).inc(value)

    def in_flight(self, n: int) -> None:
        """Set how many requests are."""
        self._in_flight.set(n)

    def ready(self, n: int) -> None:
        """Set how many instances are."""
        self._instances.set(n)

    def restarted(self) -> None:
        """Count an instance that was lost."""
        self._restarts.inc()

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"fpga_gnn_{name}", text, labels, registry=self._registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"fpga_gnn_{name}", text, registry=self._registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(f"fpga_gnn_{name}", text, registry=self._registry, buckets=buckets)
