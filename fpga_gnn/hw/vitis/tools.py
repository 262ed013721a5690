"""The programs of Vitis: found with their version, run with a log, their last error quoted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fpga_gnn.errors import ToolFailedError, ToolMissingError
from fpga_gnn.hw.toolchain import Tool, find_tool, run

INSTALL_VITIS = "install Vitis 2023.2 to 2025.2 and source its settings64.sh"

_VERSION_ARGS = {"vitis-run": ["--version"], "vitis_hls": ["-version"]}
_SCRIPT_ARGS = {"vitis-run": ["--mode", "hls", "--tcl"], "vitis_hls": ["-f"]}


def find_vitis() -> Tool | None:
    """Return ``vitis-run``, or else ``vitis_hls`` (deprecated since 2024.2), or None.

    Raises ``ToolFailedError`` when the program is there and cannot say its version.
    """
    for name, version_args in _VERSION_ARGS.items():
        try:
            return find_tool(name, INSTALL_VITIS, version_args)
        except ToolMissingError:
            continue
    return None


def find_linker() -> Tool | None:
    """Return ``v++`` or None; raises ``ToolFailedError`` when it cannot say its version."""
    try:
        return find_tool("v++", INSTALL_VITIS)
    except ToolMissingError:
        return None


def run_script(tool: Tool, script: str, log: Path, timeout_s: float) -> str:
    """Run the Tcl ``script`` of Vitis HLS in the folder of ``log`` and return its output.

    Raises ``ToolFailedError``, naming the log and its last error.
    """
    return run_logged([tool.path, *_SCRIPT_ARGS[tool.name], script], log, timeout_s)


def run_logged(command: Sequence[str | Path], log: Path, timeout_s: float) -> str:
    """Run ``command`` in the folder of ``log`` as ``toolchain.run``; errors quote the log."""
    try:
        return run(command, log, timeout_s, cwd=log.parent)
    except ToolFailedError as error:
        raise ToolFailedError(f"{error}; {last_error(log)}") from error


def last_error(log: Path) -> str:
    """Return the last error in ``log``, or else its last line, as a phrase for a message."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("ERROR", "FATAL"))]
    if errors:
        return f"last error: {errors[-1]}"
    return f"last line: {lines[-1]}" if lines else "the log is empty"
