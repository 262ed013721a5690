"""The numbers in which a module map is learned: the integers of a contract, or float64."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fpga_gnn.contract import Contract, HitRecords
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.events.event import Event
from fpga_gnn.graphs.hits import Float64, HitCoordinates, quantize_hits, wrap_phi

Column = NDArray[Any]
"""[K] int64 or float64."""
Bounds = tuple[Column, Column]
"""Largest number not above and smallest not below a value [K]."""
OPEN = 1e30
"""Bound of a float64 window that accepts every value on its side, infinite ones included."""
_UNSORTED = np.zeros(0, dtype=np.int64)


class Arithmetic(Protocol):
    """How to compute and round the variables of windows (``WindowFormat``)."""

    def hits(self, event: Event) -> HitRecords | HitCoordinates:
        """Return the hits of ``event`` in its order."""

    def wrap(self, dphi: Column) -> Column:
        """Bring differences of azimuth to half a turn at most."""

    def ratio(self, name: str, numerator: Column, denominator: Column, sign: Column) -> Bounds:
        """Return a ratio in the unit of window ``name``; x / 0 is infinite, with the sign of
        ``sign``, and a bound that is too large for the window is open."""

    def ends(self, names: Sequence[str]) -> tuple[Float64, Float64]:
        """Return the lower and the upper bound [V] that mean open."""

    def outwards(self, low: Float64, high: Float64, margin: Float64) -> tuple[Float64, Float64]:
        """Return ``low - margin`` and ``high + margin``, rounded outwards."""


@dataclass(frozen=True)
class FixedPointArithmetic:
    """The integers of ``contract``."""

    contract: Contract

    def hits(self, event: Event) -> HitRecords:
        """Return the hits of ``event`` in its order."""
        return quantize_hits(event, _UNSORTED, self.contract).records

    def wrap(self, dphi: Column) -> Column:
        """Bring differences of azimuth to half a turn at most."""
        return wrap_phi(dphi, self.contract.hit.phi)

    def ratio(self, name: str, numerator: Column, denominator: Column, sign: Column) -> Bounds:
        """Return floor and ceiling in LSB, saturated."""
        fixed = self.contract.windows.of(name)
        divisor = np.where(denominator == 0, 1, denominator)
        scaled = numerator if name == "z0" else numerator << fixed.frac
        infinite = np.where(sign >= 0, fixed.max_int, fixed.min_int)
        low: Int64 = np.where(denominator == 0, infinite, scaled // divisor)
        high: Int64 = np.where(denominator == 0, infinite, -(-scaled // divisor))
        return fixed.saturate(low), fixed.saturate(high)

    def ends(self, names: Sequence[str]) -> tuple[Float64, Float64]:
        """Return the ends of the formats."""
        formats = [self.contract.windows.of(name) for name in names]
        least = np.array([fixed.min_int for fixed in formats], dtype=np.float64)
        return least, np.array([fixed.max_int for fixed in formats], dtype=np.float64)

    def outwards(self, low: Float64, high: Float64, margin: Float64) -> tuple[Float64, Float64]:
        """Return bounds of whole LSB."""
        return np.floor(low) - np.ceil(margin), np.ceil(high) + np.ceil(margin)


@dataclass(frozen=True)
class FloatArithmetic:
    """Real numbers in float64: mm, turns, eta and their ratios. A bound is open at ``OPEN``."""

    def hits(self, event: Event) -> HitCoordinates:
        """Return the hits of ``event`` in its order."""
        return HitCoordinates.of(event)

    def wrap(self, dphi: Column) -> Column:
        """Bring differences of azimuth to half a turn at most."""
        wrapped: Float64 = dphi - np.floor(dphi + 0.5)
        return wrapped

    def ratio(self, name: str, numerator: Column, denominator: Column, sign: Column) -> Bounds:
        """Return the neighbours of the quotient: a product with them never excludes its hits."""
        quotient = numerator / np.where(denominator == 0, 1.0, denominator)
        infinite = np.where(sign >= 0, OPEN, -OPEN)
        low = np.where(denominator == 0, infinite, np.nextafter(quotient, -np.inf))
        return low, np.where(denominator == 0, infinite, np.nextafter(quotient, np.inf))

    def ends(self, names: Sequence[str]) -> tuple[Float64, Float64]:
        """Return ``OPEN`` and its opposite."""
        return np.full(len(names), -OPEN), np.full(len(names), OPEN)

    def outwards(self, low: Float64, high: Float64, margin: Float64) -> tuple[Float64, Float64]:
        """Return the bounds as they are."""
        return low - margin, high + margin
