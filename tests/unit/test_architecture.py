"""Dependencies point down, each foreign tool has one home, the reference knows no float."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

import fpga_gnn
from fpga_gnn.hw.kernels import hls_dir, load_kernels

ROOT = Path(fpga_gnn.__file__).parent
FILES = sorted(path.relative_to(ROOT) for path in ROOT.rglob("*.py"))

COMMON = {"errors", "files", "resources", "tasks", "__init__"}
"""Modules beside the packages; every package may import them, they import no package."""

ALLOWED = {
    "contract": set(),
    "events": {"contract"},
    "graphs": {"contract", "events"},
    "reference": {"contract"},
    "models": {"contract"},
    "report": {"contract"},
    "tracks": {"contract", "events", "graphs"},
    "training": {"contract", "events", "graphs", "models", "tracks"},
    "export": {"contract", "graphs", "models"},
    "hw": {"contract", "reference", "report"},
    "verify": {
        *("contract", "events", "graphs", "reference", "models"),
        *("tracks", "training", "export", "hw"),
    },
    "flows": {
        *("contract", "events", "graphs", "reference", "models", "tracks", "training"),
        *("export", "hw", "verify", "report"),
    },
    "serve": {"contract", "events", "training", "report", "flows"},
    "cli": {"contract", "events", "graphs", "training", "hw", "report", "flows", "serve"},
}
"""What each package may import, from the bottom up: a new edge is a decision to take here."""

HOMES = {
    "brevitas": "models/quantizers.py",
    "qonnx": "export/",
    "hls4ml": "export/",
    "da4ml": ("export/da4ml_cost.py", "export/da4ml_verilog.py"),
    "acts": ("events/acts_detector.py", "events/simulate.py", "tracks/ckf.py"),
    "pythia8mc": "events/simulate.py",
    "dask": "flows/cluster.py",
    "distributed": "flows/cluster.py",
    "subprocess": "hw/",
    "pyxrt": "hw/xrt.py",
    "typer": "cli/",
    "rich": "cli/",
    "matplotlib": "report/plots.py",
    "mlserver": ("serve/rest.py", "serve/rpc.py", "serve/runtime.py", "serve/server.py"),
    "tritonclient": "serve/client.py",
    "triton_python_backend_utils": "serve/triton_model.py",
    "prometheus_client": "serve/metrics.py",
    "plotly": "report/page/plots.py",
    "jinja2": "report/page/html.py",
    "numba": ("tracks/", "graphs/module_map_numba.py", "flows/benchmark_peers.py"),
}
"""Where each foreign tool may be imported: one file or folder, or a few."""

NOWHERE = ("pickle", "marshal", "shelve", "dill", "joblib")


def tree(file: Path) -> ast.Module:
    return ast.parse((ROOT / file).read_text(encoding="utf-8"))


def imported(file: Path) -> set[str]:
    """Full names of all modules that ``file`` imports anywhere, ``a.b`` for ``from a import b``."""
    names = set()
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def package(file: Path) -> str:
    return file.parts[0] if len(file.parts) > 1 else file.stem


def own_edges(file: Path) -> set[str]:
    """Packages (or modules beside them) of fpga_gnn that ``file`` imports."""
    found = {name.split(".")[1] for name in imported(file) if name.split(".")[0] == "fpga_gnn"}
    modules = set(ALLOWED) | COMMON
    return {name if name in modules else "__init__" for name in found} - {package(file)}


def test_every_package_has_its_place():
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert folders == set(ALLOWED)
    assert {package(file) for file in FILES if len(file.parts) == 1} == COMMON


def test_the_allowed_edges_have_an_order():
    order = list(ALLOWED)
    for name, below in ALLOWED.items():
        assert {order.index(other) for other in below} <= set(range(order.index(name))), name


@pytest.mark.parametrize("file", FILES, ids=str)
def test_dependencies_point_down(file):
    allowed = COMMON | ALLOWED.get(package(file), set())
    assert own_edges(file) <= (allowed if package(file) in ALLOWED else {"__init__", "errors"})


def test_no_allowed_edge_is_unused():
    used = defaultdict(set)
    for file in FILES:
        used[package(file)] |= own_edges(file) - COMMON
    assert {name: used[name] for name in ALLOWED} == ALLOWED


def test_nothing_imports_the_command_line():
    others = [file for file in FILES if package(file) != "cli"]
    assert [file for file in others if "cli" in own_edges(file)] == []


@pytest.mark.parametrize("tool", HOMES)
def test_a_foreign_tool_has_one_home(tool):
    users = [file for file in FILES if tool in {name.split(".")[0] for name in imported(file)}]
    assert users != []
    assert [file for file in users if not file.as_posix().startswith(HOMES[tool])] == []


def calls(file: Path) -> set[str]:
    return {ast.unparse(node.func) for node in ast.walk(tree(file)) if isinstance(node, ast.Call)}


@pytest.mark.parametrize("file", FILES, ids=str)
def test_no_file_is_loaded_as_code(file):
    assert {name.split(".")[0] for name in imported(file)}.isdisjoint(NOWHERE)
    unsafe = {"eval", "exec", "torch.load", "torch.save", "np.load", "os.system"}
    assert calls(file).isdisjoint(unsafe)
    assert not any(name.startswith(("os.spawn", "os.exec", "os.popen")) for name in calls(file))
    loaders = {"yaml.Loader", "yaml.FullLoader", "yaml.UnsafeLoader", "yaml.unsafe_load"}
    words = {ast.unparse(node) for node in ast.walk(tree(file)) if isinstance(node, ast.Attribute)}
    assert words.isdisjoint(loaders)


REFERENCE = [file for file in FILES if package(file) == "reference"]


FLOAT_NAME = re.compile(
    r"(float|floating|double|longdouble|half|single|complex)\d*_?"
    r"|mean|average|divide|true_divide|sqrt|round|rint|ldexp|linspace"
)


@pytest.mark.parametrize("file", REFERENCE, ids=str)
def test_the_reference_knows_integers_only(file):
    """No float constant, no true division, no name that makes a float, no module of floats."""
    roots = {name.split(".")[0] for name in imported(file)}
    assert roots <= {"__future__", "collections", "dataclasses", "itertools", "numpy", "fpga_gnn"}
    found = []
    for node in ast.walk(tree(file)):
        match node:
            case ast.Constant(value=float() | complex()) | ast.Div():
                found.append(ast.dump(node))
            case ast.Name(id=name) | ast.Attribute(attr=name) if FLOAT_NAME.fullmatch(name):
                found.append(name)
    assert found == []


def test_every_kernel_has_its_reference_and_its_header():
    headers = {path.stem for path in (hls_dir() / "include" / "fpga_gnn").glob("*.hpp")}
    assert set(load_kernels().kernels) <= headers & {file.stem for file in REFERENCE}
