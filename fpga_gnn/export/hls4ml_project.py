"""Write the lowered network as a Vitis HLS project with hls4ml, and simulate it in C.

Every row of a stream is one node or edge. FIFOs are as deep as ``fifo_depths`` derives from the
graph, so that the dataflow cannot deadlock; ``hw.dataflow`` runs it with them.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import io
import re
import shutil
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from hls4ml.converters import convert_from_onnx_model
from hls4ml.model.flow import get_available_flows, register_flow
from hls4ml.utils import config_from_onnx_model
from numpy.typing import ArrayLike, NDArray
from qonnx.core.modelwrapper import ModelWrapper

from fpga_gnn.contract import HEADER_NAME, Contract, emit_header
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.contract.structure import index_format
from fpga_gnn.errors import FpgaGnnError, InputError, ToolFailedError, ToolMissingError
from fpga_gnn.export.execute import partition_inputs
from fpga_gnn.export.fifo_depths import Fifo, Schedule, set_fifo_depths
from fpga_gnn.export.hls4ml_checks import REUSE_FACTOR, STRATEGY, require_as_asked
from fpga_gnn.export.hls4ml_extension import BACKEND, fixed_precision
from fpga_gnn.export.lowering import require_lowered
from fpga_gnn.export.qonnx_export import CONTRACT_KEY, INPUTS
from fpga_gnn.graphs.partition import PackedPartition
from fpga_gnn.resources import resource_dir

PROJECT = "edge_classifier"
GOLDEN = Path("tb_data", "golden.txt")
"""Vectors of the project's test bench, in the project folder."""

_MARKER = "build_prj.tcl"
_WRITE_FLOW = "write_deterministic"


@dataclass(frozen=True)
class HlsTarget:
    """What the project is written for: part, clock period, and share of it kept for routing."""

    part: str
    clock_ns: float
    clock_uncertainty_percent: float


class HlsProject:
    """A written project: the HLS sources in ``folder``, and their C simulation.

    ``folder`` has hls4ml's layout: ``firmware/edge_classifier.cpp`` is the design,
    ``edge_classifier_test.cpp`` its self-checking bench, ``build_prj.tcl`` the Vitis script.
    """

    def __init__(self, folder: Path, contract: Contract, graph: Any) -> None:
        self.folder, self.contract = folder, contract
        self._graph = graph

    def compile(self) -> Path:
        """Compile the sources with g++, once, and return the shared library.

        Raises ``ToolMissingError`` without g++ and ``ToolFailedError`` when it fails.
        """
        return self._library

    def scores(self, packed: PackedPartition) -> NDArray[np.float32]:
        """Return the scores [n_edges] of the real edges, as the compiled firmware computes them."""
        return self._simulation.scores(packed)

    @cached_property
    def fifos(self) -> dict[str, Fifo]:
        """Every FIFO by its name in the C++, with its depth and the reason for it."""
        return {fifo.name: fifo for fifo in Schedule(self._graph).fifos.values()}

    @cached_property
    def _library(self) -> Path:
        if shutil.which("g++") is None:
            raise ToolMissingError("g++: not found on PATH; install a C++ compiler")
        _require_equal_weights(self.folder / "firmware" / "weights")
        log = io.StringIO()
        try:
            with contextlib.redirect_stdout(log):
                return Path(self._graph.config.backend.compile(self._graph))
        except Exception as error:  # hls4ml raises nothing narrower
            path = self.folder / "compile.log"
            path.write_text(log.getvalue(), encoding="utf-8")
            raise ToolFailedError(f"{self.folder}: g++ failed, see {path}") from error

    @cached_property
    def _simulation(self) -> CompiledProject:
        return CompiledProject(self._library, self.contract)


class CompiledProject:
    """The shared library that ``HlsProject.compile`` returned, in this process or another."""

    def __init__(self, library: Path, contract: Contract) -> None:
        self.contract = contract
        self._top = ctypes.CDLL(str(library))[f"{PROJECT}_float"]
        array = np.ctypeslib.ndpointer(dtype=np.float32, flags="C_CONTIGUOUS")
        self._top.argtypes, self._top.restype = [array] * 4, None

    def scores(self, packed: PackedPartition) -> NDArray[np.float32]:
        """Return the scores [n_edges] of the real edges."""
        inputs = partition_inputs(packed, self.contract).values()
        arrays = [np.ascontiguousarray(array, dtype=np.float32) for array in inputs]
        scores = np.zeros(self.contract.partition.max_edges, dtype=np.float32)
        self._top(*arrays, scores)
        return scores[: packed.n_edges]


def _require_equal_weights(folder: Path) -> None:
    """Raise ``FpgaGnnError`` unless the headers (synthesis) hold the values of the texts (csim)."""
    headers = sorted(folder.glob("*.h"))
    for header in headers:
        found = re.search(r"\{(.*)\}", header.read_text(encoding="ascii"), re.DOTALL)
        text = header.with_suffix(".txt")
        values = found and [value.strip() for value in found[1].split(",")]
        expected = [value.strip() for value in text.read_text(encoding="ascii").split(",")]
        if values != expected:
            raise FpgaGnnError(
                f"{header}: found other weights than in {text.name}, which csim reads; "
                "write the design again with fpga-gnn synth"
            )


