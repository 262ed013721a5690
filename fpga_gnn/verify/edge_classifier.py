"""Rungs of the edge classifier: student == QONNX == lowered QONNX == integer reference == hls4ml C
simulation on each partition; the merged partitions == the student on the whole graph."""

from __future__ import annotations

from collections.abc import Callable

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import CapacityError
from fpga_gnn.export.execute import execute
from fpga_gnn.export.firmware import Firmware
from fpga_gnn.graphs.graph import Graph
from fpga_gnn.graphs.partition import Partition, PartitionedGraph, pack, partition_graph
from fpga_gnn.models.scoring import student_scores, to_integers
from fpga_gnn.models.student import require_exact
from fpga_gnn.reference import interaction_network as reference
from fpga_gnn.training.data import graph_inputs, network_inputs
from fpga_gnn.training.run import Run
from fpga_gnn.verify.rung import Rung, chain

KERNEL, UNIT = "edge classifier", "edges"
RUNGS = ("QONNX", "lowered QONNX", "integer reference", "hls4ml csim")


class EdgeClassifierRungs:
    """Holds the student of ``run`` against its ``firmware``."""

    def __init__(self, run: Run, firmware: Firmware) -> None:
        self._run, self._firmware = run, firmware
        self._network = run.student.integer_network()
        require_exact(self._network)
        self._partition = chain(KERNEL, UNIT, "student", *RUNGS)
        self._merged = Rung(KERNEL, "partitions", "whole graph", UNIT)

    @property
    def rungs(self) -> list[Rung]:
        """All rungs with their counts so far."""
        return [*self._partition, self._merged]

    def compare(
        self, graph: Graph, case: str, progress: Callable[[int], None]
    ) -> tuple[PartitionedGraph, Int64]:
        """Return the partitions of ``graph`` and the scores [E] on which all agree.

        ``progress`` is called with the number of edges compared so far. Raises ``CapacityError``
        for an edge that no partition can hold.
        """
        contract = self._run.contract
        partitioned = partition_graph(graph, contract.partition, self._network.iterations)
        if partitioned.unplaced.size:
            raise CapacityError(
                f"{case}: {partitioned.unplaced.size} edges have a neighbourhood larger than "
                f"{contract.partition.usable_nodes} nodes or {contract.partition.max_edges} edges; "
                "raise partition.max_nodes and max_edges"
            )
        scores = []
        for i, part in enumerate(partitioned.partitions):
            scores.append(self._compare_partition(graph, part, f"{case} partition {i}"))
            progress(self._partition[0].n_compared)
        merged = partitioned.gather_scores(scores)
        with self._merged.timed():
            inputs = graph_inputs(graph, contract)
            whole = student_scores(self._run.student, inputs, self._network.score)
            self._merged.n_compared += self._merged.hold(case, whole, merged)
        return partitioned, merged

    def _compare_partition(self, graph: Graph, part: Partition, case: str) -> Int64:
        contract, score = self._run.contract, self._network.score
        node_features = graph.node_features[part.nodes]
        edge_features = graph.edge_features[part.edges]
        packed = pack(part, graph, contract.partition)
        inputs = network_inputs(node_features, edge_features, part.src, part.dst, contract)
        expected = student_scores(self._run.student, inputs, score)
        firmware = self._firmware
        for rung, run in zip(
            self._partition,
            (
                lambda: to_integers(execute(firmware.qonnx, packed, contract), score),
                lambda: to_integers(execute(firmware.lowered, packed, contract), score),
                lambda: reference.score(
                    self._network, node_features, edge_features, part.src, part.dst
                ),
                lambda: to_integers(firmware.project.scores(packed), score),
            ),
            strict=True,
        ):
            with rung.timed():
                got = run()
            rung.hold(case, expected, got)
            rung.n_compared += int(part.owned.sum())
            expected = got
        return expected
