"""Which events to learn from, to choose settings on, and to report results on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fpga_gnn.errors import InputError

_VALIDATION, _TEST = 0.1, 0.2


@dataclass(frozen=True)
class Split:
    """Disjoint event ids."""

    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]


def split_ids(ids: Sequence[int], where: object) -> Split:
    """Split ascending event ``ids``: the last 20 % test, the 10 % before them validation.

    Each part gets at least one event; ``InputError`` (naming ``where``) for fewer than three.
    """
    if len(ids) < 3:
        raise InputError(where, f"{len(ids)} events", "at least 3 (train, validation, test)")
    n_test = math.ceil(_TEST * len(ids))
    n_validation = math.ceil(_VALIDATION * len(ids))
    ordered = tuple(sorted(ids))
    first_test = len(ids) - n_test
    first_validation = first_test - n_validation
    return Split(
        ordered[:first_validation],
        ordered[first_validation:first_test],
        ordered[first_test:],
    )
