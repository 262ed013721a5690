"""Record layouts that cross the host/kernel boundary: integer columns, int64 in memory.

Bit widths are the contract's; the kernels narrow each column to its ``ap_int``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

import numpy as np

from fpga_gnn.contract.fixed_point import Int64

DOUBLET_WINDOWS = ("z0", "dphi", "deta", "phi_slope")
"""Second axis of ``ModuleMapRecords.doublet_windows``."""

TRIPLET_WINDOWS = (
    *(f"inner_{name}" for name in DOUBLET_WINDOWS),
    *(f"outer_{name}" for name in DOUBLET_WINDOWS),
    "dydx",
    "dzdr",
)
"""Second axis of ``ModuleMapRecords.triplet_windows``."""


DydxLaw = Literal["compatible", "physical"]


def dydx_sign(law: DydxLaw) -> int:
    """Return the sign of the inner slope in dydx.

    The public module maps compute minus the *sum* of the slopes dy/dx of a triplet's doublets
    ("compatible"); "physical" is the difference, inner minus outer.
    """
    return {"compatible": 1, "physical": -1}[law]


class _Records:
    def __post_init__(self) -> None:
        for field in fields(self):  # type: ignore[arg-type]
            column = np.array(getattr(self, field.name), dtype=np.int64)
            column.flags.writeable = False
            object.__setattr__(self, field.name, column)


@dataclass(frozen=True, eq=False)
class HitRecords(_Records):
    """Hits of one event, sorted by module; the row number is the node index.

    ``x y z r`` [N] in length LSB, ``phi`` [N] in phi LSB (binary angle), ``eta`` [N] in eta LSB.
    Hits of map module ``m`` are rows ``module_start[m]:module_start[m + 1]``; rows from
    ``module_start[-1]`` on lie on modules that the map does not know and get no edge.
    """

    x: Int64
    y: Int64
    z: Int64
    r: Int64
    phi: Int64
    eta: Int64
    module_start: Int64

    def __len__(self) -> int:
        return int(self.x.size)


@dataclass(frozen=True, eq=False)
class ModuleMapRecords(_Records):
    """The module map as the kernel streams it, with D doublets, T triplets over M modules.

    Doublets are sorted by (source module, target module): those that leave module ``m`` are
    rows ``doublet_start[m]:doublet_start[m + 1]`` of ``doublet_target`` [D] (target module)
    and ``doublet_windows`` [D, 4, 2] (``DOUBLET_WINDOWS`` x low, high; inclusive).
    Triplets are sorted by (inner doublet, outer doublet): those of inner doublet ``d`` are rows
    ``triplet_start[d]:triplet_start[d + 1]`` of ``triplet_outer`` [T] (outer doublet) and
    ``triplet_windows`` [T, 10, 2] (``TRIPLET_WINDOWS`` x low, high; inclusive).
    """

    doublet_start: Int64
    doublet_target: Int64
    doublet_windows: Int64
    triplet_start: Int64
    triplet_outer: Int64
    triplet_windows: Int64

    @property
    def n_modules(self) -> int:
        """Number of modules the map knows."""
        return int(self.doublet_start.size) - 1

    @property
    def n_doublets(self) -> int:
        """Number of module pairs."""
        return int(self.doublet_target.size)

    @property
    def n_triplets(self) -> int:
        """Number of pairs of doublets."""
        return int(self.triplet_outer.size)


@dataclass(frozen=True, eq=False)
class CandidateRecords(_Records):
    """Doublet candidates in canonical order (src, dst).

    ``src``, ``dst`` [C] node indices, ``doublet`` [C] row of the map, ``tagged`` [C] 1 where a
    triplet passed: the graph's edges are the tagged candidates.
    """

    src: Int64
    dst: Int64
    doublet: Int64
    tagged: Int64
