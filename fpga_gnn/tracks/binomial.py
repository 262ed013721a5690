"""Rates with their counts and binomial errors, alone and in bins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Rate:
    """``passed`` out of ``total`` with its 68 % Wilson interval; NaN out of none."""

    passed: int
    total: int

    @property
    def value(self) -> float:
        """The fraction."""
        return ratio(self.passed, self.total)

    @property
    def interval(self) -> tuple[float, float]:
        """Lower and upper bound."""
        low, high = wilson_interval(self.passed, self.total)
        return float(low), float(high)


@dataclass(frozen=True, eq=False)
class BinnedRate:
    """Counts in bins between ``edges`` [B + 1]: ``passed`` of ``total`` [B] int64.

    ``value``, ``low``, ``high`` [B] are fractions and 68 % Wilson bounds, NaN in empty bins.
    """

    edges: NDArray[np.float64]
    passed: NDArray[np.int64]
    total: NDArray[np.int64]

    @property
    def value(self) -> NDArray[np.float64]:
        """Passed / total."""
        with np.errstate(invalid="ignore"):
            return self.passed / self.total

    @property
    def interval(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper bounds."""
        return wilson_interval(self.passed, self.total)


def binned_efficiency(
    values: ArrayLike, found: ArrayLike, edges: ArrayLike, *, overflow: bool = False
) -> BinnedRate:
    """Count ``found`` [P] of the objects at ``values`` [P] in the bins ``[lower, upper)``.

    Values outside ``edges`` count nowhere, with ``overflow`` those above the last edge count in the
    last bin; the last edge belongs to the last bin.
    """
    value, mask = np.asarray(values, dtype=np.float64), np.asarray(found, dtype=bool)
    edge = np.asarray(edges, dtype=np.float64)
    if overflow:
        value = np.minimum(value, edge[-1])
    total, _ = np.histogram(value, edge)
    passed, _ = np.histogram(value[mask], edge)
    return BinnedRate(edge, passed.astype(np.int64), total.astype(np.int64))


def wilson_interval(k: ArrayLike, n: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the 68 % Wilson score interval of ``k`` successes in ``n`` trials, NaN for none.

    E. B. Wilson, J. Am. Stat. Assoc. 22 (1927) 209, at one standard deviation.
    """
    passed, total = np.asarray(k, dtype=np.float64), np.asarray(n, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = passed / total
        centre = (p + 0.5 / total) / (1 + 1 / total)
        half = np.sqrt(p * (1 - p) / total + 0.25 / total**2) / (1 + 1 / total)
    return np.minimum(centre - half, p), np.maximum(centre + half, p)


def ratio(part: float, whole: float) -> float:
    """Return ``part / whole``; NaN without a denominator."""
    return float(part) / float(whole) if whole else float("nan")
