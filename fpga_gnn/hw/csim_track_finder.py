"""C simulation of the three kernels as one dataflow: hits to tracks in one call."""

from __future__ import annotations

import ctypes
from pathlib import Path

import numpy as np

from fpga_gnn.contract import Contract, DydxLaw, HitRecords, ModuleMapRecords
from fpga_gnn.errors import CapacityError
from fpga_gnn.hw.csim import load_composition
from fpga_gnn.hw.kernel_calls import map_arguments, require_map_fits, track_words
from fpga_gnn.hw.records import (
    OVERFLOW_PARTITION_EDGES,
    OVERFLOW_PARTITION_NODES,
    unpack_hit_lists,
    unpack_track_status,
)
from fpga_gnn.reference import module_map as map_reference
from fpga_gnn.reference.hit_lists import HitLists

_WORDS = np.ctypeslib.ndpointer(dtype=np.int32, flags="C_CONTIGUOUS")
_BIT_WORDS = np.ctypeslib.ndpointer(dtype=np.uint64, flags="C_CONTIGUOUS")
_STATUS = np.ctypeslib.ndpointer(dtype=np.int64, shape=(8,), flags="C_CONTIGUOUS")


class CsimTrackFinder:
    """The composition of ``contract``, with the edge classifier of the hls4ml ``project`` folder.

    Compiled into the project's folder. Raises ``ToolMissingError`` without a C++ compiler.
    """

    def __init__(self, contract: Contract, project: Path) -> None:
        self.contract = contract
        self._kernel = load_composition("track_finder", contract, project).track_finder
        self._kernel.argtypes = [
            *(_WORDS, _WORDS, _BIT_WORDS, _WORDS, _BIT_WORDS, _WORDS),
            *[ctypes.c_int32] * 6,
            *(_WORDS, _WORDS, _WORDS, _STATUS),
        ]
        self._kernel.restype = None

    def build(
        self,
        hits: HitRecords,
        module_map: ModuleMapRecords,
        dydx: DydxLaw,
        cut: int,
        min_hits: int,
    ) -> HitLists:
        """Return the tracks of edges with scores above ``cut`` that have ``min_hits`` hits or more.

        Laws and errors of ``reference.module_map.build`` and ``reference.track_builder.build``;
        also ``CapacityError`` when the event's graph does not fit the partition.
        """
        contract = self.contract
        map_reference.check_inputs(hits, module_map, contract)
        start, nodes, words = track_words(contract.kernels.track_builder)
        map_status = np.zeros(8, dtype=np.int64)
        self._kernel(
            *map_arguments(hits, module_map, contract, dydx),
            cut,
            min_hits,
            start,
            nodes,
            words,
            map_status,
        )
        sizes = len(hits), module_map.n_modules, module_map.n_doublets
        require_map_fits(map_status, sizes, contract)
        status = unpack_track_status(words)
        n_edges = int(map_status[5])
        for bit, need, what, slots in (
            (OVERFLOW_PARTITION_NODES, len(hits), "nodes", contract.partition.usable_nodes),
            (OVERFLOW_PARTITION_EDGES, n_edges, "edges", contract.partition.max_edges),
        ):
            if status.errors & bit:
                raise CapacityError(
                    f"track finder: {need} {what} of an event, {slots} in a partition; run the "
                    "kernels one by one (fpga-gnn reconstruct) or raise "
                    f"partition.max_{what}"
                )
        return unpack_hit_lists(start, nodes, status)
