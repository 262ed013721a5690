"""Module map: hit pairs inside doublet windows, tagged where a triplet of them fits."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from fpga_gnn.contract import (
    DOUBLET_WINDOWS,
    TRIPLET_WINDOWS,
    CandidateRecords,
    Contract,
    DydxLaw,
    FixedPoint,
    HitRecords,
    ModuleMapRecords,
    dydx_sign,
)
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import CapacityError, InputError
from fpga_gnn.reference.window import Accepted, accepts, accepts_ratio, ratio_bits

_Z0, _DPHI, _DETA, _PHI_SLOPE = range(len(DOUBLET_WINDOWS))
_INNER = slice(0, len(DOUBLET_WINDOWS))
_OUTER = slice(len(DOUBLET_WINDOWS), 2 * len(DOUBLET_WINDOWS))
_DYDX, _DZDR = range(2 * len(DOUBLET_WINDOWS), len(TRIPLET_WINDOWS))

_STEPS_PER_CHUNK = 1 << 16
"""Small enough for a CPU's cache."""

CAPACITIES = (
    "hits",
    "modules",
    "doublets",
    "module_doublets",
    "module_triplets",
    "blocks",
    "edges",
)
"""What the kernel has slots for, in the order in which it looks."""


def build(
    hits: HitRecords,
    module_map: ModuleMapRecords,
    contract: Contract,
    dydx: DydxLaw = "compatible",
) -> CandidateRecords:
    """Return the candidates of one event in canonical order, tagged by the triplets.

    Raises ``InputError`` for records outside the contract's formats and ``CapacityError`` when
    the event or its edges exceed the kernel's slots.
    """
    check_inputs(hits, module_map, contract)
    shape = contract.kernels.module_map
    triplets = module_map.triplet_start[module_map.doublet_start]
    for what, need in {
        "hits": len(hits),
        "modules": module_map.n_modules,
        "doublets": module_map.n_doublets,
        "module_doublets": int(np.diff(module_map.doublet_start).max(initial=0)),
        "module_triplets": int(np.diff(triplets).max(initial=0)),
        "blocks": n_blocks(hits, module_map, shape.lanes),
    }.items():
        _require_capacity(what, need, getattr(shape, f"max_{what}"))
    src, dst, doublet = _candidates(hits, module_map, contract)
    tagged = _tags(hits, module_map, contract, dydx_sign(dydx), src, dst, doublet)
    _require_capacity("edges", int(tagged.sum()), shape.max_edges)
    return CandidateRecords(src=src, dst=dst, doublet=doublet, tagged=tagged)


