"""One suite for every backend of the module map: the law itself, in exact fractions, judges."""

from __future__ import annotations

import random
import shutil
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
from fpga_gnn.graphs import module_map_numba
from fpga_gnn.graphs.module_map import build_candidates
from fpga_gnn.hw import csim
from fpga_gnn.hw.csim import CsimModuleMap
from fpga_gnn.hw.kernels import hls_dir
from fpga_gnn.hw.vectors import read_vectors
from fpga_gnn.reference import module_map as reference
from fpga_gnn.resources import resource_dir
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
    data["kernels"]["module_map"] = {
        "max_hits": 12,
        "max_modules": 4,
        "max_doublets": 8,
        "max_triplets": 10,
        "max_candidates": 16,
    }
    return parse_contract(data, "tiny")


CONTRACTS = {"w8": W8, "tiny": tiny_contract()}
BACKENDS = ("reference", "csim", "torch", "numba")
BOUNDED = ("reference", "csim")
"""Backends with the kernel's slots; torch and numba take any size."""
LAWS = dict.fromkeys(BACKENDS, ("compatible", "physical")) | {"csim": ("compatible",)}
"""Of dydx, by backend."""
LAW_OF_BACKEND = [(backend, dydx) for backend in BACKENDS for dydx in LAWS[backend]]


@pytest.fixture(scope="module")
def build():
    """Return build(backend, hits, map, contract); compiled kernels are kept."""
    kernels: dict[str, CsimModuleMap] = {}

    def run(backend, hits, module_map, contract, dydx="compatible"):
        if backend == "reference":
            return reference.build(hits, module_map, contract, dydx)
        if backend == "torch":
            return build_candidates(hits, module_map, contract, dydx=dydx)
        if backend == "numba":
            return module_map_numba.build_candidates(hits, module_map, contract, dydx)
        assert dydx == "compatible"
        if contract.sha256 not in kernels:
            kernels[contract.sha256] = CsimModuleMap(contract)
        return kernels[contract.sha256].build(hits, module_map)

    return run


def require_same(case, expected, got):
    for column in ("src", "dst", "doublet", "tagged"):
        require_equal(
            "module_map", f"{case} {column}", getattr(expected, column), getattr(got, column)
        )


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


@pytest.mark.parametrize(("backend", "dydx"), LAW_OF_BACKEND)
@pytest.mark.parametrize("name", CONTRACTS)
def test_the_law(build, name, backend, dydx):
    contract = CONTRACTS[name]

    @settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
    @given(events(contract, dydx))
    def check(event):
        hits, table = event
        rows = law(hits, table, contract, dydx)
        capacity = contract.kernels.module_map.max_candidates
        if backend in BOUNDED and len(rows) > capacity:
            with pytest.raises(CapacityError, match=f"{len(rows)} candidates, capacity {capacity}"):
                build(backend, hits, table, contract)
            return
        found = build(backend, hits, table, contract, dydx)
        require_equal("module_map", f"{name} {backend}", rows, rows_of(found))

    check()


def golden_case(columns):
    named = dict(columns)
    named["doublet_windows"] = named["doublet_windows"].reshape(-1, 4, 2)
    named["triplet_windows"] = named["triplet_windows"].reshape(-1, 10, 2)
    return [
        kind(**{field: named[field] for field in kind.__dataclass_fields__})
        for kind in (HitRecords, ModuleMapRecords, reference.CandidateRecords)
    ]


GOLDEN = read_vectors(resource_dir("sim") / "golden" / "module_map.txt", "module_map", W8)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("case", GOLDEN)
def test_golden_vectors(build, case, backend):
    hits, table, expected = golden_case(GOLDEN[case])
    require_same(case, expected, build(backend, hits, table, W8))


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_event_without_hits_or_doublets(build, backend):
    none = np.zeros(0, dtype=np.int64)
    hits = HitRecords(*[none] * 6, module_start=np.zeros(3))
    table = ModuleMapRecords(
        np.zeros(3), none, np.zeros((0, 4, 2)), np.zeros(1), none, np.zeros((0, 10, 2))
    )
    assert build(backend, hits, table, W8).src.size == 0


# By hand.


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
    if len(pairs) > contract.kernels.module_map.max_candidates:
        shape = contract.kernels.module_map.model_copy(update={"max_candidates": 64})
        kernels = contract.kernels.model_copy(update={"module_map": shape})
        contract = contract.model_copy(update={"kernels": kernels})
    got = rows_of(build(backend, hits, table, contract))
    require_equal("module_map", backend, np.array(pairs).reshape(-1, 4), got)


