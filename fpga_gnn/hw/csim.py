"""C simulation: the HLS kernels compiled for the host, bit for bit what the firmware computes."""

from __future__ import annotations

import ctypes
import importlib.metadata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from fpga_gnn.contract import (
    HEADER_NAME,
    CandidateRecords,
    Contract,
    DydxLaw,
    HitRecords,
    ModuleMapRecords,
    emit_header,
)
from fpga_gnn.hw.cache import build_once, cache_dir, digest, write_whole
from fpga_gnn.hw.kernel_calls import (
    Arguments,
    ConnectedComponentsKernel,
    DwalkKernel,
    MappedGraph,
    ModuleMapKernel,
    Results,
    TrackBuilderKernel,
    require_feature_format,
)
from fpga_gnn.hw.kernels import hls_dir, load_kernels
from fpga_gnn.hw.records import unpack_candidates
from fpga_gnn.hw.toolchain import LIBRARY_FLAGS, ap_types_dir, find_compiler, run

_COMPILE_TIMEOUT_S = 600.0
_CLASSIFIER = "edge_classifier"
_WORDS = np.ctypeslib.ndpointer(dtype=np.int32, flags="C_CONTIGUOUS")
_HALF_WORDS = np.ctypeslib.ndpointer(dtype=np.int16, flags="C_CONTIGUOUS")
_BIT_WORDS = np.ctypeslib.ndpointer(dtype=np.uint64, flags="C_CONTIGUOUS")
_STATUS = np.ctypeslib.ndpointer(dtype=np.int64, shape=(8,), flags="C_CONTIGUOUS")


class CsimModuleMap:
    """The module-map kernel of ``contract``, compiled on first use and kept in the user's cache.

    Raises ``ToolMissingError`` without a C++ compiler and ``InputError`` for a feature format that
    the kernel's records do not hold.
    """

    def __init__(self, contract: Contract) -> None:
        require_feature_format(contract)
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
        def call(arguments: Arguments, results: Results) -> None:
            self._kernel.module_map(memory, *arguments, *results)

        return ModuleMapKernel(self.contract, call).graph(hits, module_map, dydx)


class _Compiled:
    """A kernel whose function in the compiled bridge is ``_kernel``."""

    _kernel: Any

    def _run(self, arguments: Arguments, results: Results) -> None:
        self._kernel(*arguments, *results)


class CsimConnectedComponents(_Compiled, ConnectedComponentsKernel):
    """The connected-components kernel of ``contract``, compiled like ``CsimModuleMap``."""

    def __init__(self, contract: Contract) -> None:
        super().__init__(contract, self._run)
        self._kernel = _load("connected_components", contract).connected_components
        self._kernel.argtypes = [ctypes.c_int32, ctypes.c_int32, *[_WORDS] * 3]
        self._kernel.restype = None


class CsimTrackBuilder(_Compiled, TrackBuilderKernel):
    """The track-builder kernel of ``contract``, compiled like ``CsimModuleMap``."""

    def __init__(self, contract: Contract) -> None:
        super().__init__(contract, self._run)
        self._kernel = _load("track_builder", contract).track_builder
        self._kernel.argtypes = [*[ctypes.c_int32] * 4, *[_WORDS] * 4]
        self._kernel.restype = None


class CsimDwalk(_Compiled, DwalkKernel):
    """The DWALK kernel of ``contract``, compiled like ``CsimModuleMap``."""

    def __init__(self, contract: Contract) -> None:
        super().__init__(contract, self._run)
        self._kernel = _load("dwalk", contract).dwalk
        self._kernel.argtypes = [*[ctypes.c_int32] * 7, *[_WORDS] * 4]
        self._kernel.restype = None


def load_library(path: Path, contract: Contract) -> ctypes.CDLL:
    """Load a compiled bridge; raises ``InputError`` when it is another contract's."""
    library = ctypes.CDLL(str(path))
    library.contract_sha256.restype = ctypes.c_char_p
    contract.require_hash(library.contract_sha256().decode(), path)
    return library


def load_composition(name: str, contract: Contract, project: Path) -> ctypes.CDLL:
    """Compile composition ``name`` of ``hls/kernels.yaml`` with the hls4ml project in the folder
    ``project``, into that folder, and load it."""
    folder, firmware = project.resolve(), project.resolve() / "firmware"
    weights = f'-DWEIGHTS_DIR="{firmware / "weights"}"'
    options = (f"-isystem{folder}", f"-isystem{firmware}", weights, "-w")
    bridge = hls_dir() / load_kernels().compositions[name].bridge
    library = folder / f"{name}.so"
    compile_bridge(bridge, contract, library, (*options, firmware / f"{_CLASSIFIER}.cpp"))
    return load_library(library, contract)


def compile_bridge(
    bridge: Path, contract: Contract, library: Path, options: Sequence[str | Path] = ()
) -> None:
    """Compile ``bridge`` for ``contract`` to the shared ``library``, whole or not at all.

    ``options`` are more words for the compiler: flags, folders, sources.
    """
    kernels, sources = load_kernels(), hls_dir()
    compiler = find_compiler()

    def compile_to(built: Path) -> None:
        (built.parent / HEADER_NAME).write_text(emit_header(contract), encoding="utf-8")
        include = [f"-I{built.parent}", f"-I{sources / 'include'}", f"-isystem{ap_types_dir()}"]
        command = [compiler.path, *kernels.cxxflags, *LIBRARY_FLAGS, *include, *options, bridge]
        run([*command, "-o", built], library.with_suffix(".log"), _COMPILE_TIMEOUT_S)

    write_whole(library, compile_to)


def _load(name: str, contract: Contract) -> ctypes.CDLL:
    return load_library(_compile(name, contract), contract)


def _compile(name: str, contract: Contract) -> Path:
    """Return the shared library of kernel ``name``; its file name hashes all that went into it."""
    kernels, sources = load_kernels(), hls_dir()
    bridge = sources / kernels.kernels[name].bridge
    versions = find_compiler().version, importlib.metadata.version("hls4ml")
    texts = (*versions, *kernels.cxxflags, *LIBRARY_FLAGS, emit_header(contract))
    stem = f"{name}-{digest(texts, (bridge, *sorted((sources / 'include').rglob('*.hpp'))))}"
    return build_once(
        cache_dir() / "csim" / f"{stem}.so",
        lambda library: compile_bridge(bridge, contract, library),
    )
