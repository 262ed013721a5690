"""Stand-in for vitis-run, vitis_hls and v++: checks what it is given and writes saved reports.

The environment variable FAKE_VITIS says how it behaves: ``ok``; ``fail``, ``hang`` or
``no report`` in every step, or ``fail cosim`` in one; ``old -> new`` changes the reports;
``postroute`` optimises after routing. Each step that starts is appended to FAKE_VITIS_CALLS.
"""

from __future__ import annotations

import os
import shlex
import sys
import time
from pathlib import Path

DATA = Path(__file__).parent / "reports" / "data"
VERSIONS = {"vitis-run": "--version", "vitis_hls": "-version", "v++": "--version"}
SCRIPT_ARGS = {"vitis-run": ["--mode", "hls", "--tcl"], "vitis_hls": ["-f"]}
SOLUTION = Path("project", "solution")


def behave(step: str) -> str:
    """Record the step, fail or hang as asked, and return the mode for what is left to do."""
    print("INFO: started", flush=True)
    if calls := os.environ.get("FAKE_VITIS_CALLS"):
        with Path(calls).open("a") as file:
            file.write(f"{step} {Path.cwd().name.rsplit('-', 1)[0]}\n")
    mode, changed = os.environ["FAKE_VITIS"], " -> " in os.environ["FAKE_VITIS"]
    for word in () if changed else ("fail", "hang", "no report"):
        if mode.startswith(word):
            mode = word if mode.removeprefix(word).strip() in ("", step) else "ok"
    if mode == "hang":
        time.sleep(60)
    if mode == "fail":
        print("ERROR: [HLS 207-1] first\n\nERROR: [HLS 200-1715] Encountered a problem\nINFO: bye")
        sys.exit(1)
    return mode


def report(mode: str, source: str, target: Path, **names: str) -> None:
    text = (DATA / source).read_text()
    for old, new in names.items():
        text = text.replace(old, new)
    if " -> " in mode:
        old, new = mode.split(" -> ")
        text = text.replace(old, new)
    if mode != "no report":
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)


def hls(script: str) -> None:
    step = {"package_xo": "xo"}.get(Path(script).stem, Path(script).stem)
    settings = dict(shlex.split(line) for line in Path("settings.txt").read_text().splitlines())
    top = settings["top"]
    given = [script, "common.tcl", *settings["sources"].split()]
    if step in ("csim", "cosim"):
        given += [*settings["bench"].split(), *settings["bench_data"].split(), "tb/golden.hpp"]
        assert settings["bench"]
        assert Path(settings["argv"]).name in [Path(x).name for x in settings["bench_data"].split()]
    if step in ("cosim", "impl", "xo"):
        given.append(str(SOLUTION / "syn" / "report" / "csynth.xml"))
    missing = [name for name in given if not Path(name).exists()]
    if missing:
        sys.exit(f"ERROR: no {missing}")
    mode = behave(step)
    routed = SOLUTION / "impl" / "verilog" / "report"
    if step == "csim" and mode != "no report":
        print(f"{top}: 3 cases, 40 values equal")
    elif step == "csynth":
        target = SOLUTION / "syn" / "report" / "csynth.xml"
        report(mode, "csynth_2023.2.xml", target, connected_components=top)
    elif step == "cosim":
        report(mode, "cosim_2023.2.rpt", SOLUTION / "sim" / "report" / f"{top}_cosim.rpt")
    elif step == "impl":
        report(mode, "utilization_2023.2.rpt", routed / f"{top}_utilization_routed.rpt")
        report(mode, "timing_2023.2.rpt", routed / f"{top}_timing_routed.rpt")
    elif step == "xo" and mode != "no report":
        Path(f"{top}.xo").write_text("kernel")


def link(arguments: list[str]) -> None:
    target, binary, kernels = arguments[2], Path(arguments[6]), list(map(Path, arguments[7:]))
    expected = ["--link", "--target", target, "--config", "link.cfg"]
    expected += ["--output", f"{binary.stem}.xclbin", *(f"{kernel.stem}.xo" for kernel in kernels)]
    config = Path("link.cfg").read_text().splitlines()
    present = all(kernel.is_file() for kernel in kernels)
    if arguments != expected or not present or "[connectivity]" not in config:
        sys.exit(f"ERROR: arguments {arguments}")
    linked = [line[3:].partition(":")[0] for line in config if line.startswith("nk=")]
    assert linked == [kernel.stem for kernel in kernels]
    mode = behave("link" if target == "hw" else target)
    if mode != "no report":
        binary.write_text(target)
    if target == "hw":
        implemented = Path("_x", "reports", "link", "imp")
        report(mode, "kernel_clock.xclbin.info", Path(f"{binary}.info"))
        report(mode, "utilization_2025.2.rpt", implemented / "impl_1_full_util_routed.rpt")
        timing = "impl_1_hw_bb_locked_timing_summary_routed.rpt"
        report(mode, "timing_2025.2.rpt", implemented / timing)
        if mode == "postroute":
            last = timing.replace("_routed", "_postroute_physopted")
            report(" 0.003 ->  0.001", "timing_2025.2.rpt", implemented / last)


def main() -> None:
    program, arguments = Path(sys.argv[0]).name, sys.argv[1:]
    if arguments == [VERSIONS[program]]:
        name = "v++" if program == "v++" else "Vitis HLS"
        print(f"\n****** {name} v2023.2 (64-bit)")
    elif program == "v++" and len(arguments) >= 8:
        link(arguments)
    elif arguments[:-1] == SCRIPT_ARGS.get(program) and Path(arguments[-1]).is_file():
        hls(arguments[-1])
    else:
        sys.exit(f"ERROR: arguments {arguments}")
