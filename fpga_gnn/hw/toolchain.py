"""Programs that the hardware steps run: found with their version, run with a log and a timeout."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fpga_gnn.errors import ToolFailedError, ToolMissingError

_VERSION_TIMEOUT_S = 60.0
# no-gnu-unique: two contracts' libraries in one process must not share template symbols.
LIBRARY_FLAGS = ("-shared", "-fPIC", "-fvisibility=hidden", "-fno-gnu-unique")
"""What makes g++ build a shared library for this process."""


@dataclass(frozen=True)
class Tool:
    """A program: its absolute path and the first line of what it says about its version."""

    name: str
    path: Path
    version: str


def find_tool(name: str, install: str, version_args: Sequence[str] = ("--version",)) -> Tool:
    """Return the program ``name`` on ``PATH``.

    Raises ``ToolMissingError`` with ``install`` (what to install, one line) when it is not there
    and ``ToolFailedError`` when it cannot say its version.
    """
    found = shutil.which(name)
    if found is None:
        raise ToolMissingError(f"{name}: not found on PATH; {install}")
    try:
        done = subprocess.run(
            [found, *version_args],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_VERSION_TIMEOUT_S,
            check=True,
            text=True,
            errors="replace",
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise ToolFailedError(f"{found} {' '.join(version_args)}: {error}; {install}") from error
    lines = (done.stdout.strip() or done.stderr.strip()).splitlines()
    return Tool(name, Path(found).resolve(), lines[0] if lines else "")


def find_compiler() -> Tool:
    """Return g++; ``ToolMissingError`` without it."""
    return find_tool("g++", "install a C++17 compiler (Debian: apt install g++)")


def run(
    command: Sequence[str | Path],
    log: Path,
    timeout_s: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> str:
    """Run ``command`` and return its output (stdout and stderr together), kept in ``log`` too.

    ``env`` is added to this process's environment. Raises ``ToolFailedError``, naming the log,
    when the program cannot start, exits with a status other than 0 or runs longer than
    ``timeout_s`` seconds; then its whole process group is killed.
    """
    words = [str(word) for word in command]
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)  # never through a link that somebody put there
    with log.open("wb") as output:
        try:
            process = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=cwd,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )
        except OSError as error:
            raise ToolFailedError(f"{words[0]}: {error.strerror}; log: {log}") from error
        try:
            status = process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise ToolFailedError(
                f"{words[0]}: stopped after {timeout_s:g} s; log: {log}"
            ) from error
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    if status != 0:
        raise ToolFailedError(f"{words[0]}: exit status {status}; log: {log}")
    return log.read_text(encoding="utf-8", errors="replace")


def ap_types_dir() -> Path:
    """Return the folder of the bit-accurate ``ap_int.h``, ``ap_fixed.h`` and ``hls_stream.h``
    that the hls4ml distribution ships; raises ``ToolMissingError`` without it."""
    spec = importlib.util.find_spec("hls4ml")
    for root in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(root) / "templates" / "vivado" / "ap_types"
        if (folder / "ap_int.h").is_file():
            return folder
    raise ToolMissingError("ap_int.h: not found; pip install 'hls4ml>=1.3,<1.4'")
