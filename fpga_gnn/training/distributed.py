"""The ranks of a training as one group: who writes, who makes what, sums over all of them.

A single process is a group of one: everything here then does nothing but the work itself. Ranks
exchange Python objects, so all of them must be trusted as one program.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from fpga_gnn.errors import FpgaGnnError, InputError
from fpga_gnn.training import torchrun

_PATIENCE = timedelta(minutes=30)
"""How long a rank waits for the others: longer than any work of one rank alone."""

Item = TypeVar("Item")
Made = TypeVar("Made")


@contextmanager
def process_group(device: str) -> Iterator[None]:
    """Join the processes that torchrun started; a process that runs alone joins nothing.

    They talk through gloo, and about tensors on ``device`` "cuda" through nccl; there each rank
    takes the device of its local rank. Raises ``InputError`` if there are fewer devices, and
    ``FpgaGnnError`` when another rank is lost.
    """
    if torchrun.ranks() == 1:
        yield
        return
    backend = "gloo"
    if device.startswith("cuda"):
        _take_device(device)
        backend = "cpu:gloo,cuda:nccl"
    try:
        dist.init_process_group(backend, timeout=_PATIENCE)
        yield
        leave_to_main()
    except RuntimeError as error:
        if not (isinstance(error, dist.DistError) or "gloo" in str(error)):
            raise
        torchrun.give_way()
        raise FpgaGnnError(f"training: another rank was lost ({error})") from error


def _take_device(device: str) -> None:
    if device != "cuda":
        raise InputError("torchrun", f"one device ({device}) for all ranks", "--device cuda")
    found = torch.cuda.device_count()
    if torchrun.local_rank() >= found:
        hint = f"--nproc-per-node {found}" if found else "--device cpu"
        raise InputError("torchrun", f"{found} CUDA devices", "one per rank", hint)
    torch.cuda.set_device(torchrun.local_rank())


def rank() -> int:
    """Return the number of this process in the group."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """Return the number of processes in the group."""
    return dist.get_world_size() if dist.is_initialized() else 1


def is_main() -> bool:
    """Return whether this is the rank that writes files."""
    return rank() == 0


def require_enough_work(per_step: int, option: str) -> None:
    """Raise ``InputError`` if a step of ``per_step`` batches leaves a rank without any."""
    if world_size() > per_step:
        found = f"{world_size()} ranks and {option} {per_step}"
        expected, hint = "no more ranks than batches in a step", f"{option} {world_size()}"
        raise InputError("torchrun", found, expected, hint)


def on_main(make: Callable[[], Made]) -> Made:
    """Return on every rank what ``make`` returns on the main one."""
    made: list[Any] = [make() if is_main() else None]
    if world_size() > 1:
        dist.broadcast_object_list(made)
    result: Made = made[0]
    return result


def by_turns(make: Callable[[Item], Made], items: Sequence[Item]) -> Iterator[Made]:
    """Yield on every rank ``make`` of all ``items`` in order, of which each rank makes its share.

    All ranks must ask for all of them.
    """
    n = world_size()
    for start in range(0, len(items), n):
        turn = items[start : start + n]
        made: list[Any] = [make(turn[rank()]) if rank() < len(turn) else None]
        if n > 1:
            everyone: list[Any] = [None] * n
            dist.all_gather_object(everyone, made[0])
            made = everyone
        yield from made[: len(turn)]


def summed(tensor: Tensor) -> Tensor:
    """Return ``tensor`` after adding in place those of the other ranks; it is the same on all."""
    if world_size() > 1:
        dist.all_reduce(tensor)
    return tensor


def leave_to_main() -> None:
    """Dissolve the group: the main rank goes on alone, the processes of the others end."""
    if world_size() > 1:
        main = is_main()
        dist.destroy_process_group()
        if not main:
            sys.exit()
