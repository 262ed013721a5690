"""Another process of this program, behind a pipe that nothing else holds.

Nothing is shared between children: one that is killed at any moment takes no lock and no message
of another with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from fpga_gnn.errors import FpgaGnnError
from fpga_gnn.serve.failures import InstanceLostError


@dataclass(frozen=True)
class Failure:
    """Text of an error and exit code of the command, from a child."""

    message: str
    exit_code: int

    @classmethod
    def of(cls, error: FpgaGnnError) -> Failure:
        """Return what is left of ``error`` on its way through the pipe."""
        return cls(str(error), error.exit_code)


class Child:
    """Runs ``target(pipe, *arguments)``, again whenever it is started; its methods block.

    The target sends a message when it is ready. A ``FpgaGnnError`` of it becomes its last message.
    """

    def __init__(self, target: Callable[..., None], *arguments: object) -> None:
        self._target, self._arguments = target, arguments
        self._process: BaseProcess | None = None
        self._pipe: Connection[Any, Any] | None = None

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._process is not None and self._process.is_alive()

    def start(self) -> Any:
        """Start the process and return what it says when it is ready; ``FpgaGnnError`` if it cannot
        get there."""
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(self._target, theirs, self._arguments))
        self._process.start()
        theirs.close()
        return self.receive(None)

    def send(self, message: object) -> None:
        """Send ``message``; ``InstanceLostError`` if the process died."""
        assert self._pipe is not None
        try:
            self._pipe.send(message)
        except OSError:
            raise self._lost() from None

    def receive(self, patience: float | None) -> Any:
        """Return the next message.

        Raises ``FpgaGnnError`` for a ``Failure``, ``InstanceLostError`` if the process died or is
        silent for ``patience`` seconds; then it is killed.
        """
        assert self._pipe is not None
        try:
            if not self._pipe.poll(patience):
                raise self._lost(f"gave no answer in {patience:g} s")
            message = self._pipe.recv()
        except (EOFError, OSError):
            raise self._lost() from None
        if isinstance(message, Failure):
            error = FpgaGnnError(message.message)
            error.exit_code = message.exit_code
            raise error
        return message

    def kill(self) -> None:
        """End the process at once; a thread that waits for it is let go."""
        if self._process is not None:
            self._process.kill()
            self._process.join()

    def terminate(self) -> None:
        """Ask the process to end, and wait until it did."""
        if self._process is not None:
            self._process.terminate()
            self._process.join()

    def _lost(self, how: str = "") -> InstanceLostError:
        assert self._process is not None
        self.kill()
        text = how or f"ended with exit code {self._process.exitcode}"
        return InstanceLostError(f"a process of the service {text}; try again")


def _run(target: Callable[..., None], pipe: Connection[Any, Any], arguments: Any) -> None:
    try:
        target(pipe, *arguments)
    except FpgaGnnError as error:
        pipe.send(Failure.of(error))
