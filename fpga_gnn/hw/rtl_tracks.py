"""RTL simulation of the track-building kernels: SystemVerilog, exactly what the reference says."""

from __future__ import annotations

import numpy as np

from fpga_gnn.contract import Contract
from fpga_gnn.contract.config import GraphShape
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.hw.kernel_calls import require_graph_fits
from fpga_gnn.hw.kernels import hls_dir
from fpga_gnn.hw.rows import Field, RowWords, pack_rows, row_bits, unpack_rows
from fpga_gnn.hw.verilator import RtlModule, RtlRun, Stalls, Stream, build
from fpga_gnn.reference import connected_components as components_reference
from fpga_gnn.reference import track_builder as builder_reference
from fpga_gnn.reference.hit_lists import HitLists

_FLAG = Field(1)
_COUNT_BITS = 32


class _RtlKernel:
    """A kernel's module, compiled on first use; ``stalls`` interrupt all its streams.

    Raises ``ToolMissingError`` without Verilator or a C++ compiler.
    """

    def __init__(self, contract: Contract, module: RtlModule, stalls: Stalls | None) -> None:
        self.contract = contract
        self.last_run: RtlRun | None = None
        """What the last simulation did, or nothing before the first."""
        self._simulation, self._stalls = build(module), stalls

    @property
    def cycles(self) -> int:
        """Cycles (``rtl-sim``) of the last run, without the ones after a reset that no later graph
        needs."""
        if self.last_run is None:
            raise ValueError("no run yet")
        return self.last_run.cycles - self._simulation.module.parameters["MAX_NODES"]

    def _run(self, edges: RowWords, scalars: dict[str, int]) -> RtlRun:
        self.last_run = self._simulation.run({"edges": [edges]}, scalars, self._stalls)
        return self.last_run


class RtlConnectedComponents(_RtlKernel):
    """``connected_components.sv`` in the shape of ``contract``; see ``_RtlKernel``."""

    def __init__(self, contract: Contract, stalls: Stalls | None = None) -> None:
        super().__init__(contract, connected_components_module(contract), stalls)

    def label(self, n_nodes: int, src: Int64, dst: Int64, keep: Int64) -> Int64:
        """Return labels [N] as ``reference.connected_components.label`` does.

        Raises ``CapacityError`` when the graph has more nodes or edges than the module's slots.
        """
        components_reference.check_inputs(n_nodes, src, dst, keep)
        shape = self.contract.kernels.connected_components
        edges = _edge_rows(shape, _FLAG, src, dst, np.asarray(keep) != 0)
        run = self._run(edges, {"n_nodes": n_nodes})
        errors = run.status["errors"]
        require_graph_fits("connected_components", errors, n_nodes, len(src), shape)
        labels, blank = unpack_rows((_node(shape), _FLAG), run.outputs["labels"][0])
        return np.compress(blank == 0, labels)


class RtlTrackBuilder(_RtlKernel):
    """``track_builder.sv`` in the shape of ``contract``; see ``_RtlKernel``."""

    def __init__(self, contract: Contract, stalls: Stalls | None = None) -> None:
        super().__init__(contract, track_builder_module(contract), stalls)

    def build(
        self, n_nodes: int, src: Int64, dst: Int64, score: Int64, cut: int, min_hits: int
    ) -> HitLists:
        """Return the tracks; same law and errors as ``reference.track_builder.build``.

        Raises ``CapacityError`` when the graph has more nodes or edges than the module's slots.
        """
        builder_reference.check_inputs(n_nodes, src, dst, score, cut, min_hits, self.contract)
        shape = self.contract.kernels.track_builder
        edges = _edge_rows(shape, _score(self.contract), src, dst, score)
        run = self._run(edges, {"n_nodes": n_nodes, "cut": cut, "min_hits": min_hits})
        require_graph_fits("track_builder", run.status["errors"], n_nodes, len(src), shape)
        fields = _node(shape), _FLAG, _FLAG
        node, first, blank = unpack_rows(fields, run.outputs["tracks"][0])
        nodes = np.compress(blank == 0, node)
        return HitLists(np.append(np.flatnonzero(first), nodes.size), nodes)


def connected_components_module(contract: Contract) -> RtlModule:
    """Return ``connected_components.sv`` with the capacities of ``contract``."""
    shape = contract.kernels.connected_components
    return RtlModule(
        top="connected_components",
        sources=tuple(
            hls_dir() / "rtl" / f"{name}.sv"
            for name in (
                *("row_memory", "write_forward", "skid_buffer", "stream_fifo"),
                "connected_components",
            )
        ),
        inputs=(Stream("edges", row_bits(_edge_fields(shape, _FLAG))),),
        outputs=(Stream("labels", row_bits((_node(shape), _FLAG))),),
        scalars={"n_nodes": _COUNT_BITS},
        status={"errors": 2},
        parameters={"MAX_NODES": shape.max_nodes, "MAX_EDGES": shape.max_edges},
    )


def track_builder_module(contract: Contract) -> RtlModule:
    """Return ``track_builder.sv`` with the capacities and the score format of ``contract``."""
    shape, score = contract.kernels.track_builder, _score(contract)
    count_bits = shape.max_nodes.bit_length()
    return RtlModule(
        top="track_builder",
        sources=tuple(
            hls_dir() / "rtl" / f"{name}.sv"
            for name in (
                *("row_memory", "write_forward", "lowest_bit", "chain_follower"),
                "track_builder",
            )
        ),
        inputs=(Stream("edges", row_bits(_edge_fields(shape, score))),),
        outputs=(Stream("tracks", row_bits((_node(shape), _FLAG, _FLAG))),),
        scalars={
            "n_nodes": _COUNT_BITS,
            "cut": score.bits + 1,
            "min_hits": builder_reference.MAX_MIN_HITS.bit_length(),
        },
        status={"errors": 2, "n_tracks": count_bits, "n_hits": count_bits},
        parameters={
            "MAX_NODES": shape.max_nodes,
            "MAX_EDGES": shape.max_edges,
            "SCORE_BITS": score.bits,
        },
    )


def _node(shape: GraphShape) -> Field:
    return Field((shape.max_nodes - 1).bit_length())


def _score(contract: Contract) -> Field:
    return Field(contract.network.bits.decoder.output, signed=True)


def _edge_fields(shape: GraphShape, value: Field) -> tuple[Field, ...]:
    return _node(shape), _node(shape), value, _FLAG


def _edge_rows(shape: GraphShape, value: Field, src: Int64, dst: Int64, column: Int64) -> RowWords:
    """Return a row per edge, or a blank one without edges.

    In a graph of too many nodes their numbers are cut: the module does not read them.
    """
    mask = (1 << _node(shape).bits) - 1
    columns = [np.asarray(src) & mask, np.asarray(dst) & mask, np.asarray(column)]
    blank = np.zeros(len(columns[0]), dtype=np.int64)
    if not blank.size:
        columns, blank = [np.zeros(1, dtype=np.int64)] * 3, np.ones(1, dtype=np.int64)
    return pack_rows(_edge_fields(shape, value), (*columns, blank))
