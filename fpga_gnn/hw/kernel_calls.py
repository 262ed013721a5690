"""The kernels as their callers see them: records packed, results unpacked, overflows raised.

What runs a kernel, its C simulation or a card, is a ``KernelCall``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_gnn.contract import Contract, DydxLaw, HitRecords, ModuleMapRecords, dydx_sign
from fpga_gnn.contract.config import GraphShape
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import CapacityError, InputError
from fpga_gnn.hw.records import (
    EDGES_WITH_CYCLE,
    OVERFLOW_EDGES,
    OVERFLOW_NODES,
    OVERFLOW_PASSES,
    TrackStatus,
    Words,
    pack_doublets,
    pack_edges,
    pack_graph_edges,
    pack_hits,
    pack_nodes,
    pack_scored_edges,
    pack_starts,
    pack_triplets,
    unpack_edges,
    unpack_hit_lists,
    unpack_nodes,
    unpack_track_status,
)
from fpga_gnn.reference import connected_components as components_reference
from fpga_gnn.reference import dwalk as dwalk_reference
from fpga_gnn.reference import module_map as map_reference
from fpga_gnn.reference import track_builder as builder_reference
from fpga_gnn.reference.hit_lists import HitLists

_FEATURE_BITS = 16
"""Of a feature in the module map's records."""

Arguments = Sequence[int | NDArray[Any]]
Results = Sequence[NDArray[Any]]
KernelCall = Callable[[Arguments, Results], None]
"""Runs a kernel of ``hls/top`` once: takes its arguments in order, scalars as int and contiguous
records, then the arrays that it writes, which are its last arguments."""
KernelCalls = Callable[[Iterable[tuple[Arguments, Results]]], Iterable[Results]]
"""Runs a kernel many times, several at once if it can; yields the results in order."""


@dataclass(frozen=True, eq=False)
class MappedGraph:
    """What the module-map kernel writes: ``node_features`` [N, Fn], ``edge_features`` [E, Fe] and
    ``src``, ``dst`` [E] in canonical order; how many candidates it found, how many features the
    format clipped."""

    node_features: Int64
    edge_features: Int64
    src: Int64
    dst: Int64
    n_candidates: int
    n_saturated: int


class ModuleMapKernel:
    """The module map of ``contract``.

    Raises ``InputError`` for a feature format that the kernel's records do not hold.
    """

    def __init__(self, contract: Contract, call: KernelCall) -> None:
        require_feature_format(contract)
        self.contract, self._call = contract, call

    def graph(
        self, hits: HitRecords, module_map: ModuleMapRecords, dydx: DydxLaw = "compatible"
    ) -> MappedGraph:
        """Return the graph of the tagged candidates with the classifier's integer features.

        Law and errors of ``reference.module_map.build``.
        """
        map_reference.check_inputs(hits, module_map, self.contract)
        shape, features = self.contract.kernels.module_map, self.contract.features
        nodes = np.zeros((len(hits), 4), dtype=np.int16)
        edges = np.zeros((shape.max_edges, 16), dtype=np.int16)
        status = np.zeros(8, dtype=np.int64)
        arguments = map_arguments(hits, module_map, self.contract, dydx)
        self._call(arguments, (nodes, edges, status))
        _, _, _, _, n_candidates, n_edges, n_saturated, _ = map(int, status)
        sizes = len(hits), module_map.n_modules, module_map.n_doublets
        require_map_fits(status, sizes, self.contract)
        src, dst, edge_features = unpack_edges(edges[:n_edges], len(features.edge))
        node_features = unpack_nodes(nodes, len(features.node))
        return MappedGraph(node_features, edge_features, src, dst, n_candidates, n_saturated)


def map_arguments(
    hits: HitRecords, module_map: ModuleMapRecords, contract: Contract, dydx: DydxLaw
) -> Arguments:
    """Return the first arguments of every kernel that maps hits: records, sizes, dydx law."""
    return (
        pack_hits(hits),
        pack_starts(hits.module_start),
        pack_doublets(module_map, contract),
        pack_starts(module_map.doublet_start),
        pack_triplets(module_map, contract),
        pack_starts(module_map.triplet_start),
        *(len(hits), module_map.n_modules, module_map.n_doublets),
        int(dydx_sign(dydx) < 0),
    )


def require_feature_format(contract: Contract) -> None:
    """Raise ``InputError`` for a feature format that the module map's records do not hold."""
    form = contract.features.format
    if not form.signed or form.bits > _FEATURE_BITS:
        raise InputError(
            f"quant config {contract.name}: features.format",
            f"{form.bits} bits{'' if form.signed else ', unsigned'}",
            f"signed, {_FEATURE_BITS} bits or fewer",
        )


def require_map_fits(status: Int64, sizes: tuple[int, int, int], contract: Contract) -> None:
    """Raise ``CapacityError`` for an overflow in ``module_map_status`` words [8].

    ``sizes`` are the numbers of hits, modules and doublets.
    """
    overflow, doublets, triplets, blocks, _, n_edges, _, _ = map(int, status)
    shape = contract.kernels.module_map
    needs = (*sizes, doublets, triplets, blocks, n_edges)
    for bit, (what, need) in enumerate(zip(map_reference.CAPACITIES, needs, strict=True)):
        if overflow >> bit & 1:
            raise map_reference.capacity_error(what, need, getattr(shape, f"max_{what}"))