def n_blocks(hits: HitRecords, module_map: ModuleMapRecords, lanes: int) -> int:
    """Return how many blocks of hits the kernel tests: for every hit and every doublet of its
    module those of ``lanes`` hits, aligned, that hold hits of the target."""
    first, last = hits.module_start[:-1], hits.module_start[1:]
    blocks = np.where(first < last, (last - 1) // lanes - first // lanes + 1, 0)
    source = np.repeat(np.arange(module_map.n_modules), np.diff(module_map.doublet_start))
    return int(((last - first)[source] * blocks[module_map.doublet_target]).sum())


def _candidates(
    hits: HitRecords, module_map: ModuleMapRecords, contract: Contract
) -> tuple[Int64, Int64, Int64]:
    start = hits.module_start
    module = np.repeat(np.arange(module_map.n_modules), np.diff(start))
    row, doublet = _expand(module_map.doublet_start[module], module_map.doublet_start[module + 1])
    src, target = start[0] + row, module_map.doublet_target[doublet]
    first, last = start[target], start[target + 1]
    empty = np.zeros(0, dtype=np.int64)
    found = [(empty, empty, empty)]
    for rows in _chunks(last - first):
        row, dst = _expand(first[rows], last[rows])
        h1, d = src[rows][row], doublet[rows][row]
        accepted = _doublet_accepts(hits, h1, dst, module_map.doublet_windows[d], contract)
        found.append((h1[accepted], dst[accepted], d[accepted]))
    src, dst, doublet = (np.concatenate(column) for column in zip(*found, strict=True))
    return src, dst, doublet


def _tags(
    hits: HitRecords,
    module_map: ModuleMapRecords,
    contract: Contract,
    sign: int,
    src: Int64,
    dst: Int64,
    doublet: Int64,
) -> Int64:
    first, last = module_map.triplet_start[doublet], module_map.triplet_start[doublet + 1]
    keys = src * module_map.n_doublets + doublet  # ascending: canonical order
    tagged = np.zeros(src.size, dtype=np.int64)
    for rows in _chunks(last - first):
        inner, triplet = _expand(first[rows], last[rows])
        inner += rows.start
        windows = module_map.triplet_windows[triplet]
        accepted = _doublet_accepts(hits, src[inner], dst[inner], windows[:, _INNER], contract)
        inner, triplet, windows = inner[accepted], triplet[accepted], windows[accepted]
        wanted = dst[inner] * module_map.n_doublets + module_map.triplet_outer[triplet]
        row, outer = _expand(
            np.searchsorted(keys, wanted, side="left"), np.searchsorted(keys, wanted, side="right")
        )
        inner, windows = inner[row], windows[row]
        h1, h2, h3 = src[inner], dst[inner], dst[outer]
        accepted = _doublet_accepts(hits, h2, h3, windows[:, _OUTER], contract)
        accepted &= _triplet_accepts(hits, h1, h2, h3, windows, contract, sign)
        tagged[inner[accepted]] = 1
        tagged[outer[accepted]] = 1
    return tagged


def _doublet_accepts(
    hits: HitRecords, h1: Int64, h2: Int64, windows: Int64, contract: Contract
) -> Accepted:
    """Return whether pairs ``h1``, ``h2`` [P] pass ``windows`` [P, 4, 2]."""
    dr, dz = hits.r[h2] - hits.r[h1], hits.z[h2] - hits.z[h1]
    dphi = _wrap(hits.phi[h2] - hits.phi[h1], contract.hit.phi)
    deta = hits.eta[h1] - hits.eta[h2]
    z0 = hits.z[h1] * dr - hits.r[h1] * dz
    low, high = windows[..., 0].T, windows[..., 1].T
    bounds = contract.windows
    return (
        accepts_ratio(z0, dr, dz, low[_Z0], high[_Z0], bounds.z0, 0)
        & accepts(dphi, low[_DPHI], high[_DPHI], bounds.dphi)
        & accepts(deta, low[_DETA], high[_DETA], bounds.deta)
        & accepts_ratio(
            dphi,
            dr,
            dphi,
            low[_PHI_SLOPE],
            high[_PHI_SLOPE],
            bounds.phi_slope,
            bounds.phi_slope.frac,
        )
    )


def _triplet_accepts(
    hits: HitRecords,
    h1: Int64,
    h2: Int64,
    h3: Int64,
    windows: Int64,
    contract: Contract,
    sign: int,
) -> Accepted:
    """Return whether hits ``h1``, ``h2``, ``h3`` [P] pass dydx and dzdr of ``windows``
    [P, 10, 2]: ``sign (y2-y1)/(x1-x2) - (y2-y3)/(x2-x3)`` and
    ``(z2-z1)/(r2-r1) - (z3-z2)/(r3-r2)``."""
    low, high = windows[..., 0].T, windows[..., 1].T
    accepted = np.ones(h1.size, dtype=np.bool_)
    for index, bound, a, b, c, d in (
        (
            _DYDX,
            contract.windows.dydx,
            hits.y[h2] - hits.y[h1],
            sign * (hits.x[h1] - hits.x[h2]),
            hits.y[h2] - hits.y[h3],
            hits.x[h2] - hits.x[h3],
        ),
        (
            _DZDR,
            contract.windows.dzdr,
            hits.z[h2] - hits.z[h1],
            hits.r[h2] - hits.r[h1],
            hits.z[h3] - hits.z[h2],
            hits.r[h3] - hits.r[h2],
        ),
    ):
        difference = a * d - c * b
        accepted &= accepts_ratio(
            difference, b * d, difference, low[index], high[index], bound, bound.frac
        )
    return accepted


def _expand(first: Int64, last: Int64) -> tuple[Int64, Int64]:
    """Return (row, item) for every ``item`` of ``first[row]:last[row]``, rows in order."""
    counts = last - first
    row = np.repeat(np.arange(counts.size), counts)
    begin = np.cumsum(counts) - counts
    return row, np.arange(row.size) - begin[row] + first[row]


def _chunks(counts: Int64) -> list[slice]:
    """Split 0..len(counts)-1 into runs of about ``_STEPS_PER_CHUNK`` counts each."""
    chunk = np.cumsum(counts) // _STEPS_PER_CHUNK
    ends = [0, *(np.flatnonzero(np.diff(chunk)) + 1).tolist(), counts.size]
    return [slice(first, last) for first, last in pairwise(ends)]


def _wrap(angle: Int64, phi: FixedPoint) -> Int64:
    return ((angle - phi.min_int) & ((1 << phi.bits) - 1)) + phi.min_int


def capacity_error(what: str, need: int, capacity: int) -> CapacityError:
    """Return the error for ``need`` hits, modules, ... that exceed the kernel's ``capacity``."""
    return CapacityError(
        f"module map: {need} {what}, capacity {capacity}; "
        f"raise kernels.module_map.max_{what} or split the event"
    )


def check_inputs(hits: HitRecords, module_map: ModuleMapRecords, contract: Contract) -> None:
    """Raise ``InputError`` unless the records are inside the contract's formats and every index
    points to an existing row: what the kernel takes for granted."""
    _check_contract(contract)
    formats = dict.fromkeys("xyzr", contract.hit.length)
    formats |= {"phi": contract.hit.phi, "eta": contract.hit.eta}
    for name, form in formats.items():
        column = getattr(hits, name)
        _check_size(f"hits.{name}", column, len(hits))
        _check_range(f"hits.{name}", column, form.min_int, form.max_int)
    modules, doublets, triplets = (
        module_map.n_modules,
        module_map.n_doublets,
        module_map.n_triplets,
    )
    _check_starts("hits.module_start", hits.module_start, modules, len(hits), whole=False)
    _check_starts("map.doublet_start", module_map.doublet_start, modules, doublets, whole=True)
    _check_starts("map.triplet_start", module_map.triplet_start, doublets, triplets, whole=True)
    _check_range("map.doublet_target", module_map.doublet_target, 0, modules - 1)
    _check_range("map.triplet_outer", module_map.triplet_outer, 0, doublets - 1)
    for what, rows, names, windows in (
        ("doublet", doublets, DOUBLET_WINDOWS, module_map.doublet_windows),
        ("triplet", triplets, TRIPLET_WINDOWS, module_map.triplet_windows),
    ):
        if windows.shape != (rows, len(names), 2):
            raise InputError(f"map.{what}_windows", windows.shape, (rows, len(names), 2))
        for index, name in enumerate(names):
            form = getattr(contract.windows, name.removeprefix("inner_").removeprefix("outer_"))
            _check_range(
                f"map.{what}_windows.{name}", windows[:, index], form.min_int, form.max_int
            )


def _require_capacity(what: str, need: int, capacity: int) -> None:
    if need > capacity:
        raise capacity_error(what, need, capacity)


def _check_contract(contract: Contract) -> None:
    """Only signed formats, hit-record units for z0, dphi and deta, products within int64."""
    hit, bounds, where = contract.hit, contract.windows, f"quant config {contract.name}"
    difference = hit.length.bits + 1
    named = {"hit.length": hit.length, "hit.eta": hit.eta}
    named |= {f"windows.{name}": getattr(bounds, name) for name in type(bounds).model_fields}
    for name, form in named.items():
        if not form.signed:
            raise InputError(f"{where}: {name}", "an unsigned format", "a signed one")
    for name, bound, unit in (
        ("z0", bounds.z0, hit.length),
        ("dphi", bounds.dphi, hit.phi),
        ("deta", bounds.deta, hit.eta),
    ):
        if bound.frac != unit.frac:
            raise InputError(f"{where}: windows.{name}.frac", bound.frac, unit.frac)
    for name, numerator, denominator, shift in (
        ("z0", 2 * difference, difference, 0),
        ("phi_slope", hit.phi.bits, difference, bounds.phi_slope.frac),
        ("dydx", 2 * difference + 1, 2 * difference, bounds.dydx.frac),
        ("dzdr", 2 * difference + 1, 2 * difference, bounds.dzdr.frac),
    ):
        if shift < 0:
            raise InputError(f"{where}: windows.{name}.frac", "too small", f"{-shift} more bits")
        bits = ratio_bits(numerator, denominator, getattr(bounds, name), shift)
        if bits > 64:
            raise InputError(f"{where}: windows.{name}", f"{bits}-bit products", "64 bits or fewer")


def _check_size(where: str, column: Int64, size: int) -> None:
    if column.shape != (size,):
        raise InputError(where, f"shape {column.shape}", f"({size},)")


def _check_range(where: str, values: Int64, low: int, high: int) -> None:
    bad = np.flatnonzero((values < low) | (values > high))
    if bad.size:
        raise InputError(f"{where}[{bad[0]}]", int(values.flat[bad[0]]), f"{low}..{high}")


def _check_starts(where: str, starts: Int64, rows: int, items: int, *, whole: bool) -> None:
    """``starts`` [rows + 1] ascends within 0..items; ``whole``: it also covers every item."""
    _check_size(where, starts, rows + 1)
    _check_range(where, starts, 0, items)
    if (np.diff(starts) < 0).any():
        raise InputError(where, "a descending start", "ascending starts")
    if whole and (starts[0], starts[-1]) != (0, items):
        raise InputError(where, f"{starts[0]}..{starts[-1]}", f"0..{items}")
