"""The list of HLS kernels, ``hls/kernels.yaml``, as frozen values."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from fpga_gnn.contract import read_yaml
from fpga_gnn.resources import resource_dir


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Kernel(_Section):
    """One kernel: its top function and the files, relative to ``hls/``, that hold the top, the C
    bridge for tests, the self-checking bench and the bench's golden vectors."""

    top: str
    source: str
    bridge: str
    bench: str
    golden: str


class Composition(_Section):
    """Kernels joined to one dataflow with the edge classifier of a written hls4ml project."""

    top: str
    source: str
    bridge: str


class KernelList(_Section):
    """Every kernel with the common include folders and host compiler flags."""

    include: list[str]
    cxxflags: list[str]
    kernels: dict[str, Kernel] = Field(min_length=1)
    compositions: dict[str, Composition]
    binaries: dict[str, list[str]] = Field(min_length=1)
    """Names of the kernels and compositions in each binary for a card."""

    @field_validator("binaries")
    @classmethod
    def _of_known_kernels(
        cls, binaries: dict[str, list[str]], info: ValidationInfo
    ) -> dict[str, list[str]]:
        known = {*info.data.get("kernels", ()), *info.data.get("compositions", ())}
        for name, parts in binaries.items():
            if not parts or not set(parts) <= known:
                raise ValueError(f"{name}: some of {', '.join(sorted(known))}")
        return binaries

    @property
    def tops(self) -> dict[str, Kernel | Composition]:
        """What can be linked, by name."""
        return {**self.kernels, **self.compositions}


def hls_dir() -> Path:
    """Return the folder of the HLS sources."""
    return resource_dir("hls")


def load_kernels() -> KernelList:
    """Read ``hls/kernels.yaml``."""
    return KernelList.model_validate(read_yaml(hls_dir() / "kernels.yaml"))
