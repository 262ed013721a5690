"""The command blocks of the documentation, and how they are run."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
WARM = HERE / "warm.py"
LIMIT_S = 900
FENCE = re.compile(r'^( *)```(\S*)(?: title="([^"\n]*)")?\n(.*?)^\1```$', re.MULTILINE | re.DOTALL)

STAND_INS = {
    "/tools/Xilinx/Vitis/2024.2/settings64.sh": "",
    "/opt/xilinx/xrt/setup.sh": f"export PYTHONPATH={HERE / 'card'}\n",
}
"""Scripts that set up the vendor's tools, and what they do where ``fake_vitis`` is on PATH."""

TITLES = {"": {}, "hours": {"DOCS_SCALE": "small"}, "with Vitis": {}, "with a card": {}}
"""What a block's title may be, and the environment in which it runs."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    title: str
    text: str


@pytest.fixture(scope="session")
def blocks() -> Callable[[Path], list[Block]]:
    def of(page: Path) -> list[Block]:
        """Return the fenced blocks of a page in their order."""
        found = FENCE.findall(page.read_text(encoding="utf-8"))
        return [Block(language, title, text) for _, language, title, text in found]

    return of


@pytest.fixture(scope="session")
def stand_ins(tmp_path_factory) -> Path:
    """A folder with what a shell reads before a block: ``source`` of STAND_INS finds them here."""
    folder = tmp_path_factory.mktemp("stand-ins")
    for name, text in STAND_INS.items():
        script = folder / name.removeprefix("/")
        script.parent.mkdir(parents=True)
        script.write_text(text)
    (folder / "bash_env").write_text(f'source() {{ builtin source "{folder}$1"; }}\n')
    return folder


@pytest.fixture(scope="session")
def warm_commands(tmp_path_factory) -> Iterator[Path]:
    """A folder for PATH with ``fpga-gnn``, which begins at once."""
    folder = tmp_path_factory.mktemp("bin")
    server = subprocess.Popen(
        [sys.executable, WARM, "serve", folder / "socket"],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert server.stdout is not None
    assert server.stdout.readline() == b"ready\n"
    command = folder / "fpga-gnn"
    command.write_text(
        f'#!/bin/sh\nexec {sys.executable} -IS {WARM} call {folder / "socket"} "$@"\n'
    )
    command.chmod(0o755)
    yield folder
    os.killpg(server.pid, signal.SIGKILL)
    server.wait()


@pytest.fixture(scope="session")
def shell(warm_commands, stand_ins) -> Callable[..., str]:
    def run(text: str, folder: Path, title: str = "", *, warm: bool = True) -> str:
        """Run a block's text in ``folder`` and return what it prints.

        It fails if a command of it does, or if it leaves a process running.
        """
        commands = [*([str(warm_commands)] if warm else []), str(Path(sys.executable).parent)]
        environment = os.environ | {
            "PATH": os.pathsep.join([*commands, os.environ["PATH"]]),
            "OMP_NUM_THREADS": "1",
            "BASH_ENV": str(stand_ins / "bash_env"),
            **TITLES[title],
        }
        printed, errors = folder / ".stdout", folder / ".stderr"
        with printed.open("w") as out, errors.open("w") as err:
            process = subprocess.Popen(
                ["bash", "-euo", "pipefail", "-c", text],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
            try:
                code = process.wait(LIMIT_S)
            finally:
                left = _end_group(process.pid)
        assert code == 0, f"{text}\n{printed.read_text()}\n{errors.read_text()}"
        assert not left, f"{text}\nleaves a process running"
        return printed.read_text()

    return run


def _end_group(group: int) -> bool:
    """End all processes of the group and return whether one was alive."""
    states = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, its_group, *_ = file.read_text().rpartition(")")[2].split()
            states += [state] if int(its_group) == group else []
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    return any(state != "Z" for state in states)  # nobody may be there to bury the dead
