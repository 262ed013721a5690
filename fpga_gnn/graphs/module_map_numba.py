"""The module-map law on a CPU: sequential numba loops, exactly the candidates of PyTorch's.

The loops are compiled for the integers of a contract and, to see what its formats cost, for
float64 (``module_map_float``).

Inside, hits are numbered by (module, azimuth): the dphi window of a map row selects a run of hits
on the ring of its target module, and the run moves forward from one source hit to the next.
Candidates are found row by row of the map, so that a row's windows are read once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from fpga_gnn.contract import (
    CandidateRecords,
    Contract,
    DydxLaw,
    HitRecords,
    ModuleMapRecords,
    dydx_sign,
)
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import CapacityError, InputError

Table = NDArray[Any]
"""int32 or float64."""
_X, _Y, _Z, _R, _PHI, _ETA = range(6)
"""Columns of hits."""
_SRC, _DST, _DR, _DZ, _DPHI, _DETA = range(6)
"""Columns of pairs: two hits and what the windows test."""
_FORMATS = ("z0", "dphi", "deta", "phi_slope", "dydx", "dzdr")
_CANDIDATES_PER_HIT = 24
"""Memory at the start; it grows."""
MOST_CANDIDATES = 30_000_000
MOST_QUERIES = 100_000_000
"""Hits times the doublets of their modules."""
TOO_OPEN = "module map: too many candidates in an event; expected narrower windows"
_MOST_BITS = 30
_Window = tuple[float, float, float, float]
"""Low, high and the bounds that mean open: tuples, for numba counts references to arrays."""
_Windows = tuple[_Window, _Window, _Window, _Window]
"""In the order of ``DOUBLET_WINDOWS``."""


def build_candidates(
    hits: HitRecords,
    module_map: ModuleMapRecords,
    contract: Contract,
    dydx: DydxLaw = "compatible",
) -> CandidateRecords:
    """Return what ``fpga_gnn.graphs.module_map.build_candidates`` returns.

    ``InputError`` for hit formats of which a difference might not fit 32 bits.
    """
    phi = contract.hit.phi
    bits = max(fixed.bits for fixed in (contract.hit.length, phi, contract.hit.eta))
    if bits > _MOST_BITS:
        raise InputError(f"contract {contract.name}: hit", f"{bits} bits", f"{_MOST_BITS} or fewer")
    n_known = int(hits.module_start[-1])
    module = np.repeat(np.arange(module_map.n_modules), np.diff(hits.module_start))
    node = np.argsort((module << phi.bits) + hits.phi[:n_known] - phi.min_int, kind="stable")
    columns = (hits.x, hits.y, hits.z, hits.r, hits.phi, hits.eta)
    formats = [getattr(contract.windows, name) for name in _FORMATS]
    return find_candidates(
        np.stack([column[node].astype(np.int32) for column in columns], axis=1),
        node,
        hits.module_start,
        module_map,
        (module_map.doublet_windows, module_map.triplet_windows),
        Units(
            ends=np.array([(fixed.min_int, fixed.max_int) for fixed in formats]),
            scales=tuple(1 << fixed.frac for fixed in formats[3:]),
            turn=1 << phi.bits,
            angles=(phi.min_int, phi.max_int),
        ),
        dydx,
    )


@dataclass(frozen=True, eq=False)
class Units:
    """What depends on the numbers of hits and windows.

    ``ends`` [6, 2] are the bounds of z0, dphi, deta, phi_slope, dydx, dzdr that mean open;
    ``scales`` multiply the last three, in units of the hits, to give those of their windows.
    ``turn`` is one turn of phi, whose values lie between ``angles``, inclusive.
    """

    ends: Table
    scales: tuple[float, ...]
    turn: float
    angles: tuple[float, float]


def find_candidates(
    hits: Table,
    node: Int64,
    module_start: Int64,
    module_map: ModuleMapRecords,
    windows: tuple[Table, Table],
    units: Units,
    dydx: DydxLaw,
) -> CandidateRecords:
    """Return the candidates of ``hits`` [N, 6] (x y z r phi eta), sorted by (module, azimuth).

    ``node`` [N] is the node of each hit; ``windows`` those of doublets [D, 4, 2] and triplets
    [T, 10, 2]: all of them int32 hits with int64 windows, or all float64. ``module_map`` gives the
    order of the rows, not their windows.
    """
    doublet_windows, triplet_windows = windows
    require_few_queries(module_start, module_map)
    doublets = (module_start, module_map.doublet_start, module_map.doublet_target)
    pairs, first, query = _doublets(
        hits,
        *doublets,
        doublet_windows,
        units.ends,
        units.scales[0],
        units.turn,
        *units.angles,
        MOST_CANDIDATES,
    )
    tagged = _triplets(
        hits,
        pairs,
        first,
        query,
        *doublets,
        module_map.triplet_start,
        module_map.triplet_outer,
        triplet_windows,
        units.ends,
        units.scales,
        dydx_sign(dydx),
    )
    return CandidateRecords(
        *_canonical(pairs, tagged, first, query, node, module_start, module_map.doublet_start)
    )


def require_few_queries(module_start: Int64, module_map: ModuleMapRecords) -> None:
    """Raise ``CapacityError`` for more than ``MOST_QUERIES`` pairs of a hit and a doublet."""
    n_queries = int(np.diff(module_start) @ np.diff(module_map.doublet_start))
    if n_queries > MOST_QUERIES:
        raise CapacityError(
            f"module map: {n_queries} pairs of a hit and a doublet of its module, at most "
            f"{MOST_QUERIES}"
        )


@numba.njit(cache=True)
def _window(windows: Table, row: int, variable: int, ends: Table, form: int) -> _Window:
    return windows[row, variable, 0], windows[row, variable, 1], ends[form, 0], ends[form, 1]


@numba.njit(cache=True)
def _inside(value: float, window: _Window) -> bool:
    low, high, least, most = window
    return (low <= value or low == least) and (value <= high or high == most)


@numba.njit(cache=True)
def _ratio_inside(numerator: float, denominator: float, sign: float, window: _Window) -> bool:
    low, high, least, most = window
    if denominator == 0:
        return high == most if sign >= 0 else low == least
    if denominator < 0:
        numerator, denominator = -numerator, -denominator
    return (low * denominator <= numerator or low == least) and (
        numerator <= high * denominator or high == most
    )


@numba.njit(cache=True)
def _doublets(
    hits: Table,
    module_start: Int64,
    start: Int64,
    target: Int64,
    windows: Table,
    ends: Table,
    scale: float,
    turn: float,
    phi_min: float,
    phi_max: float,
    most_pairs: int,
) -> tuple[Table, Int64, Int64]:
    """Return pairs [C, 6], the first pair of each query [Q + 1], the first query of each row [D].

    A query is a row of the map with a hit on its source module, in this order.
    """
    n_queries = np.sum(np.diff(start) * np.diff(module_start))
    first = np.empty(n_queries + 1, np.int64)
    query = np.empty(target.size, np.int64)
    pairs = np.empty((_CANDIDATES_PER_HIT * len(hits) + 1, 6), hits.dtype)
    n, q = 0, 0
    for module in range(start.size - 1):
        for row in range(start[module], start[module + 1]):
            query[row] = q
            z0, (low, high, least, most), deta, slope = _doublet_windows(windows, row, 0, ends)
            low = phi_min if low == least else max(low, phi_min)
            high = phi_max if high == most else min(high, phi_max)
            begin, end = module_start[target[row]], module_start[target[row] + 1]
            reached, turns = begin, -turn
            for h1 in range(module_start[module], module_start[module + 1]):
                first[q] = n
                q += 1
                if begin == end or low > high:
                    continue
                z, r, phi, eta = hits[h1, _Z], hits[h1, _R], hits[h1, _PHI], hits[h1, _ETA]
                while turns <= turn and hits[reached, _PHI] + turns < phi + low:
                    reached += 1
                    if reached == end:
                        reached, turns = begin, turns + turn
                h2, shift = reached, turns
                while shift <= turn:
                    dphi = hits[h2, _PHI] + shift - phi
                    if dphi > high:
                        break
                    if _inside(eta - hits[h2, _ETA], deta):
                        dr, dz = hits[h2, _R] - r, hits[h2, _Z] - z
                        if _ratio_inside(z * dr - r * dz, dr, dz, z0) and _ratio_inside(
                            dphi * scale, dr, dphi, slope
                        ):
                            if n == most_pairs:
                                raise CapacityError(TOO_OPEN)
                            if n == len(pairs):
                                pairs = np.concatenate((pairs, np.empty_like(pairs)))
                            pairs[n, _SRC], pairs[n, _DST] = h1, h2
                            pairs[n, _DR], pairs[n, _DZ], pairs[n, _DPHI] = dr, dz, dphi
                            pairs[n, _DETA] = eta - hits[h2, _ETA]
                            n += 1
                    h2 += 1
                    if h2 == end:
                        h2, shift = begin, shift + turn
    first[q] = n
    return pairs[:n], first, query


@numba.njit(cache=True)
def _doublet_windows(windows: Table, row: int, first: int, ends: Table) -> _Windows:
    return (
        _window(windows, row, first, ends, 0),
        _window(windows, row, first + 1, ends, 1),
        _window(windows, row, first + 2, ends, 2),
        _window(windows, row, first + 3, ends, 3),
    )


@numba.njit(cache=True)
def _pass(hits: Table, pairs: Table, i: int, windows: _Windows, scale: float) -> bool:
    z0, dphi, deta, slope = windows
    h1, dr, dz, step = int(pairs[i, _SRC]), pairs[i, _DR], pairs[i, _DZ], pairs[i, _DPHI]
    return (
        _inside(pairs[i, _DETA], deta)
        and _inside(step, dphi)
        and _ratio_inside(hits[h1, _Z] * dr - hits[h1, _R] * dz, dr, dz, z0)
        and _ratio_inside(step * scale, dr, step, slope)
    )


@numba.njit(cache=True)
def _dydx_inside(
    hits: Table, h1: int, h2: int, h3: int, sign: int, scale: float, window: _Window
) -> bool:
    a, b = hits[h2, _Y] - hits[h1, _Y], sign * (hits[h1, _X] - hits[h2, _X])
    c, d = hits[h2, _Y] - hits[h3, _Y], hits[h2, _X] - hits[h3, _X]
    dydx = a * d - c * b
    return _ratio_inside(dydx * scale, b * d, dydx, window)


@numba.njit(cache=True)
def _triplets(
    hits: Table,
    pairs: Table,
    first: Int64,
    query: Int64,
    module_start: Int64,
    start: Int64,
    target: Int64,
    triplet_start: Int64,
    triplet_outer: Int64,
    windows: Table,
    ends: Table,
    scales: tuple[float, ...],
    sign: int,
) -> NDArray[np.bool_]:
    """Return which pairs are part of a triplet inside its windows [C]."""
    slope_scale, dydx_scale, dzdr_scale = scales
    tagged = np.zeros(len(pairs), np.bool_)
    for module in range(start.size - 1):
        n_hits = module_start[module + 1] - module_start[module]
        for row in range(start[module], start[module + 1]):
            begin, end = first[query[row]], first[query[row] + n_hits]
            if begin == end:
                continue
            for t in range(triplet_start[row], triplet_start[row + 1]):
                outer_row, middle = triplet_outer[t], target[row]
                if not start[middle] <= outer_row < start[middle + 1]:
                    continue
                queries = query[outer_row] - module_start[middle]
                inner = _doublet_windows(windows, t, 0, ends)
                outer = _doublet_windows(windows, t, 4, ends)
                dydx, dzdr = _window(windows, t, 8, ends, 4), _window(windows, t, 9, ends, 5)
                for i in range(begin, end):
                    h1, h2 = int(pairs[i, _SRC]), int(pairs[i, _DST])
                    k, last = first[queries + h2], first[queries + h2 + 1]
                    if k == last or not _pass(hits, pairs, i, inner, slope_scale):
                        continue
                    dr, dz = pairs[i, _DR], pairs[i, _DZ]
                    for j in range(k, last):
                        # dzdr first: it rejects most.
                        value = dz * pairs[j, _DR] - pairs[j, _DZ] * dr
                        if (
                            _ratio_inside(value * dzdr_scale, dr * pairs[j, _DR], value, dzdr)
                            and not (tagged[i] and tagged[j])
                            and _pass(hits, pairs, j, outer, slope_scale)
                            and _dydx_inside(
                                hits, h1, h2, int(pairs[j, _DST]), sign, dydx_scale, dydx
                            )
                        ):
                            tagged[i] = tagged[j] = True
    return tagged


@numba.njit(cache=True)
def _canonical(
    pairs: Table,
    tagged: NDArray[np.bool_],
    first: Int64,
    query: Int64,
    node: Int64,
    module_start: Int64,
    start: Int64,
) -> tuple[Int64, Int64, Int64, Int64]:
    """Return the columns of the candidates, as nodes, sorted by (source, target)."""
    src = np.empty(len(pairs), np.int64)
    dst, row, mark = np.empty_like(src), np.empty_like(src), np.empty_like(src)
    number = np.empty_like(node)
    for i in range(node.size):
        number[node[i]] = i
    n = 0
    for module in range(start.size - 1):
        for h1 in range(module_start[module], module_start[module + 1]):
            for d in range(start[module], start[module + 1]):
                q, run = query[d] + number[h1] - module_start[module], n
                for j in range(first[q], first[q + 1]):
                    h2, k = node[int(pairs[j, _DST])], n
                    while k > run and dst[k - 1] > h2:
                        dst[k], mark[k] = dst[k - 1], mark[k - 1]
                        k -= 1
                    dst[k], mark[k], src[n], row[n] = h2, tagged[j], h1, d
                    n += 1
    return src, dst, row, mark
