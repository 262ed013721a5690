"""Checkpoints: tensors as safetensors, everything else as JSON beside them; never pickle."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from fpga_gnn.contract import parse_json
from fpga_gnn.errors import FpgaGnnError, InputError
from fpga_gnn.files import MIB, read_limited, write_whole

LAST = "last.safetensors"
"""State of a training after its last epoch, from which it resumes."""

_MOST_FILE_BYTES = 1024 * MIB
"""A teacher's states on twenty million edges."""
_MOST_HEADER_BYTES = 16 * MIB
"""Names and shapes of tensors, and the history of a training."""
_CHECKPOINT, _TRAIN = "a safetensors checkpoint", "run fpga-gnn train"

Groups = dict[str, dict[str, Tensor]]
"""Tensors of networks and optimizers, by the name of each."""


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write ``tensors`` atomically; ``metadata`` travels in the header."""
    contiguous = {name: value.detach().contiguous() for name, value in tensors.items()}
    write_whole(path, save(contiguous, metadata))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a checkpoint: tensors and metadata; ``InputError`` if it is missing or damaged."""
    return _tensors(read_limited(path, _MOST_FILE_BYTES, _CHECKPOINT, _TRAIN), path)


def load_network(network: nn.Module, path: Path, sha256: str, record: str) -> None:
    """Put the weights of the checkpoint ``path`` into ``network``.

    ``InputError`` if it is missing or damaged, not the file whose ``sha256`` the ``record`` has, of
    another network, or with a weight that is not finite.
    """
    data = read_limited(path, _MOST_FILE_BYTES, _CHECKPOINT, _TRAIN)
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise InputError(path, f"sha256 {found[:12]}", f"sha256 {sha256[:12]} as in {record}")
    tensors, _ = _tensors(data, path)
    fits = {name: value.dtype for name, value in network.state_dict().items()}
    for name, value in tensors.items():
        if name in fits and value.dtype != fits[name]:
            raise InputError(f"{path}: {name}", str(value.dtype), str(fits[name]))
        if not torch.isfinite(value).all():
            raise InputError(f"{path}: {name}", "a weight that is not finite", "finite numbers")
    try:
        network.load_state_dict(tensors)
    except RuntimeError as error:
        found = json.dumps(str(error).splitlines()[-1].strip())
        raise InputError(path, found, f"the network of {record}") from None


def _tensors(data: bytes, path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    size = int.from_bytes(data[:8], "little")
    if size > _MOST_HEADER_BYTES:
        raise InputError(path, f"a header of {size} bytes", _CHECKPOINT, _TRAIN)
    try:
        return load(data), json.loads(data[8 : 8 + size]).get("__metadata__") or {}
    except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise InputError(path, str(error), _CHECKPOINT, _TRAIN) from None


def save_progress(
    folder: Path, groups: Groups, history: Sequence[dict[str, Any]], key: str
) -> None:
    """Write the state of a training: tensors by group, the history, and what it belongs to."""
    tensors = {
        f"{group}.{name}": value for group, named in groups.items() for name, value in named.items()
    }
    save_tensors(folder / LAST, tensors, {"history": json.dumps(history), "key": key})


def load_progress(folder: Path, key: str) -> tuple[Groups, list[dict[str, Any]]] | None:
    """Read what ``save_progress`` wrote; None if nothing.

    ``InputError`` if it is damaged or of another ``key``.
    """
    if not (folder / LAST).exists():
        return None
    tensors, metadata = load_tensors(folder / LAST)
    if metadata.get("key") != key:
        raise InputError(
            folder,
            "a run with other settings, contract or events",
            "the same ones",
            "choose another --out, or delete the folder",
        )
    groups: Groups = defaultdict(dict)
    with resuming(folder):
        for full_name, value in tensors.items():
            group, name = full_name.split(".", 1)
            groups[group][name] = value
        rows = metadata["history"].encode()
        history = parse_json(rows, list[dict[str, Any]], folder / LAST, "a training's state")
    return groups, history


@contextmanager
def resuming(folder: Path) -> Iterator[None]:
    """Raise as ``InputError`` whatever a training raises that cannot take up its state."""
    try:
        yield
    except (AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
        found = " ".join(str(error).split()) or type(error).__name__
        raise InputError(folder / LAST, found, "this training's state", "delete it") from None


def save_json(path: Path, data: Any) -> None:
    """Write ``data`` atomically as indented JSON."""
    write_whole(path, f"{json.dumps(data, indent=1, sort_keys=True)}\n".encode())


def flatten_optimizer(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return the optimizer's state as named tensors."""
    state = optimizer.state_dict()["state"]
    return {f"{i}.{key}": torch.as_tensor(v) for i, row in state.items() for key, v in row.items()}


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Put tensors of ``flatten_optimizer`` back."""
    state = optimizer.state_dict()
    state["state"] = {}
    for name, value in tensors.items():
        index, key = name.split(".", 1)
        state["state"].setdefault(int(index), {})[key] = value
    optimizer.load_state_dict(state)


def require_best(weights: dict[str, Tensor]) -> None:
    """Raise ``FpgaGnnError`` if no epoch left ``weights`` of the best validation AUC."""
    if not weights:
        raise FpgaGnnError(
            "training: no epoch has a validation AUC; check that validation events "
            "hold target and fake edges"
        )
