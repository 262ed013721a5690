"""Checkpoints: tensors as safetensors, everything else as JSON beside them; never pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from fpga_gnn.errors import InputError
from fpga_gnn.files import write_whole


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
