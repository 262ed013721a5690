"""Events per second and latency of the kernels on one board, from cycles per event."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from fpga_gnn import __version__
from fpga_gnn.report.summary import Label
from fpga_gnn.report.table import aligned

A100_MS = {"module map": 69.0, "edge classifier": 323.0, "track building": 118.0}
"""GNN4ITk on an A100, pile-up 200, full ITk detector: ATLAS at CHEP 2024 (talk), its own events and
its own, larger network."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class KernelCycles(_Value):
    """Mean ``cycles`` of an event in one of ``copies`` of a kernel that share the work."""

    kernel: str
    cycles: float = Field(ge=0)
    copies: int = Field(ge=1)
    label: Label

    @property
    def event_cycles(self) -> float:
        """Cycles of an event with the work shared evenly."""
        return self.cycles / self.copies


class Throughput(_Value):
    """Kernels that work on successive events at the same time, at the target clock ``clock_mhz``.

    ``events`` events of ``hits`` and ``edges`` on average; ``cpu_ms`` is the same pipeline in
    PyTorch and numba on one core of this machine. The hashes are of the contract and of the integer
    network; None in older reports.
    """

    schema_version: Literal[1] = 1
    version: str = __version__
    contract_sha256: str | None = None
    network_sha256: str | None = None
    clock_mhz: float = Field(gt=0)
    events: int = Field(ge=1)
    hits: float
    edges: float
    kernels: tuple[KernelCycles, ...] = Field(min_length=1)
    cpu_ms: dict[str, float]

    @property
    def latency_ms(self) -> float:
        """Time of one event through all kernels, one after the other."""
        return sum(map(self.milliseconds, self.kernels))

    @property
    def slowest(self) -> KernelCycles:
        """The kernel that limits the throughput."""
        return max(self.kernels, key=lambda kernel: kernel.event_cycles)

    @property
    def events_per_s(self) -> float:
        """Events per second once all kernels are busy."""
        return 1000 / self.milliseconds(self.slowest)

    def milliseconds(self, kernel: KernelCycles) -> float:
        """Time of an event in ``kernel``."""
        return kernel.event_cycles / (1000 * self.clock_mhz)


def throughput_lines(found: Throughput) -> list[str]:
    """Return the table as text: kernels, then the board, the CPU and an A100 beside it."""
    rows = [["kernel", "copies", "cycles/event", "cycles/edge", "ms/event", ""]]
    rows += [
        [
            kernel.kernel,
            f"{kernel.copies}",
            f"{kernel.event_cycles:,.0f}",
            f"{kernel.event_cycles / max(found.edges, 1):.2f}",
            f"{found.milliseconds(kernel):.3f}",
            f"[{kernel.label}]",
        ]
        for kernel in found.kernels
    ]
    labels = sorted({kernel.label for kernel in found.kernels})
    return [
        f"{found.events} events, {found.hits:,.0f} hits and {found.edges:,.0f} edges on average; "
        f"kernels at the target clock of {found.clock_mhz:g} MHz, which nothing has confirmed",
        *aligned(rows),
        f"board: {found.latency_ms:.3f} ms per event, {found.events_per_s:,.0f} events/s, limited "
        f"by the {found.slowest.kernel} [{', '.join(labels)}]",
        f"this CPU, one core: {_beside(found.cpu_ms)}",
        f"A100 (GNN4ITk, CHEP 2024, ITk at pile-up 200): {_beside(A100_MS)}; about 10 events/s",
    ]


def _beside(times: dict[str, float]) -> str:
    return ", ".join(f"{name} {ms:,.0f} ms" for name, ms in times.items())
