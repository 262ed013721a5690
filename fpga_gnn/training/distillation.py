"""What a student learns from a teacher: its edge scores, and the states behind them."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from fpga_gnn.errors import InputError
from fpga_gnn.events.event import Event
from fpga_gnn.events.view import Detector
from fpga_gnn.files import sha256_of
from fpga_gnn.graphs.construction import HitGraph
from fpga_gnn.training.checkpoint import load_tensors, save_tensors
from fpga_gnn.training.config import Runtime
from fpga_gnn.training.data import TeacherTargets
from fpga_gnn.training.teacher import autocast
from fpga_gnn.training.teacher_data import teacher_inputs
from fpga_gnn.training.teacher_run import NETWORK_FILE, load_teacher

N_COMPONENTS = 16
"""Principal components of the teacher's edge states, of unit variance, that a student may learn."""

_PROJECTION = "projection"


class Distiller:
    """Runs the teacher in ``folder`` on the graphs of students, once: ``cache`` keeps the answers.

    The components of the states are those of the first graph it is asked about.
    """

    def __init__(self, folder: Path, cache: Path, runtime: Runtime) -> None:
        torch.set_num_threads(runtime.threads)
        self._teacher = load_teacher(folder, runtime.device)
        self._runtime = runtime
        self.sha256 = sha256_of(folder / NETWORK_FILE)
        self._cache = cache / f"{self.sha256[:16]}{'-amp' if runtime.amp else ''}"

    @property
    def detector(self) -> Detector:
        """The hits that the teacher was trained on."""
        return self._teacher.info.detector

    def targets(self, event: Event, graph: HitGraph) -> TeacherTargets:
        """Return what the teacher says about the edges of ``graph``."""
        path = self._cache / f"{_digest(event, graph)}.safetensors"
        if not path.exists():
            self._compute(event, graph, path)
        tensors, _ = load_tensors(path)
        shapes = [tuple(tensors[n].shape) if n in tensors else () for n in ("logits", "states")]
        if shapes != [(graph.n_edges,), (graph.n_edges, *shapes[1][1:])]:
            raise InputError(path, f"answers {shapes}", f"on {graph.n_edges} edges", "delete it")
        return TeacherTargets(tensors["logits"], tensors["states"])

    def _compute(self, event: Event, graph: HitGraph, path: Path) -> None:
        network, device = self._network, self._runtime.device
        config = self._teacher.info.training
        inputs = tuple(tensor.to(device) for tensor in teacher_inputs(event, graph, config))
        with torch.no_grad(), autocast(self._runtime):
            x, e = network.states(*inputs)
            logits = network.decode(x, e, inputs[2])
        logits, e = logits.float().cpu(), e.float().cpu()
        mean, basis = self._projection(e)
        self._cache.mkdir(parents=True, exist_ok=True)
        states = ((e - mean) @ basis).half()
        save_tensors(path, {"logits": logits, "states": states}, {})

    @cached_property
    def _network(self) -> torch.nn.Module:
        return self._teacher.network.to(self._runtime.device).eval()

    def _projection(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean [H] and whitening basis [H, N_COMPONENTS], made of ``states`` [E, H] once."""
        path = self._cache / f"{_PROJECTION}.safetensors"
        if not path.exists():
            mean = states.mean(0)
            values, vectors = torch.linalg.eigh(torch.cov((states - mean).T.double()))
            top = slice(-N_COMPONENTS, None)
            basis = vectors[:, top] / values[top].clamp(min=1e-12).sqrt()
            self._cache.mkdir(parents=True, exist_ok=True)
            save_tensors(path, {"mean": mean, "basis": basis.float()}, {})
        tensors, _ = load_tensors(path)
        return tensors["mean"], tensors["basis"]


def _digest(event: Event, graph: HitGraph) -> str:
    digest = hashlib.sha256(str(event.event_id).encode())
    for array in (event.hits.x, event.hits.y, event.hits.z, graph.rows, graph.src, graph.dst):
        digest.update(array.tobytes())
    return digest.hexdigest()[:32]
