from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest

from fpga_gnn.contract import load_contract

Path = tuple[str, ...]


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    """The default contract as a YAML document; copy before changing."""
    return load_contract("w8").model_dump(mode="json")


@pytest.fixture(scope="session")
def edited(document) -> Callable[..., dict[str, Any]]:
    def edit(path: Path, change: Callable[[dict[str, Any], str], None]) -> dict[str, Any]:
        """Return a copy of the document after ``change(section, last key of path)``."""
        copy = deepcopy(document)
        section = copy
        for key in path[:-1]:
            section = section[key]
        change(section, path[-1])
        return copy

    return edit


@pytest.fixture(scope="session")
def walk() -> Callable[[dict[str, Any]], Iterator[tuple[Path, Any]]]:
    def paths(section: dict[str, Any], above: Path = ()) -> Iterator[tuple[Path, Any]]:
        """Yield the path and the value of every key, sections before their keys."""
        for key, value in section.items():
            yield (*above, key), value
            if isinstance(value, dict):
                yield from paths(value, (*above, key))

    return paths
