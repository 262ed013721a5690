"""Where the files that live outside the package are: source tree or installed wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_NAMES = ("quant_configs", "hls", "vivado_scripts", "sim")


def resource_dir(name: str) -> Path:
    """Return the folder ``name`` (``quant_configs``, ``hls``, ``vivado_scripts`` or ``sim``)."""
    if name not in _NAMES:
        raise ValueError(f"unknown resource folder {name!r}, known: {', '.join(_NAMES)}")
    for root in (_PACKAGE / "_resources", _PACKAGE.parent):
        if (root / name).is_dir():
            return root / name
    raise FileNotFoundError(f"{name}: not found beside or inside {_PACKAGE}; reinstall fpga-gnn")


def data_dir() -> Path:
    """Return the folder of the shipped events and the shipped model."""
    return _PACKAGE / "data"