def bench_columns(packed: PackedPartition, scores: Int64) -> dict[str, ArrayLike]:
    """Return one case of the test bench: the inputs and the expected ``scores`` [n_edges] in LSB.

    ``hw.vectors.format_vectors("edge_classifier", ...)`` makes the bench's text of such cases.
    """
    return {
        "node_features": packed.node_features,
        "edge_features": packed.edge_features,
        "edge_index": packed.edge_index,
        "score": scores,
    }


def write_project(
    model: ModelWrapper,
    contract: Contract,
    target: HlsTarget,
    out_dir: Path,
    vectors: str,
) -> HlsProject:
    """Write the lowered ``model`` as an hls4ml project for ``target``.

    Streaming I/O, Vitis backend, one fully parallel row per cycle (latency strategy, reuse
    factor 1). ``vectors`` is the text of the bench's golden file (``bench_columns``). Equal
    arguments write equal files, ``out_dir`` is replaced only when all is written.
    Raises ``InputError`` for another contract or a folder that is no such project, and
    ``FpgaGnnError`` when hls4ml did not take a setting or type as asked.
    """
    contract.require_hash(model.get_metadata_prop(CONTRACT_KEY) or "none", "QONNX model")
    require_lowered(model)
    _require_replaceable(out_dir)
    staging = out_dir.with_name(f".{out_dir.name}.tmp")
    shutil.rmtree(staging, ignore_errors=True)
    try:
        graph = _convert(model, contract, target, staging)
        require_as_asked(graph, model, contract)
        _write(graph, _digest(model, target))
        _add_bench(staging, contract, vectors)
        shutil.rmtree(out_dir, ignore_errors=True)
        staging.rename(out_dir)
    except OSError as error:
        found = f"{error.strerror}: {error.filename}"
        raise InputError(out_dir, found, "a writable folder") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    graph.config.config["OutputDir"] = str(out_dir.resolve())
    return HlsProject(out_dir, contract, graph)


def _require_replaceable(out_dir: Path) -> None:
    foreign = out_dir.is_dir() and any(out_dir.iterdir()) and not (out_dir / _MARKER).is_file()
    if foreign or out_dir.is_file():
        raise InputError(out_dir, "something else", "an HLS project or a new folder")


def _convert(model: ModelWrapper, contract: Contract, target: HlsTarget, folder: Path) -> Any:
    with _quiet():
        config = config_from_onnx_model(
            model.model, granularity="name", backend=BACKEND, default_reuse_factor=REUSE_FACTOR
        )
        config["Model"]["Strategy"] = STRATEGY
        for name, precision in _input_precisions(contract).items():
            config["LayerName"][name]["Precision"]["result"] = precision
        graph = convert_from_onnx_model(
            model.model,
            output_dir=str(folder),
            project_name=PROJECT,
            backend=BACKEND,
            io_type="io_stream",
            part=target.part,
            clock_period=target.clock_ns,
            clock_uncertainty=f"{target.clock_uncertainty_percent:g}%",
            write_weights_txt=True,  # a header of 20 000 weights takes g++ ten minutes
            hls_config=config,
        )
    set_fifo_depths(graph)
    # Not needed any more, and hls4ml would write the whole graph into its YAML file.
    del graph.config.config["OnnxModel"]
    return graph


def _input_precisions(contract: Contract) -> dict[str, str]:
    features = str(fixed_precision(contract.features.format))
    index = f"ap_uint<{index_format(contract).bits}>"
    return dict(zip(INPUTS, (features, features, index), strict=True))


def _write(graph: Any, stamp: str) -> None:
    """Write the project with a given ``stamp``, where hls4ml would draw a random one."""
    if f"{BACKEND.lower()}:{_WRITE_FLOW}" not in get_available_flows():
        writer = f"{BACKEND.lower()}:write_hls"
        register_flow(_WRITE_FLOW, [writer], requires=["vitis:ip"], backend=BACKEND)
    graph.config.config["Stamp"] = stamp
    with _quiet():
        graph.apply_flow(f"{BACKEND.lower()}:{_WRITE_FLOW}")
    # hls4ml's own record of the conversion: it names the temporary folder.
    (Path(graph.config.get_output_dir()) / "hls4ml_config.yml").unlink()


def _add_bench(folder: Path, contract: Contract, vectors: str) -> None:
    bench = resource_dir("hls") / "tb"
    for name in (f"{PROJECT}_test.cpp", "golden.hpp"):
        shutil.copyfile(bench / name, folder / name)
    (folder / HEADER_NAME).write_text(emit_header(contract), encoding="utf-8")
    (folder / GOLDEN).parent.mkdir(exist_ok=True)
    (folder / GOLDEN).write_text(vectors, encoding="ascii")


def _digest(model: ModelWrapper, *settings: object) -> str:
    digest = hashlib.sha256(model.model.SerializeToString(deterministic=True))
    digest.update(repr(settings).encode())
    return digest.hexdigest()[:8]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep hls4ml's progress messages and warnings off the terminal."""
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
