"""A reconstructor in a process of its own, which answers one batch of events after the other."""

from __future__ import annotations

import logging
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from fpga_gnn.errors import FpgaGnnError
from fpga_gnn.events.event import Event
from fpga_gnn.serve.child import Child, Failure
from fpga_gnn.serve.config import ReconstructorConfig
from fpga_gnn.serve.protocol import EventTracks

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Batch:
    """The tracks of each event, or the sentence that refuses it, and the seconds per stage."""

    answers: list[EventTracks | str]
    seconds: dict[str, float]


class DesignBuilder(Child):
    """Builds the design that all instances share in ``folder``, and ends; ``start`` returns it."""

    def __init__(self, config: ReconstructorConfig, folder: Path) -> None:
        super().__init__(_build, config, folder)


class Instance(Child):
    """The process; it works on ``design``, which csim and rtl need."""

    def __init__(self, config: ReconstructorConfig, design: Path | None) -> None:
        super().__init__(_work, config, design)

    def find(self, events: Sequence[Event], patience: float) -> Batch:
        """Return the answers to ``events``; raises as ``Child.receive``."""
        self.send(list(events))
        batch: Batch = self.receive(patience)
        return batch


def _build(pipe: Connection[Any, Any], config: ReconstructorConfig, folder: Path) -> None:
    from fpga_gnn.flows.backends import build_design  # PyTorch: not in the front process
    from fpga_gnn.training.run import load_run

    _ignore_signals()
    pipe.send(build_design(config.backend, load_run(config.model), folder))


def _work(pipe: Connection[Any, Any], config: ReconstructorConfig, design: Path | None) -> None:
    """Load, then answer batches until the other end of the pipe is closed."""
    from fpga_gnn.serve.reconstructor import Reconstructor

    _ignore_signals()
    reconstructor = Reconstructor.open(config, design)

    def answers(events: list[Event]) -> Batch | Failure:
        try:
            found, seconds = reconstructor.find(events)
        except FpgaGnnError as error:
            return Failure.of(error)
        except Exception:
            _log.exception("internal error")
            return Failure("internal error; the log of the service has more", 1)
        return Batch([a if isinstance(a, EventTracks) else str(a) for a in found], seconds)

    with suppress(EOFError, BrokenPipeError):
        pipe.send(None)
        while True:
            pipe.send(answers(pipe.recv()))


def _ignore_signals() -> None:
    """Leave it to the service to end its processes: Ctrl-C reaches all of them."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
