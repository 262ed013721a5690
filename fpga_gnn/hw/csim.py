"""C simulation: the HLS kernels compiled for the host, bit for bit what the firmware computes."""

from __future__ import annotations

import ctypes
import hashlib
import importlib.metadata
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fpga_gnn.contract import (
    HEADER_NAME,
    CandidateRecords,
    Contract,
    DydxLaw,
    HitRecords,
    ModuleMapRecords,
    dydx_sign,
    emit_header,
)
from fpga_gnn.contract.config import GraphShape
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import CapacityError, InputError
from fpga_gnn.hw.kernels import hls_dir, load_kernels
from fpga_gnn.hw.records import (
    EDGES_WITH_CYCLE,
    OVERFLOW_EDGES,
    OVERFLOW_NODES,
    OVERFLOW_PASSES,
    TrackStatus,
    Words,
    pack_doublets,
    pack_edges,
    pack_hits,
    pack_scored_edges,
    pack_starts,
    pack_triplets,
    unpack_candidates,
    unpack_edges,
    unpack_hit_lists,
    unpack_nodes,
    unpack_track_status,
)
from fpga_gnn.hw.toolchain import LIBRARY_FLAGS, ap_types_dir, find_compiler, run
from fpga_gnn.reference import connected_components as components_reference
from fpga_gnn.reference import dwalk as dwalk_reference
from fpga_gnn.reference import module_map as map_reference
from fpga_gnn.reference import track_builder as builder_reference
from fpga_gnn.reference.hit_lists import HitLists

_COMPILE_TIMEOUT_S = 600.0
_WORDS = np.ctypeslib.ndpointer(dtype=np.int32, flags="C_CONTIGUOUS")
_HALF_WORDS = np.ctypeslib.ndpointer(dtype=np.int16, flags="C_CONTIGUOUS")
_BIT_WORDS = np.ctypeslib.ndpointer(dtype=np.uint64, flags="C_CONTIGUOUS")
_STATUS = np.ctypeslib.ndpointer(dtype=np.int64, shape=(8,), flags="C_CONTIGUOUS")
_FEATURE_BITS = 16
"""Of a feature in the module map's records."""


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


class CsimModuleMap:
    """The module-map kernel of ``contract``, compiled on first use and kept in the user's cache.

    Raises ``ToolMissingError`` without a C++ compiler and ``InputError`` for a feature format that
    the kernel's records do not hold.
    """

    def __init__(self, contract: Contract) -> None:
        form = contract.features.format
        if not form.signed or form.bits > _FEATURE_BITS:
            raise InputError(
                f"quant config {contract.name}: features.format",
                f"{form.bits} bits{'' if form.signed else ', unsigned'}",
                f"signed, {_FEATURE_BITS} bits or fewer",
            )
        self.contract = contract
        self._kernel = _load("module_map", contract)
        self._kernel.module_map_open.restype = ctypes.c_void_p
        self._kernel.module_map_close.argtypes = [ctypes.c_void_p]
        self._kernel.module_map_candidates.argtypes = [ctypes.c_void_p, ctypes.c_int32, _WORDS]
        self._kernel.module_map.argtypes = [
            *(ctypes.c_void_p, _WORDS, _WORDS, _BIT_WORDS, _WORDS, _BIT_WORDS, _WORDS),
            *[ctypes.c_int32] * 4,
            *(_HALF_WORDS, _HALF_WORDS, _STATUS),
        ]
        for name in ("module_map", "module_map_close", "module_map_candidates"):
            getattr(self._kernel, name).restype = None

    def build(
        self, hits: HitRecords, module_map: ModuleMapRecords, dydx: DydxLaw = "compatible"
    ) -> CandidateRecords:
        """Return the candidates; same law and errors as ``reference.module_map.build``.

        The kernel keeps them on chip as bits; the graph is what it writes.
        """
        with self._memory() as memory:
            n_candidates = self._run(memory, hits, module_map, dydx).n_candidates
            words = np.zeros((n_candidates, 4), dtype=np.int32)
            self._kernel.module_map_candidates(memory, module_map.n_modules, words)
        return unpack_candidates(words)

    def graph(
        self, hits: HitRecords, module_map: ModuleMapRecords, dydx: DydxLaw = "compatible"
    ) -> MappedGraph:
        """Return the graph of the tagged candidates with the classifier's integer features."""
        with self._memory() as memory:
            return self._run(memory, hits, module_map, dydx)

    @contextmanager
    def _memory(self) -> Iterator[int]:
        memory = self._kernel.module_map_open()
        try:
            yield memory
        finally:
            self._kernel.module_map_close(memory)

    def _run(
        self, memory: int, hits: HitRecords, module_map: ModuleMapRecords, dydx: DydxLaw
    ) -> MappedGraph:
        map_reference.check_inputs(hits, module_map, self.contract)
        shape, features = self.contract.kernels.module_map, self.contract.features
        nodes = np.zeros((len(hits), 4), dtype=np.int16)
        edges = np.zeros((shape.max_edges, 16), dtype=np.int16)
        status = np.zeros(8, dtype=np.int64)
        sizes = (len(hits), module_map.n_modules, module_map.n_doublets)
        self._kernel.module_map(
            memory,
            pack_hits(hits),
            pack_starts(hits.module_start),
            pack_doublets(module_map, self.contract),
            pack_starts(module_map.doublet_start),
            pack_triplets(module_map, self.contract),
            pack_starts(module_map.triplet_start),
            *sizes,
            int(dydx_sign(dydx) < 0),
            nodes,
            edges,
            status,
        )
        _, _, _, _, n_candidates, n_edges, n_saturated, _ = map(int, status)
        require_map_fits(status, sizes, self.contract)
        src, dst, edge_features = unpack_edges(edges[:n_edges], len(features.edge))
        node_features = unpack_nodes(nodes, len(features.node))
        return MappedGraph(node_features, edge_features, src, dst, n_candidates, n_saturated)


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


