"""Write everything a board needs of a trained run: classifier firmware, kernels, vendor scripts."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from numpy.typing import ArrayLike

from fpga_gnn.errors import InputError
from fpga_gnn.events.event import Event
from fpga_gnn.export.firmware import Firmware, write_firmware
from fpga_gnn.export.hls4ml_project import PROJECT, HlsTarget, bench_columns
from fpga_gnn.export.qonnx_export import export_qonnx
from fpga_gnn.files import write_whole
from fpga_gnn.graphs.graph import build_event_graph
from fpga_gnn.graphs.partition import pack, partition_graph
from fpga_gnn.hw.boards import Board
from fpga_gnn.hw.kernels import load_kernels
from fpga_gnn.hw.vectors import format_vectors
from fpga_gnn.hw.vitis.jobs import (
    write_classifier_job,
    write_composition_job,
    write_kernel_job,
)
from fpga_gnn.hw.vitis.link import LINK_CONFIG, binary_config
from fpga_gnn.reference import interaction_network
from fpga_gnn.training.run import Run

KERNELS, BINARIES = "kernels", "binaries"
"""Folders inside a design: of the jobs for Vitis, and of what v++ makes of them."""

REPORT = "report.json"
"""A flow's report, in the folder of its results."""

_BENCH_PARTITIONS = 4


def hls_target(board: Board) -> HlsTarget:
    """Return what the classifier's project is written for on ``board``."""
    return HlsTarget(board.part, board.clock_ns, board.clock_uncertainty_percent)


def write_design(run: Run, board: Board, folder: Path, events: Iterable[Event]) -> Firmware:
    """Write the design of ``run`` for ``board`` into ``folder``.

    ``edge_classifier.onnx`` and ``edge_classifier_lowered.onnx``, ``edge_classifier/`` (hls4ml
    project; its bench replays the first partitions of ``events``), ``kernels/<name>/`` (a job for
    Vitis of each kernel, of the classifier and of each composition), ``binaries/<name>/link.cfg``.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / PROJECT).is_dir():
        raise InputError(folder, "files of something else", "an empty folder or an earlier design")
    firmware = write_firmware(
        run.student, run.contract, hls_target(board), folder, _vectors(run, events)
    )
    for part in (KERNELS, BINARIES):
        shutil.rmtree(folder / part, ignore_errors=True)
    _write_jobs(run, board, firmware.project.folder, folder / KERNELS)
    for name in load_kernels().binaries:
        (folder / BINARIES / name).mkdir(parents=True)
        config = binary_config(name, run.contract, board)
        (folder / BINARIES / name / LINK_CONFIG).write_text(config, encoding="utf-8")
    return firmware


def _write_jobs(run: Run, board: Board, project: Path, folder: Path) -> None:
    kernels, contract = load_kernels(), run.contract
    for name in kernels.kernels:
        write_kernel_job(name, contract, board, folder / name)
    write_classifier_job(project, board, folder / PROJECT)
    for name in kernels.compositions:
        write_composition_job(name, contract, board, project, folder / name)


def save_qonnx(run: Run, path: Path) -> None:
    """Write the QONNX graph of ``run``'s student to ``path``; equal runs write equal files."""
    model = export_qonnx(run.student, run.contract)
    write_whole(path, model.model.SerializeToString(deterministic=True))


def _vectors(run: Run, events: Iterable[Event]) -> str:
    """Return golden vectors of the first ``_BENCH_PARTITIONS`` partitions, by the reference."""
    network, contract = run.student.integer_network(), run.contract
    cases: dict[str, dict[str, ArrayLike]] = {}
    for event in events:
        graph = build_event_graph(event, run.module_map, contract).graph
        partitioned = partition_graph(graph, contract.partition, network.iterations)
        for i, part in enumerate(partitioned.partitions):
            if len(cases) == _BENCH_PARTITIONS:
                return format_vectors(PROJECT, contract, cases)
            scores = interaction_network.score(
                network,
                graph.node_features[part.nodes],
                graph.edge_features[part.edges],
                part.src,
                part.dst,
            )
            packed = pack(part, graph, contract.partition)
            cases[f"event{event.event_id}-partition{i}"] = bench_columns(packed, scores)
    if not cases:
        raise InputError("synth", "events without a candidate edge", "events with tracks")
    return format_vectors(PROJECT, contract, cases)