class PartitionScorerKernel:
    """The edge classifier of ``contract`` on partitions, one run each."""

    def __init__(self, contract: Contract, calls: KernelCalls) -> None:
        require_feature_format(contract)
        self.contract, self._calls = contract, calls

    def scores(self, partitions: Iterable[tuple[Int64, Int64, Int64]]) -> Iterator[Int64]:
        """Yield the integer scores [max_edges] of the edge slots of each partition.

        A partition is its node features [max_nodes, Fn], edge features [max_edges, Fe] and ends
        [max_edges, 2], as ``graphs.partition.pack`` places them.
        """
        n_slots = self.contract.partition.max_edges
        calls = (
            (
                (pack_nodes(node_features), pack_graph_edges(ends, edge_features)),
                (np.zeros(n_slots, dtype=np.int16),),
            )
            for node_features, edge_features, ends in partitions
        )
        for (scores,) in self._calls(calls):
            yield scores.astype(np.int64)


class ConnectedComponentsKernel:
    """The connected components of ``contract``."""

    def __init__(self, contract: Contract, call: KernelCall) -> None:
        self.contract, self._call = contract, call

    def label(self, n_nodes: int, src: Int64, dst: Int64, keep: Int64) -> Int64:
        """Return labels [N] as ``reference.connected_components.label`` does.

        Raises ``CapacityError`` when the graph has more nodes or edges than the kernel's slots.
        """
        components_reference.check_inputs(n_nodes, src, dst, keep)
        shape = self.contract.kernels.connected_components
        labels = np.zeros(min(n_nodes, shape.max_nodes), dtype=np.int32)
        overflow = np.zeros(1, dtype=np.int32)
        self._call((n_nodes, len(src), pack_edges(src, dst, keep)), (labels, overflow))
        require_graph_fits("connected_components", int(overflow[0]), n_nodes, len(src), shape)
        return labels.astype(np.int64)


class TrackBuilderKernel:
    """The track builder of ``contract``."""

    def __init__(self, contract: Contract, call: KernelCall) -> None:
        self.contract, self._call = contract, call

    def build(
        self, n_nodes: int, src: Int64, dst: Int64, score: Int64, cut: int, min_hits: int
    ) -> HitLists:
        """Return the tracks; same law and errors as ``reference.track_builder.build``.

        Raises ``CapacityError`` when the graph has more nodes or edges than the kernel's slots.
        """
        builder_reference.check_inputs(n_nodes, src, dst, score, cut, min_hits, self.contract)
        shape = self.contract.kernels.track_builder
        edges = pack_scored_edges(src, dst, score)
        words = track_words(shape)
        self._call((n_nodes, len(edges), cut, min_hits, edges), words)
        return _read_tracks("track_builder", words, n_nodes, len(edges), shape)[0]


class DwalkKernel:
    """DWALK of ``contract``."""

    def __init__(self, contract: Contract, call: KernelCall) -> None:
        self.contract, self._call = contract, call

    def build(
        self,
        n_nodes: int,
        src: Int64,
        dst: Int64,
        score: Int64,
        settings: dwalk_reference.DwalkSettings,
    ) -> dwalk_reference.Walk:
        """Return the tracks; same law and errors as ``reference.dwalk.build``.

        Raises ``CapacityError`` when the graph has more nodes or edges than the kernel's slots or
        needs more passes than it makes.
        """
        dwalk_reference.check_inputs(n_nodes, src, dst, score)
        shape = self.contract.kernels.dwalk
        edges = pack_scored_edges(src, dst, score)
        words = track_words(shape)
        arguments = (
            n_nodes,
            len(edges),
            settings.component_cut,
            settings.min_cut,
            settings.add_cut,
            settings.min_hits,
            int(settings.by_length),
            edges,
        )
        self._call(arguments, words)
        tracks, status = _read_tracks("dwalk", words, n_nodes, len(edges), shape)
        if status.errors & EDGES_WITH_CYCLE:
            raise dwalk_reference.cycle_error()
        if status.errors & OVERFLOW_PASSES:
            raise CapacityError(
                f"dwalk: {status.n_unfinished} edges left after {status.n_passes} passes; "
                "raise kernels.dwalk.max_passes or the score cuts"
            )
        return dwalk_reference.Walk(tracks, status.n_passes, status.n_visits)


def track_words(shape: GraphShape) -> tuple[Words, Words, Words]:
    """Return room for what a track-building kernel writes: starts of the tracks, hits, status."""
    sizes = shape.max_nodes + 1, shape.max_nodes, 8
    start, hits, status = (np.zeros(size, dtype=np.int32) for size in sizes)
    return start, hits, status


def _read_tracks(
    kernel: str, words: tuple[Words, Words, Words], n_nodes: int, n_edges: int, shape: GraphShape
) -> tuple[HitLists, TrackStatus]:
    start, hits, status_words = words
    status = unpack_track_status(status_words)
    require_graph_fits(kernel, status.errors, n_nodes, n_edges, shape)
    return unpack_hit_lists(start, hits, status), status


def require_graph_fits(
    kernel: str, errors: int, n_nodes: int, n_edges: int, shape: GraphShape
) -> None:
    """Raise ``CapacityError`` for an overflow in the ``errors`` of a kernel that reads a graph."""
    for bit, need, what, slots in (
        (OVERFLOW_NODES, n_nodes, "nodes", shape.max_nodes),
        (OVERFLOW_EDGES, n_edges, "edges", shape.max_edges),
    ):
        if errors & bit:
            raise CapacityError(
                f"{kernel.replace('_', ' ')}: {need} {what}, capacity {slots}; "
                f"raise kernels.{kernel}.max_{what}"
            )
