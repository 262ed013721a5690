"""What torchrun tells the processes that it starts; a process of its own is rank 0 of 1."""

from __future__ import annotations

import os
import time

_GRACE_S = 5.0


def ranks() -> int:
    """Return how many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "RANK" in os.environ else 1


def rank() -> int:
    """Return the number of this process among them; rank 0 is the one that prints and writes."""
    return int(os.environ["RANK"]) if ranks() > 1 else 0


def local_rank() -> int:
    """Return the number of this process among those of this machine."""
    return int(os.environ["LOCAL_RANK"])


def give_way() -> None:
    """Wait a few seconds before reporting a failure that may be another rank's.

    That rank reports it at once and ends; torchrun then ends this process, too, in silence.
    """
    time.sleep(_GRACE_S)