class CsimConnectedComponents:
    """The connected-components kernel of ``contract``, compiled like ``CsimModuleMap``."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self._kernel = _load("connected_components", contract).connected_components
        self._kernel.argtypes = [ctypes.c_int32, ctypes.c_int32, _WORDS, _WORDS]
        self._kernel.restype = ctypes.c_int32

    def label(self, n_nodes: int, src: Int64, dst: Int64, keep: Int64) -> Int64:
        """Return labels [N] as ``reference.connected_components.label`` does.

        Raises ``CapacityError`` when the graph has more nodes or edges than the kernel's slots.
        """
        components_reference.check_inputs(n_nodes, src, dst, keep)
        shape = self.contract.kernels.connected_components
        labels = np.zeros(min(n_nodes, shape.max_nodes), dtype=np.int32)
        overflow = self._kernel(n_nodes, len(src), pack_edges(src, dst, keep), labels)
        _require_graph_fits("connected_components", overflow, n_nodes, len(src), shape)
        return labels.astype(np.int64)


class CsimTrackBuilder:
    """The track-builder kernel of ``contract``, compiled like ``CsimModuleMap``."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self._kernel = _load("track_builder", contract).track_builder
        self._kernel.argtypes = [*[ctypes.c_int32] * 4, *[_WORDS] * 4]
        self._kernel.restype = None

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
        self._kernel(n_nodes, len(edges), cut, min_hits, edges, *words)
        return _read_tracks("track_builder", words, n_nodes, len(edges), shape)[0]


class CsimDwalk:
    """The DWALK kernel of ``contract``, compiled like ``CsimModuleMap``."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self._kernel = _load("dwalk", contract).dwalk
        self._kernel.argtypes = [*[ctypes.c_int32] * 7, *[_WORDS] * 4]
        self._kernel.restype = None

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
        self._kernel(
            n_nodes,
            len(edges),
            settings.component_cut,
            settings.min_cut,
            settings.add_cut,
            settings.min_hits,
            settings.by_length,
            edges,
            *words,
        )
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
    _require_graph_fits(kernel, status.errors, n_nodes, n_edges, shape)
    return unpack_hit_lists(start, hits, status), status


def _require_graph_fits(
    kernel: str, errors: int, n_nodes: int, n_edges: int, shape: GraphShape
) -> None:
    for bit, need, what, slots in (
        (OVERFLOW_NODES, n_nodes, "nodes", shape.max_nodes),
        (OVERFLOW_EDGES, n_edges, "edges", shape.max_edges),
    ):
        if errors & bit:
            raise CapacityError(
                f"{kernel.replace('_', ' ')}: {need} {what}, capacity {slots}; "
                f"raise kernels.{kernel}.max_{what}"
            )


def cache_dir() -> Path:
    """Return the folder of compiled kernels: ``$XDG_CACHE_HOME`` or ``~/.cache``, fpga-gnn."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "fpga-gnn"


def load_library(path: Path, contract: Contract) -> ctypes.CDLL:
    """Load a compiled bridge; raises ``InputError`` when it is another contract's."""
    library = ctypes.CDLL(str(path))
    library.contract_sha256.restype = ctypes.c_char_p
    contract.require_hash(library.contract_sha256().decode(), path)
    return library


def compile_bridge(
    bridge: Path, contract: Contract, library: Path, options: Sequence[str | Path] = ()
) -> None:
    """Compile ``bridge`` for ``contract`` to the shared ``library``, whole or not at all.

    ``options`` are more words for the compiler: flags, folders, sources.
    """
    kernels, sources = load_kernels(), hls_dir()
    compiler = find_compiler()
    with tempfile.TemporaryDirectory(dir=library.parent) as scratch:
        built = Path(scratch) / library.name
        (built.parent / HEADER_NAME).write_text(emit_header(contract), encoding="utf-8")
        include = [f"-I{built.parent}", f"-I{sources / 'include'}", f"-isystem{ap_types_dir()}"]
        command = [compiler.path, *kernels.cxxflags, *LIBRARY_FLAGS, *include, *options, bridge]
        run([*command, "-o", built], library.with_suffix(".log"), _COMPILE_TIMEOUT_S)
        built.replace(library)


def _load(name: str, contract: Contract) -> ctypes.CDLL:
    return load_library(_compile(name, contract), contract)


def _compile(name: str, contract: Contract) -> Path:
    """Return the shared library of kernel ``name``; its file name hashes all that went into it."""
    kernels, sources = load_kernels(), hls_dir()
    bridge = sources / kernels.kernels[name].bridge
    flags = (*kernels.cxxflags, *LIBRARY_FLAGS)
    digest = hashlib.sha256()
    versions = find_compiler().version, importlib.metadata.version("hls4ml")
    for text in (*versions, *flags, emit_header(contract)):
        digest.update(text.encode() + b"\0")
    for path in (bridge, *sorted((sources / "include").rglob("*.hpp"))):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    folder = cache_dir() / "csim"
    library = folder / f"{name}-{digest.hexdigest()[:32]}.so"
    if not library.is_file():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            compile_bridge(bridge, contract, library)
        except OSError as error:
            expected = "a writable cache (set XDG_CACHE_HOME)"
            raise InputError(folder, error.strerror, expected) from error
    return library
