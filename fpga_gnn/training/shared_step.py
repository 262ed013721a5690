"""The gradient of a step of several batches, which the ranks share out.

The loss of a step is the mean of the losses of its batches, whoever takes them: up to the order of
sums, the gradient is that of one process with all of them. Batch norms see one batch at a time, too
(there is no synchronised one on the CPU); their running moments after the step are the mean of what
each batch alone would have made of those before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from fpga_gnn.training.distributed import summed, world_size

Batch = TypeVar("Batch")


class SharedStep(Generic[Batch]):
    """Gradients of ``loss`` for all parameters of ``networks``, each of which every loss uses."""

    def __init__(self, networks: Iterable[nn.Module], loss: Callable[[Batch], Tensor]) -> None:
        objective = _Objective(networks, loss)
        self._running = [
            buffer
            for module in objective.modules()
            if isinstance(module, nn.BatchNorm1d)
            for buffer in module.buffers()
        ]
        self._loss: Any = objective
        if world_size() > 1:
            self._loss = DistributedDataParallel(objective, forward_sync_buffers=False)

    def backward(self, batches: Sequence[Batch]) -> float | None:
        """Add the gradient of the mean loss over the batches of all ranks, on all ranks.

        ``batches`` are those of this rank; it may have none. Returns their share of the mean: the
        sum over the ranks is the loss. None, and no gradient, if no rank has a batch.
        """
        n = int(summed(torch.tensor(len(batches))))
        if n == 0:
            return None
        share, before = 0.0, self._moments()
        after = torch.zeros_like(before)
        for i, batch in enumerate(batches):
            self._set_moments(before)
            alone = world_size() > 1 and i + 1 < len(batches)
            with self._loss.no_sync() if alone else nullcontext():
                loss = self._loss(batch)
                # DistributedDataParallel takes the mean over ranks
                (loss * (world_size() / n)).backward()
            share += float(loss.detach()) / n
            after += self._moments()
        if not batches:
            self._loss(None).backward()
        if self._running:
            self._set_moments(summed(after) / n)
        return share

    def _moments(self) -> Tensor:
        """Return all running moments as one float64 vector: sums and means of counts are exact."""
        parts = [buffer.flatten().double() for buffer in self._running]
        return torch.cat(parts) if parts else torch.zeros(0)

    def _set_moments(self, moments: Tensor) -> None:
        parts = moments.split([buffer.numel() for buffer in self._running])
        for buffer, part in zip(self._running, parts, strict=True):
            buffer.copy_(part.view_as(buffer))


class _Objective(nn.Module, Generic[Batch]):
    """``loss`` as a module; without a batch it is zero, and so is its gradient."""

    def __init__(self, networks: Iterable[nn.Module], loss: Callable[[Batch], Tensor]) -> None:
        super().__init__()
        self._networks, self._of_batch = nn.ModuleList(networks), loss

    def forward(self, batch: Batch | None) -> Tensor:
        if batch is None:
            # a product per parameter: gradients that are views of one tensor would not stay apart
            return torch.stack([(0 * parameter).sum() for parameter in self.parameters()]).sum()
        return self._of_batch(batch)
