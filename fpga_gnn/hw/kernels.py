"""The list of HLS kernels, ``hls/kernels.yaml``, as frozen values."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field

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


def hls_dir() -> Path:
    """Return the folder of the HLS sources."""
    return resource_dir("hls")


def load_kernels() -> KernelList:
    """Read ``hls/kernels.yaml``."""
    text = (hls_dir() / "kernels.yaml").read_text(encoding="utf-8")
    return KernelList.model_validate(yaml.safe_load(text))
