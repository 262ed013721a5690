"""The optional packages of the service."""

from __future__ import annotations

from importlib.util import find_spec

from fpga_gnn.errors import ToolMissingError


def require_package(name: str) -> None:
    """Raise ``ToolMissingError`` unless the package ``name`` is installed."""
    if find_spec(name) is None:
        raise ToolMissingError(f"{name}: not installed; pip install 'fpga-gnn[serve]'")
