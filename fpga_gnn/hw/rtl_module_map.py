"""The module map's RTL, simulated cycle by cycle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_gnn.contract import (
    SV_PACKAGE_NAME,
    Contract,
    DydxLaw,
    HitRecords,
    ModuleMapRecords,
    dydx_sign,
    emit_sv_package,
)
from fpga_gnn.hw.cache import build_once, cache_dir, digest, write_whole
from fpga_gnn.hw.kernel_calls import MappedGraph, require_feature_format, require_map_fits
from fpga_gnn.hw.kernels import hls_dir
from fpga_gnn.hw.records import (
    pack_doublets,
    pack_hits,
    pack_starts,
    pack_triplets,
    unpack_edges,
    unpack_nodes,
)
from fpga_gnn.hw.rows import RowWords
from fpga_gnn.hw.verilator import RtlModule, RtlRun, Stalls, Stream, build
from fpga_gnn.reference import module_map as map_reference

_SOURCES = (
    "module_map_types",
    "stream_fifo",
    "row_memory",
    "delay_line",
    "credit_pipeline",
    "sieve_pipeline",
    "lowest_bit",
    "value_window",
    "ratio_window",
    "doublet_test",
    "slope_test",
    "outer_test",
    "bitmap_rows",
    "candidate_reader",
    "feature_clip",
    "shifted_feature",
    "ratio_feature",
    "node_features",
    "edge_features",
    "module_walk",
    "module_map_index",
    "module_map_nodes",
    "module_map_find",
    "module_map_tag",
    "module_map_emit",
    "module_map",
)
_INPUTS = {"sizes": 96, "hits": 256, "starts": 64, "links": 64, "doublets": 256, "triplets": 512}
_OUTPUTS = {"nodes": 64, "edges": 256, "status": 512}
_PHASES = ("index", "find", "tag", "emit")


class RtlModuleMap:
    """The module map in SystemVerilog with the constants of ``contract``, compiled by Verilator on
    first use and kept in the user's cache; ``stalls`` interrupt all its streams.

    Raises ``ToolMissingError`` without Verilator or a C++ compiler and ``InputError`` for a feature
    format that the kernel's records do not hold.
    """

    def __init__(self, contract: Contract, stalls: Stalls | None = None) -> None:
        require_feature_format(contract)
        self.contract = contract
        self.last_run: RtlRun | None = None
        """What the last simulation did, or nothing before the first."""
        self._simulation, self._stalls = build(module_map_module(contract)), stalls

    @property
    def phase_cycles(self) -> dict[str, int]:
        """Cycles (``rtl-sim``) of each phase of the last event."""
        if self.last_run is None:
            raise ValueError("no run yet")
        return {phase: self.last_run.status[f"{phase}_cycles"] for phase in _PHASES}

    def graph(
        self, hits: HitRecords, module_map: ModuleMapRecords, dydx: DydxLaw = "compatible"
    ) -> MappedGraph:
        """Return the graph of the tagged candidates; as ``CsimModuleMap.graph``.

        The candidates themselves stay on chip.
        """
        return self.graphs([hits], module_map, dydx)[0]

    def graphs(
        self,
        events: Sequence[HitRecords],
        module_map: ModuleMapRecords,
        dydx: DydxLaw = "compatible",
    ) -> list[MappedGraph]:
        """Return the graphs of ``events``, sent one right after the other.

        Raises ``CapacityError`` for the first event that has more than the kernel's slots, once all
        have been through.
        """
        for hits in events:
            map_reference.check_inputs(hits, module_map, self.contract)
        rows = [self._rows(hits, module_map) for hits in events]
        packets = {name: [event[name] for event in rows] for name in _INPUTS}
        physical = {"physical": int(dydx_sign(dydx) < 0)}
        run = self._simulation.run(packets, physical, self._stalls)
        self.last_run = run
        given = zip(events, *(run.outputs[name] for name in _OUTPUTS), strict=True)
        return [self._graph(hits, module_map, *packets) for hits, *packets in given]

    def _rows(self, hits: HitRecords, module_map: ModuleMapRecords) -> dict[str, RowWords]:
        """Return the packet of each input stream; one without rows is a row of zeros."""
        sizes = len(hits), module_map.n_modules, module_map.n_doublets
        packets: tuple[NDArray[Any], ...] = (
            np.array([sizes], dtype=np.int32),
            pack_hits(hits),
            _beside(hits.module_start, module_map.doublet_start),
            _beside(module_map.doublet_target, module_map.triplet_start[1:]),
            pack_doublets(module_map, self.contract),
            pack_triplets(module_map, self.contract),
        )
        return {
            name: rows.view(np.uint32) if len(rows) else np.zeros((1, bits // 32), dtype=np.uint32)
            for (name, bits), rows in zip(_INPUTS.items(), packets, strict=True)
        }

    def _graph(
        self,
        hits: HitRecords,
        module_map: ModuleMapRecords,
        nodes: RowWords,
        edges: RowWords,
        status: RowWords,
    ) -> MappedGraph:
        words, features = status[0].view(np.int64), self.contract.features
        sizes = len(hits), module_map.n_modules, module_map.n_doublets
        require_map_fits(words, sizes, self.contract)
        _, _, _, _, n_candidates, n_edges, n_saturated, _ = map(int, words)
        node_features = unpack_nodes(nodes[: len(hits)].view(np.int16), len(features.node))
        src, dst, edge_features = unpack_edges(edges[:n_edges].view(np.int16), len(features.edge))
        return MappedGraph(node_features, edge_features, src, dst, n_candidates, n_saturated)


def module_map_module(contract: Contract) -> RtlModule:
    """Return ``hls/rtl/module_map.sv`` with the constants of ``contract``."""
    rtl = hls_dir() / "rtl"
    return RtlModule(
        top="module_map",
        sources=(_package(contract), *(rtl / f"{name}.sv" for name in _SOURCES)),
        inputs=tuple(Stream(*port) for port in _INPUTS.items()),
        outputs=tuple(Stream(*port) for port in _OUTPUTS.items()),
        scalars={"physical": 1},
        status={f"{phase}_cycles": 32 for phase in _PHASES},
    )


def _beside(low: NDArray[np.int64], high: NDArray[np.int64]) -> NDArray[np.int32]:
    return np.stack([pack_starts(low), pack_starts(high)], axis=1)


def _package(contract: Contract) -> Path:
    """Return the file of the contract's packages, in the user's cache."""
    text = emit_sv_package(contract)
    file = cache_dir() / "rtl" / f"contract-{digest([text], [])}" / SV_PACKAGE_NAME

    def write(path: Path) -> None:
        path.write_text(text, encoding="utf-8")

    return build_once(file, lambda path: write_whole(path, write))
