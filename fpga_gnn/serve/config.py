"""What is served, by how many instances, and when a request is refused."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from fpga_gnn.flows.backend_names import BackendName
from fpga_gnn.resources import data_dir
from fpga_gnn.serve.protocol import Limits


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ReconstructorConfig(_Frozen):
    """The folder of a training run (the shipped one), what runs it, and how its scores become
    tracks."""

    model: Path = data_dir() / "model"
    backend: BackendName = "torch"
    builder: str = "cc-jr"
    xclbin: Path | None = None


class InstancesConfig(_Frozen):
    """``instances`` processes find tracks; so many requests are kept, for so long; see each server.

    ``limits`` bound a request.
    """

    reconstructor: ReconstructorConfig
    instances: int = Field(default=1, ge=1, le=256)
    queue: int = Field(default=64, ge=1)
    timeout_s: float = Field(default=60.0, ge=0.001, le=86_400)
    limits: Limits = Limits()

    @field_validator("instances")
    @classmethod
    def _one_per_card(cls, instances: int, info: ValidationInfo) -> int:
        source = info.data.get("reconstructor")
        if source is not None and source.backend == "board" and instances > 1:
            raise ValueError("1 with the backend board: one process feeds all units of the card")
        return instances


class ServiceConfig(InstancesConfig):
    """How a service treats requests.

    A batch is closed as soon as it has ``max_batch`` events or ``max_delay_ms`` have passed since
    its first request was taken. ``queue`` requests are in flight at most; a request is given up
    ``timeout_s`` after its arrival.
    """

    max_batch: int = Field(default=1, ge=1)
    max_delay_ms: float = Field(default=0.0, ge=0, le=10_000)
    max_request_bytes: int = Field(default=64 << 20, ge=1024, le=(1 << 31) - 1)


class Addresses(_Frozen):
    """Where a service listens; port 0 is any free one."""

    host: str = "127.0.0.1"
    http_port: int = Field(default=8000, ge=0, le=65535)
    grpc_port: int = Field(default=8001, ge=0, le=65535)

    @property
    def http(self) -> str:
        """REST, health and metrics, as a URL."""
        return f"http://{self._host}:{self.http_port}"

    @property
    def grpc(self) -> str:
        """gRPC, as a URL."""
        return f"grpc://{self._host}:{self.grpc_port}"

    @property
    def grpc_target(self) -> str:
        """``host:port`` as gRPC wants it."""
        return f"{self._host}:{self.grpc_port}"

    @property
    def _host(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host
