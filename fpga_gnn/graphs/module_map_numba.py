"""The module-map law on a CPU: sequential numba loops, exactly the candidates of PyTorch's.

Inside, hits are numbered by (module, azimuth): the dphi window of a map row selects a run of hits
on the ring of its target module, and the run moves forward from one source hit to the next.
Candidates are found row by row of the map, so that a row's windows are read once.
"""

from __future__ import annotations

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
from fpga_gnn.errors import InputError

Int32 = NDArray[np.int32]
_X, _Y, _Z, _R, _PHI, _ETA = range(6)
"""Columns of hits."""
_SRC, _DST, _DR, _DZ, _DPHI, _DETA = range(6)
"""Columns of pairs: two hits and what the windows test."""
_FORMATS = ("z0", "dphi", "deta", "phi_slope", "dydx", "dzdr")
_CANDIDATES_PER_HIT = 24
"""Memory at the start; it grows."""
_MOST_BITS = 30
_Window = tuple[int, int, int, int]
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
    formats, phi = contract.windows, contract.hit.phi
    bits = max(fixed.bits for fixed in (contract.hit.length, phi, contract.hit.eta))
    if bits > _MOST_BITS:
        raise InputError(f"contract {contract.name}: hit", f"{bits} bits", f"{_MOST_BITS} or fewer")
    n_known = int(hits.module_start[-1])
    module = np.repeat(np.arange(module_map.n_modules), np.diff(hits.module_start))
    node = np.argsort((module << phi.bits) + hits.phi[:n_known] - phi.min_int, kind="stable")
    columns = (hits.x, hits.y, hits.z, hits.r, hits.phi, hits.eta)
    table = np.stack([column[node].astype(np.int32) for column in columns], axis=1)
    ends = np.array([(getattr(formats, f).min_int, getattr(formats, f).max_int) for f in _FORMATS])
    doublets = (hits.module_start, module_map.doublet_start, module_map.doublet_target)
    pairs, first, query = _doublets(
        table,
        *doublets,
        module_map.doublet_windows,
        ends,
        formats.phi_slope.frac,
        phi.min_int,
        phi.max_int,
    )
    tagged = _triplets(
        table,
        pairs,
        first,
        query,
        *doublets,
        module_map.triplet_start,
        module_map.triplet_outer,
        module_map.triplet_windows,
        ends,
        (formats.phi_slope.frac, formats.dydx.frac, formats.dzdr.frac),
        dydx_sign(dydx),
    )
    return CandidateRecords(
        *_canonical(pairs, tagged, first, query, node, hits.module_start, module_map.doublet_start)
    )


@numba.njit(cache=True)
def _window(windows: Int64, row: int, variable: int, ends: Int64, form: int) -> _Window:
    return windows[row, variable, 0], windows[row, variable, 1], ends[form, 0], ends[form, 1]


@numba.njit(cache=True)
def _inside(value: int, window: _Window) -> bool:
    low, high, least, most = window
    return (low <= value or low == least) and (value <= high or high == most)


@numba.njit(cache=True)
def _ratio_inside(numerator: int, denominator: int, sign: int, window: _Window) -> bool:
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
    hits: Int32,
    module_start: Int64,
    start: Int64,
    target: Int64,
    windows: Int64,
    ends: Int64,
    frac: int,
    phi_min: int,
    phi_max: int,
) -> tuple[Int32, Int64, Int64]:
    """Return pairs [C, 6], the first pair of each query [Q + 1], the first query of each row [D].

    A query is a row of the map with a hit on its source module, in this order.
    """
    turn = phi_max - phi_min + 1
    n_queries = np.sum(np.diff(start) * np.diff(module_start))
    first = np.empty(n_queries + 1, np.int64)
    query = np.empty(target.size, np.int64)
    pairs = np.empty((_CANDIDATES_PER_HIT * len(hits) + 1, 6), np.int32)
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
                            dphi << frac, dr, dphi, slope
                        ):
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
def _doublet_windows(windows: Int64, row: int, first: int, ends: Int64) -> _Windows:
    return (
        _window(windows, row, first, ends, 0),
        _window(windows, row, first + 1, ends, 1),
        _window(windows, row, first + 2, ends, 2),
        _window(windows, row, first + 3, ends, 3),
    )


@numba.njit(cache=True)
def _pass(hits: Int32, pairs: Int32, i: int, windows: _Windows, frac: int) -> bool:
    z0, dphi, deta, slope = windows
    h1, dr, dz, step = pairs[i, _SRC], pairs[i, _DR], pairs[i, _DZ], pairs[i, _DPHI]
    return (
        _inside(pairs[i, _DETA], deta)
        and _inside(step, dphi)
        and _ratio_inside(hits[h1, _Z] * dr - hits[h1, _R] * dz, dr, dz, z0)
        and _ratio_inside(step << frac, dr, step, slope)
    )


@numba.njit(cache=True)
def _dydx_inside(
    hits: Int32, h1: int, h2: int, h3: int, sign: int, frac: int, window: _Window
) -> bool:
    a, b = hits[h2, _Y] - hits[h1, _Y], sign * (hits[h1, _X] - hits[h2, _X])
    c, d = hits[h2, _Y] - hits[h3, _Y], hits[h2, _X] - hits[h3, _X]
    dydx = a * d - c * b
    return _ratio_inside(dydx << frac, b * d, dydx, window)


@numba.njit(cache=True)
def _triplets(
    hits: Int32,
    pairs: Int32,
    first: Int64,
    query: Int64,
    module_start: Int64,
    start: Int64,
    target: Int64,
    triplet_start: Int64,
    triplet_outer: Int64,
    windows: Int64,
    ends: Int64,
    fracs: tuple[int, int, int],
    sign: int,
) -> NDArray[np.bool_]:
    """Return which pairs are part of a triplet inside its windows [C]."""
    slope_frac, dydx_frac, dzdr_frac = fracs
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
                    h2 = pairs[i, _DST]
                    k, last = first[queries + h2], first[queries + h2 + 1]
                    if k == last or not _pass(hits, pairs, i, inner, slope_frac):
                        continue
                    dr, dz = pairs[i, _DR], pairs[i, _DZ]
                    for j in range(k, last):
                        # dzdr first: it rejects most.
                        value = dz * pairs[j, _DR] - pairs[j, _DZ] * dr
                        if (
                            _ratio_inside(value << dzdr_frac, dr * pairs[j, _DR], value, dzdr)
                            and not (tagged[i] and tagged[j])
                            and _pass(hits, pairs, j, outer, slope_frac)
                            and _dydx_inside(
                                hits, pairs[i, _SRC], h2, pairs[j, _DST], sign, dydx_frac, dydx
                            )
                        ):
                            tagged[i] = tagged[j] = True
    return tagged


@numba.njit(cache=True)
def _canonical(
    pairs: Int32,
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
                    h2, k = node[pairs[j, _DST]], n
                    while k > run and dst[k - 1] > h2:
                        dst[k], mark[k] = dst[k - 1], mark[k - 1]
                        k -= 1
                    dst[k], mark[k], src[n], row[n] = h2, tagged[j], h1, d
                    n += 1
    return src, dst, row, mark