@pytest.mark.parametrize(("backend", "dydx"), LAW_OF_BACKEND)
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
    assert rows_of(found)[:, 3].tolist() == law(hits, table, W8, dydx)[:, 3].tolist()
    assert bool(found.tagged.all()) == (dydx in passes)


# Capacity.


def full_event(contract, **more):
    """Return an event that fills the tiny shape: 12 hits, 4 modules, 8 doublets, 10 triplets,
    16 candidates; ``more`` adds rows of one kind."""
    count = {"hits": 12, "modules": 4, "doublets": 8, "triplets": 10, "candidates": 16}
    for what, extra in more.items():
        count[what] += extra
    modules = count["modules"]
    # Candidates: 4 hits on module 0 times 4 on module 1; the rest of the hits are unmapped.
    on = [4, 4, *[0] * (modules - 2)]
    if count["candidates"] > 16:
        on[1] += 1
    columns = [np.arange(count["hits"])] * 6
    hits = HitRecords(*columns, module_start=np.cumsum([0, *on]))
    targets = [1, *range(2, 4)] * 3
    sources = [0] * 3 + [2] * 3 + [3] * 3
    targets = sorted(targets[:3]) + sorted(targets[3:6]) + sorted(targets[6:9])
    sources, targets = sources[: count["doublets"]], targets[: count["doublets"]]

    def windows(rows, names):
        bounds = [bound_format(contract, name)[0] for name in names]
        return np.tile([[form.min_int, form.max_int] for form in bounds], (rows, 1, 1))

    inner = [0] * count["triplets"]
    table = ModuleMapRecords(
        doublet_start=np.searchsorted(sources, np.arange(modules + 1)),
        doublet_target=targets,
        doublet_windows=windows(count["doublets"], DOUBLET_WINDOWS),
        triplet_start=np.searchsorted(inner, np.arange(count["doublets"] + 1)),
        triplet_outer=np.minimum(np.arange(count["triplets"]), count["doublets"] - 1),
        triplet_windows=windows(count["triplets"], TRIPLET_WINDOWS),
    )
    return hits, table


@pytest.mark.parametrize("backend", BOUNDED)
def test_a_full_event_fits(build, backend):
    contract = CONTRACTS["tiny"]
    assert build(backend, *full_event(contract), contract).src.size == 16


@pytest.mark.parametrize("backend", BOUNDED)
@pytest.mark.parametrize("what", ["hits", "modules", "doublets", "triplets", "candidates"])
def test_overflow_is_an_error_that_names_capacity_and_need(build, backend, what):
    contract = CONTRACTS["tiny"]
    capacity = getattr(contract.kernels.module_map, f"max_{what}")
    need = capacity + (4 if what == "candidates" else 1)
    message = f"module map: {need} {what}, capacity {capacity}; raise"
    with pytest.raises(CapacityError, match=message):
        build(backend, *full_event(contract, **{what: 1}), contract)


# The comparison can fail: each mutant gives another answer on the vectors.


def compare_goldens(kernel):
    for case, columns in GOLDEN.items():
        hits, table, expected = golden_case(columns)
        require_same(case, expected, kernel.build(hits, table))


def test_a_changed_header_constant_is_a_mismatch(tmp_path, monkeypatch):
    frac = W8.windows.phi_slope.frac
    old, new = (f"PHI_SLOPE_FRAC = {value};" for value in (frac, frac + 1))
    header = emit_contract_header(W8)
    assert header.count(old) == 1
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(csim, "emit_header", lambda _: header.replace(old, new))
    with pytest.raises(MismatchError, match=r"module_map: case slope_\S+ src: shape"):
        compare_goldens(CsimModuleMap(W8))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("bounds.low <= value", "bounds.low < value"),
        ("DENOMINATOR + 1 + BITS)>", "DENOMINATOR + 1 + BITS) - 4>"),
    ],
    ids=["exclusive bound", "narrow product"],
)
def test_a_changed_kernel_is_a_mismatch(tmp_path, monkeypatch, old, new):
    sources = tmp_path / "hls"
    shutil.copytree(hls_dir(), sources)
    path = sources / "include" / "fpga_gnn" / "window.hpp"
    assert path.read_text().count(old) == 1
    path.write_text(path.read_text().replace(old, new))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(csim, "hls_dir", lambda: sources)
    with pytest.raises(MismatchError, match="module_map: case"):
        compare_goldens(CsimModuleMap(W8))
