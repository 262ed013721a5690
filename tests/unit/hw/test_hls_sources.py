"""Rules of the HLS sources: synthesisable subset, header pattern, no drift from the contract."""

from __future__ import annotations

import ast
import re
import subprocess
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import fpga_gnn
from fpga_gnn.contract import HEADER_NAME, emit_header, load_contract
from fpga_gnn.hw.kernels import hls_dir, load_kernels

HLS = hls_dir()
INCLUDE = HLS / "include" / "fpga_gnn"
HEADERS = sorted(path for path in (HLS / "include").rglob("*") if path.is_file())
TOPS = sorted(path for path in (HLS / "top").rglob("*") if path.is_file())
HELPERS = {"macros.hpp", "width.hpp"}
"""Headers that hold no kernel: no law, no cost."""

FORBIDDEN = {
    "unbounded loop": r"\bwhile\b|\bgoto\b|\bfor\s*\([^;)]*;\s*;",
    "heap": r"\bnew\b|\bdelete\b|\b(m|c|re)alloc\b|\bfree\b|_ptr\b",
    "virtual function or exception": r"\bvirtual\b|\bthrow\b|\btry\b|\bdynamic_cast\b",
    "function pointer or recast pointer": r"\(\s*\*\s*\w*\s*\)\s*\(|\breinterpret_cast\b",
    "standard container or algorithm": r"\bstd::(?!u?int(8|16|32|64)_t\b)|\bnamespace\s+std\b",
    "system header": r"#include\s*<(?!cstdint>)",
    "floating point": r"\bfloat\b|\bdouble\b",
}


def code(path: Path) -> str:
    return re.sub(r"//.*", "", path.read_text())


def included(path: Path) -> set[Path]:
    """Return the headers of ours that ``path`` includes, directly or not."""
    names = re.findall(r'#include "fpga_gnn/(\S+)"', code(path))
    return set().union(*({INCLUDE / name} | included(INCLUDE / name) for name in names))


KERNEL_SOURCES = sorted(set(TOPS).union(*map(included, TOPS)))
"""What ``kernels.yaml`` builds; other headers go into hls4ml projects and keep that dialect."""


@pytest.mark.parametrize("path", [*HEADERS, *TOPS], ids=lambda path: path.name)
def test_only_the_synthesisable_subset(path):
    found = [what for what, pattern in FORBIDDEN.items() if re.search(pattern, code(path))]
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        *("while (x)", "for (;;)", "for (int i = 0;; ++i)", "new int", "std::realloc(x, 1)"),
        *("std::vector<int>", "using namespace std;", "#include <algorithm>", "double x"),
        *("virtual void f()", "int (*f)(int)", "reinterpret_cast<int*>(x)"),
    ],
)
def test_the_rules_catch(text):
    assert any(re.search(pattern, text) for pattern in FORBIDDEN.values())


FUNCTION = re.compile(
    r"\b(?!(?:if|for|switch)\b)(\w+)\((?:[^(){};]|\([^(){};]*\))*\)\s*(?:const\s*)?\{"
)


def calls(text: str) -> dict[str, set[str]]:
    """Return, by name, the functions of ``text`` that each of them calls."""
    bodies: dict[str, str] = {}
    for match in FUNCTION.finditer(text):
        end, depth = match.end(), 1
        while depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        bodies[match[1]] = bodies.get(match[1], "") + text[match.end() : end]
    # A top has the name of the kernel that it calls in our namespace.
    call = re.compile(r"(?<!fpga_gnn::)\b(\w+)[<(]")
    return {name: bodies.keys() & set(call.findall(body)) for name, body in bodies.items()}


def test_no_recursion():
    called = calls("".join(map(code, (*HEADERS, *TOPS))))
    assert {kernel.top for kernel in load_kernels().kernels.values()} <= called.keys()
    TopologicalSorter(called).prepare()


@pytest.mark.parametrize(
    "text",
    [
        "int f(int n) {\n    return n < 1 ? 0 : f(n - 1);\n}",
        "int f(int n) const {\n    return g<1>(n);\n}\nint g(int n) {\n    return f(n);\n}",
    ],
)
def test_recursion_is_caught(text):
    with pytest.raises(CycleError):
        TopologicalSorter(calls(text)).prepare()


@pytest.mark.parametrize(
    "path", [p for p in HEADERS if p.name not in HELPERS], ids=lambda p: p.name
)
def test_header_pattern(path):
    lines = path.read_text().splitlines()
    comment = [line for line in lines if line.startswith("//")]
    keys = [match[1] for line in comment if (match := re.match(r"// ([A-Z][a-z]+):", line))]
    assert keys[:4] == ["Reference", "Law", "Needs", "Cost"]
    named = re.search(r"Reference:\s*(\S+)", "\n".join(comment))[1]
    reference = Path(fpga_gnn.__file__).parents[1] / named
    docstring = ast.get_docstring(ast.parse(reference.read_text()))
    if reference.stem == path.stem:
        assert lines[0] == f"// {docstring.splitlines()[0]}"


@pytest.mark.parametrize("path", HEADERS, ids=lambda path: path.name)
def test_interface_pragmas_are_in_the_tops_only(path):
    assert "interface" not in code(path)


@pytest.mark.parametrize(
    "path", [p for p in KERNEL_SOURCES if p.name not in HELPERS], ids=lambda p: p.name
)
def test_every_loop_has_a_label(path):
    lines = code(path).splitlines()
    for number, line in enumerate(lines):
        if re.match(r"\s*for \(", line):
            assert re.fullmatch(r"\s*[A-Z][A-Z0-9_]*:", lines[number - 1]), f"line {number + 1}"


@pytest.mark.parametrize("path", KERNEL_SOURCES, ids=lambda path: path.name)
def test_directives_are_behind_the_macro(path):
    assert re.findall(r"#pragma(?! once)", code(path)) == []


def test_generated_header_is_the_contract():
    text = (HLS / "generated" / HEADER_NAME).read_text()
    assert text == emit_header(load_contract("w8")), "run: fpga-gnn header"


def test_kernel_list_names_files_and_tops():
    kernels = load_kernels()
    for kernel in kernels.kernels.values():
        for name in (kernel.source, kernel.bridge, kernel.bench, kernel.golden):
            assert (HLS / name).is_file()
        assert re.search(rf'extern "C" \S+ {kernel.top}\(', (HLS / kernel.source).read_text())
    for composition in kernels.compositions.values():
        assert (HLS / composition.source).is_file()
        assert (HLS / composition.bridge).is_file()
    tops = (*kernels.kernels.values(), *kernels.compositions.values())
    assert {f"top/{path.name}" for path in TOPS} == {top.source for top in tops}
    benches = {f"tb/{path.name}" for path in (HLS / "tb").glob("*_tb.cpp")}
    assert benches == {k.bench for k in kernels.kernels.values()}


def test_synthesis_sees_the_pragmas(tmp_path):
    source = tmp_path / "pragma.cpp"
    source.write_text(
        '#include "fpga_gnn/macros.hpp"\nvoid f() { FPGA_GNN_HLS(pipeline II = 1, x) }\n'
    )
    command = ["g++", "-E", "-P", f"-I{HLS / 'include'}", source]
    seen = subprocess.run([*command, "-D__SYNTHESIS__"], capture_output=True, text=True).stdout
    assert "#pragma HLS pipeline II = 1, x" in seen
    plain = subprocess.run(command, capture_output=True, text=True).stdout
    assert "pragma" not in plain
