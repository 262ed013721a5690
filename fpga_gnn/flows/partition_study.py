"""Cut the graphs of real events into partitions of several shapes, to choose one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fpga_gnn.contract import PartitionShape
from fpga_gnn.errors import InputError
from fpga_gnn.events.store import EventStore
from fpga_gnn.events.view import EventView, detector_of
from fpga_gnn.flows.sample import sample_figure
from fpga_gnn.graphs.graph import build_event_graph
from fpga_gnn.graphs.partition import PartitionedGraph, partition_graph
from fpga_gnn.hw.boards import Board
from fpga_gnn.report.estimates import classifier_cost, cycles_per_edge
from fpga_gnn.report.partition_study import PartitionStudy, ShapeFigure, save_partition_study
from fpga_gnn.report.plots import ShapeOccupancy, partition_occupancy
from fpga_gnn.training.run import Run

STUDY = "partitions.json"
"""The report, in the folder of a study."""

Progress = Callable[[int, int], None]


@dataclass
class _Filled:
    partitions: list[int] = field(default_factory=list)
    nodes: list[int] = field(default_factory=list)
    edges: list[int] = field(default_factory=list)
    owned: list[int] = field(default_factory=list)
    unplaced: int = 0

    def add(self, cut: PartitionedGraph) -> None:
        self.partitions.append(len(cut.partitions))
        self.nodes.extend(part.nodes.size for part in cut.partitions)
        self.edges.extend(part.edges.size for part in cut.partitions)
        self.owned.extend(int(part.owned.sum()) for part in cut.partitions)
        self.unplaced += cut.unplaced.size


def partition_study(
    run: Run,
    store: EventStore,
    shapes: Sequence[PartitionShape],
    board: Board,
    folder: Path,
    *,
    max_events: int | None = None,
    progress: Progress,
) -> PartitionStudy:
    """Cut the events of ``store`` into ``shapes``; write figures and a histogram to ``folder``."""
    view = EventView.of(store, detector_of(run.module_map.modules), max_events)
    if not len(view):
        raise InputError(store.path, "no event", "events to cut")
    folder.mkdir(parents=True, exist_ok=True)
    hops = run.contract.network.iterations
    filled = [_Filled() for _ in shapes]
    n_edges, done = 0, 0
    progress(0, len(view) * len(shapes))
    for event in view:
        graph = build_event_graph(event, run.module_map, run.contract).graph
        n_edges += graph.n_edges
        for shape, its in zip(shapes, filled, strict=True):
            its.add(partition_graph(graph, shape, hops))
            done += 1
            progress(done, len(view) * len(shapes))
    figures = [
        _figure(run, shape, its, n_edges, board) for shape, its in zip(shapes, filled, strict=True)
    ]
    study = PartitionStudy(
        sample=sample_figure(view),
        contract=run.contract.name,
        board=board.name,
        hops=hops,
        shapes=tuple(figures),
    )
    occupancy = [
        ShapeOccupancy(figure.name, figure.nodes, figure.edges, figure.max_nodes, figure.max_edges)
        for figure in figures
    ]
    partition_occupancy(folder / "occupancy.png", occupancy)
    save_partition_study(study, folder / STUDY)
    return study


def _figure(
    run: Run, shape: PartitionShape, filled: _Filled, n_edges: int, board: Board
) -> ShapeFigure:
    contract = run.contract.with_partition(shape.max_nodes, shape.max_edges)
    cost = classifier_cost(run.student.integer_network(), contract)
    lanes = board.memory_bits // (cost.memory_bits + cost.fifo_bits)
    per_lane = cycles_per_edge(sum(filled.partitions), n_edges, cost.interval) if n_edges else None
    return ShapeFigure(
        max_nodes=shape.max_nodes,
        max_edges=shape.max_edges,
        partitions=tuple(filled.partitions),
        nodes=tuple(filled.nodes),
        edges=tuple(filled.edges),
        owned=tuple(filled.owned),
        unplaced=filled.unplaced,
        interval=cost.interval,
        memory_bits=cost.memory_bits,
        fifo_bits=cost.fifo_bits,
        lanes=lanes,
        cycles_per_edge=per_lane / lanes if per_lane is not None and lanes else None,
    )
