"""C simulation: the HLS kernels compiled for the host, bit for bit what the firmware computes."""

from __future__ import annotations

import ctypes
import hashlib
import importlib.metadata
import os
import tempfile
from pathlib import Path

import numpy as np

from fpga_gnn.contract import (
    HEADER_NAME,
    CandidateRecords,
    Contract,
    HitRecords,
    ModuleMapRecords,
    emit_header,
)
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import CapacityError, InputError
from fpga_gnn.hw.kernels import hls_dir, load_kernels
from fpga_gnn.hw.records import (
    pack_doublets,
    pack_edges,
    pack_hits,
    pack_starts,
    pack_triplets,
    unpack_candidates,
)
from fpga_gnn.hw.toolchain import ap_types_dir, find_tool, run
from fpga_gnn.reference import connected_components as components_reference
from fpga_gnn.reference import module_map as map_reference

_COMPILE_TIMEOUT_S = 600.0
# no-gnu-unique: two contracts' libraries in one process must not share template symbols.
_LIBRARY_FLAGS = ("-shared", "-fPIC", "-fvisibility=hidden", "-fno-gnu-unique")
_WORDS = np.ctypeslib.ndpointer(dtype=np.int32, flags="C_CONTIGUOUS")
_STATUS = np.ctypeslib.ndpointer(dtype=np.int64, shape=(4,), flags="C_CONTIGUOUS")


class CsimModuleMap:
    """The module-map kernel of ``contract``, compiled on first use and kept in the user's cache.

    Raises ``ToolMissingError`` without a C++ compiler.
    """

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self._kernel = _load("module_map", contract).module_map
        self._kernel.argtypes = [*[_WORDS] * 6, *[ctypes.c_int32] * 4, _WORDS, _STATUS]
        self._kernel.restype = None

    def build(self, hits: HitRecords, module_map: ModuleMapRecords) -> CandidateRecords:
        """Return the candidates; same law and errors as ``reference.module_map.build``."""
        map_reference.check_inputs(hits, module_map, self.contract)
        shape = self.contract.kernels.module_map
        candidates = np.zeros((shape.max_candidates, 4), dtype=np.int32)
        status = np.zeros(4, dtype=np.int64)
        sizes = {
            "hits": len(hits),
            "modules": module_map.n_modules,
            "doublets": module_map.n_doublets,
            "triplets": module_map.n_triplets,
        }
        self._kernel(
            pack_hits(hits),
            pack_starts(hits.module_start),
            pack_doublets(module_map),
            pack_starts(module_map.doublet_start),
            pack_triplets(module_map),
            pack_starts(module_map.triplet_start),
            *sizes.values(),
            candidates,
            status,
        )
        n_candidates, n_stored, _, overflow = (int(word) for word in status)
        for bit, (what, need) in enumerate((sizes | {"candidates": n_candidates}).items()):
            if overflow >> bit & 1:
                raise map_reference.capacity_error(what, need, getattr(shape, f"max_{what}"))
        return unpack_candidates(candidates[:n_stored])


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
        for bit, (what, need) in enumerate({"nodes": n_nodes, "edges": len(src)}.items()):
            if overflow >> bit & 1:
                raise CapacityError(
                    f"connected components: {need} {what}, "
                    f"capacity {getattr(shape, f'max_{what}')}; "
                    f"raise kernels.connected_components.max_{what}"
                )
        return labels.astype(np.int64)


def cache_dir() -> Path:
    """Return the folder of compiled kernels: ``$XDG_CACHE_HOME`` or ``~/.cache``, fpga-gnn."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "fpga-gnn"


def _load(name: str, contract: Contract) -> ctypes.CDLL:
    path = _compile(name, contract)
    library = ctypes.CDLL(str(path))
    library.contract_sha256.restype = ctypes.c_char_p
    contract.require_hash(library.contract_sha256().decode(), path)
    return library


def _compile(name: str, contract: Contract) -> Path:
    """Return the shared library of kernel ``name``; its file name hashes all that went into it."""
    compiler = find_tool("g++", "install a C++17 compiler (Debian: apt install g++)")
    kernels, sources = load_kernels(), hls_dir()
    bridge = sources / kernels.kernels[name].bridge
    header = emit_header(contract)
    flags = [*kernels.cxxflags, *_LIBRARY_FLAGS]
    digest = hashlib.sha256()
    for text in (compiler.version, importlib.metadata.version("hls4ml"), *flags, header):
        digest.update(text.encode() + b"\0")
    for path in (bridge, *sorted((sources / "include").rglob("*.hpp"))):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    folder = cache_dir() / "csim"
    stem = f"{name}-{digest.hexdigest()[:32]}"
    library = folder / f"{stem}.so"
    if library.is_file():
        return library
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            built = Path(scratch) / library.name
            (built.parent / HEADER_NAME).write_text(header, encoding="utf-8")
            include = [f"-I{built.parent}", f"-I{sources / 'include'}", f"-isystem{ap_types_dir()}"]
            command: list[str | Path] = [compiler.path, *flags, *include, bridge, "-o", built]
            run(command, folder / f"{stem}.log", _COMPILE_TIMEOUT_S)
            built.replace(library)
    except OSError as error:
        raise InputError(folder, error.strerror, "a writable cache (set XDG_CACHE_HOME)") from error
    return library
