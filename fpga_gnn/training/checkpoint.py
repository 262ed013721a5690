"""Checkpoints: tensors as safetensors, everything else as JSON beside them; never pickle."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from fpga_gnn.errors import InputError
from fpga_gnn.files import write_whole

LAST = "last.safetensors"
"""State of a training after its last epoch, from which it resumes."""

Groups = dict[str, dict[str, Tensor]]
"""Tensors of networks and optimizers, by the name of each."""


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write ``tensors`` atomically; ``metadata`` travels in the header."""
    contiguous = {name: value.detach().contiguous() for name, value in tensors.items()}
    write_whole(path, save(contiguous, metadata))


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read a checkpoint; ``InputError`` if it is missing or damaged."""
    try:
        with safe_open(path, framework="pt") as file:
            return {key: file.get_tensor(key) for key in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        found = "no file" if not path.exists() else str(error)
        raise InputError(path, found, "a safetensors checkpoint", "run fpga-gnn train") from error


def save_progress(
    folder: Path, groups: Groups, history: Sequence[dict[str, Any]], key: str
) -> None:
    """Write the state of a training: tensors by group, the history, and what it belongs to."""
    tensors = {
        f"{group}.{name}": value for group, named in groups.items() for name, value in named.items()
    }
    save_tensors(folder / LAST, tensors, {"history": json.dumps(history), "key": key})


def load_progress(folder: Path, key: str) -> tuple[Groups, list[dict[str, Any]]] | None:
    """Read what ``save_progress`` wrote; None if nothing, ``InputError`` if of another ``key``."""
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
    for full_name, value in tensors.items():
        group, name = full_name.split(".", 1)
        groups[group][name] = value
    return groups, json.loads(metadata["history"])


def save_json(path: Path, data: Any) -> None:
    """Write ``data`` atomically as indented JSON."""
    write_whole(path, f"{json.dumps(data, indent=1, sort_keys=True)}\n".encode())


def load_json(path: Path) -> Any:
    """Read JSON; ``InputError`` if it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(path, error.strerror or "no file", "a JSON file") from error
    except ValueError as error:
        raise InputError(path, f"bad JSON ({error})", "a JSON file") from error


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
