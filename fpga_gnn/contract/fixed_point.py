"""Fixed-point formats and the integer arithmetic every exact rung shares.

Rounding is half-to-even (``np.rint`` = ``torch.round`` = QONNX ``ROUND`` = ``AP_RND_CONV``), or
down where a contract says so (``floor`` = QONNX ``FLOOR`` = ``AP_TRN``); overflow saturates
(``AP_SAT``), scales are powers of two.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field

Int64 = NDArray[np.int64]
Rounding = Literal["half_even", "floor"]


class FixedPoint(BaseModel):
    """``bits`` wide integers that stand for ``integer * 2**-frac``."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    bits: int = Field(ge=1, le=32)
    frac: int = Field(ge=-32, le=48)
    signed: bool = True

    @property
    def min_int(self) -> int:
        """Smallest integer of the format."""
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def max_int(self) -> int:
        """Largest integer of the format."""
        return (1 << (self.bits - self.signed)) - 1

    @property
    def ap_type(self) -> str:
        """The Vitis HLS type with the contract's rounding and overflow modes."""
        name = "ap_fixed" if self.signed else "ap_ufixed"
        return f"{name}<{self.bits},{self.bits - self.frac},AP_RND_CONV,AP_SAT>"

    def saturate(self, values: Int64) -> Int64:
        """Clip integers to the format."""
        clipped: Int64 = np.clip(values, self.min_int, self.max_int)
        return clipped

    def from_float(self, values: ArrayLike) -> Int64:
        """Round real numbers half-to-even onto the format, saturating; returns int64."""
        scaled = np.rint(np.ldexp(np.asarray(values, dtype=np.float64), self.frac))
        integers: Int64 = np.asarray(np.clip(scaled, self.min_int, self.max_int), dtype=np.int64)
        return integers

    def to_float(self, integers: ArrayLike) -> NDArray[np.float64]:
        """Return the real numbers (float64) that the integers stand for; exact."""
        return np.ldexp(np.asarray(integers, dtype=np.float64), -self.frac)


def shift_right_half_even(values: Int64, shift: int) -> Int64:
    """Return ``values / 2**shift`` rounded half-to-even; a negative shift multiplies exactly."""
    if shift <= 0:
        return values << -shift
    quotient: Int64 = values >> shift
    rest = values & ((1 << shift) - 1)
    half = 1 << (shift - 1)
    round_up = (rest > half) | ((rest == half) & ((quotient & 1) == 1))
    rounded: Int64 = quotient + round_up
    return rounded


def divide_half_even(numerator: Int64, denominator: Int64) -> Int64:
    """Return ``numerator / denominator`` rounded half-to-even.

    x / 0 is the largest int64 with the sign of x; 0 / 0 is 0.
    """
    size = np.abs(denominator)
    known = np.where(size == 0, 1, size)
    signed = numerator * np.where(denominator < 0, -1, 1)
    quotient = signed // known
    twice = 2 * (signed - quotient * known)
    round_up = (twice > known) | ((twice == known) & ((quotient & 1) == 1))
    result: Int64 = np.where(
        size == 0, np.sign(numerator) * np.iinfo(np.int64).max, quotient + round_up
    )
    return result


def requantize(
    values: Int64, frac: int, target: FixedPoint, rounding: Rounding = "half_even"
) -> Int64:
    """Bring integers with ``frac`` fraction bits to ``target``: round, then saturate."""
    shift = frac - target.frac
    if shift < 0:  # clip first: int64 might not hold what saturates
        left = min(-shift, target.bits)
        low, high = target.min_int >> left, -(-target.max_int >> left)
        return target.saturate(np.clip(values, low, high) << left)
    if rounding == "floor":
        return target.saturate(values >> shift)
    return target.saturate(shift_right_half_even(values, shift))
