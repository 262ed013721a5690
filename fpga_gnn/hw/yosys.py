"""Yosys: synthesis of RTL for UltraScale+ devices without a vendor's tool."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from fpga_gnn.contract import read_json
from fpga_gnn.errors import ToolFailedError, ToolMissingError
from fpga_gnn.hw.cache import build_once, cache_dir, digest, write_whole
from fpga_gnn.hw.toolchain import Tool, run
from fpga_gnn.hw.verilator import RtlModule
from fpga_gnn.report.yosys import YosysReport, longest_path, read_netlist

_INSTALL = "pip install 'fpga-gnn[rtl]'"
_RUN = """\
from pyosys import libyosys
design = libyosys.Design()
design.run_pass("script read.ys")
for cell in design.top_module().cells_.values():
    if cell.type.str().startswith("\\\\"):
        for name in list(cell.parameters):
            cell.unsetParam(name)
design.run_pass("script map.ys")
"""
"""Runs both scripts; between them, black boxes lose their constants, which slang took for
parameters and mapping would refuse."""
_CHECK = "module parameters_exist; {top} #({parameters}) top (); endmodule\n"
"""Yosys ignores a parameter that the top module does not have; Verilog's own rules do not."""
_READ = """\
read_slang --ast-compilation-only --top parameters_exist parameters_exist.sv {sources}
read_slang --ignore-assertions --top {top} {overrides} {apart} {sources}
"""
_MAP = """\
synth_xilinx -family xcup -flatten -top {top} -noiopad -noclkbuf -uram -run :check
tee -o stat.json stat -json -tech xilinx
{strip}
tee -o sta.txt sta
"""
_TIMEOUT_S = 4 * 3600.0


def find_yosys() -> Tool:
    """Return the Python that has Yosys, with Yosys's version; ``ToolMissingError`` without it."""
    if importlib.util.find_spec("pyosys") is None:
        raise ToolMissingError(f"yosys (pyosys): not installed; {_INSTALL}")
    return Tool("yosys", Path(sys.executable), importlib.metadata.version("pyosys"))


def synthesise(module: RtlModule, apart: Sequence[str] = ()) -> YosysReport:
    """Map ``module``, flattened into one, or return what an earlier run kept in the user's cache.

    Instances of the modules ``apart``, which have no parameters, stay black boxes and cost nothing.
    Takes seconds for a small module, most of a minute for an MLP of 10 000 LUTs. Raises
    ``ToolMissingError`` without Yosys and ``ToolFailedError``, which names the log, for RTL that it
    cannot map.
    """
    yosys, sources = find_yosys(), (*module.sources, *module.generated)
    what = [module.top, dict(module.parameters), *apart, *YosysReport.model_fields]
    asked = yosys.version, _RUN, _READ, _MAP, json.dumps(what)
    kept = cache_dir() / "yosys" / f"{module.top}-{digest(asked, sources)}.json"

    def write(path: Path) -> None:
        report = _map(yosys, module, apart, path.parent, kept.with_suffix(".log"))
        path.write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")

    build_once(kept, lambda path: write_whole(path, write))
    return read_json(kept, YosysReport, "a report of Yosys", "delete it")


def _map(
    yosys: Tool, module: RtlModule, apart: Sequence[str], folder: Path, log: Path
) -> YosysReport:
    sources = (*module.sources, *module.generated)
    for source in sources:
        shutil.copyfile(source, folder / source.name)
    values = ", ".join(f".{name}({value})" for name, value in module.parameters.items())
    check = _CHECK.format(top=module.top, parameters=values)
    (folder / "parameters_exist.sv").write_text(check, encoding="utf-8")
    read = _READ.format(
        top=module.top,
        overrides=" ".join(f"-G {name}={value}" for name, value in module.parameters.items()),
        apart=" ".join(f"--blackboxed-module {name}" for name in apart),
        sources=" ".join(source.name for source in sources),
    )
    (folder / "read.ys").write_text(read, encoding="utf-8")
    # The timing analysis refuses black boxes.
    strip = " ".join(["delete", *(f"t:{name}" for name in apart)]) if apart else ""
    (folder / "map.ys").write_text(_MAP.format(top=module.top, strip=strip), encoding="utf-8")
    try:
        run([yosys.path, "-P", "-c", _RUN], log, _TIMEOUT_S, cwd=folder)
        netlist = read_netlist((folder / "stat.json").read_text(), apart)
    except ToolFailedError as error:
        raise ToolFailedError(f"{error}; {_first_error(log)}") from error
    except ValueError as error:
        raise ToolFailedError(f"yosys, {module.top}: {error}; log: {log}") from error
    return YosysReport(
        tool_version=yosys.version,
        top=module.top,
        parameters=dict(sorted(module.parameters.items())),
        sources=digest((), sources),
        used=netlist.used,
        lut_memory=netlist.lut_memory,
        carry4=netlist.carry4,
        path_ps=longest_path((folder / "sta.txt").read_text()),
        apart=netlist.apart,
    )


def _first_error(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line for line in lines if "ERROR" in line), "no error in the log")
