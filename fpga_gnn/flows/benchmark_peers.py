"""What our graph construction and connected components are timed against.

Written for speed only, and apart from ours: float64 instead of exact integers, threads, edges in no
particular order. Nothing else in the package uses them.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from fpga_gnn.contract import (
    DOUBLET_WINDOWS,
    TRIPLET_WINDOWS,
    Contract,
    DydxLaw,
    FixedPoint,
    HitRecords,
    ModuleMapRecords,
    dydx_sign,
)
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import InputError
from fpga_gnn.tracks.connected_components import tracks_from_labels

_CHUNKS_PER_THREAD = 16


def use_threads(n: int) -> None:
    """Let numba's parallel loops take ``n`` threads; ``InputError`` for more than there are."""
    most = numba.config.NUMBA_NUM_THREADS
    if not 1 <= n <= most:
        raise InputError("threads", n, f"1..{most}")
    numba.set_num_threads(n)


def component_tracks(
    n_nodes: int, src: Int64, dst: Int64, score: NDArray[np.float64], cut: float, min_hits: int
) -> Int64:
    """Return what the builder ``cc`` returns, by ``scipy.sparse.csgraph``; ``src`` ascends."""
    kept = np.flatnonzero(score > cut)
    start = np.zeros(n_nodes + 1, dtype=np.int32)
    np.cumsum(np.bincount(src[kept], minlength=n_nodes), out=start[1:])
    weight = np.ones(kept.size)
    graph = csr_array((weight, dst[kept].astype(np.int32), start), shape=(n_nodes, n_nodes))
    return tracks_from_labels(connected_components(graph, directed=False)[1], min_hits)


class PeerModuleMap:
    """The module-map law on all threads, in float64.

    Compares quotients instead of products, and computes those of a pair once for all its triplets.
    Candidates are ours; a tag may differ where a difference of slopes rounds across a bound.
    Windows are converted, and buffers kept, outside ``build``.
    """

    def __init__(
        self, module_map: ModuleMapRecords, contract: Contract, dydx: DydxLaw, threads: int
    ) -> None:
        self._map = module_map
        self._turn = float(1 << contract.hit.phi.bits)
        self._sign = float(dydx_sign(dydx))
        self._doublets = _floats(module_map.doublet_windows, DOUBLET_WINDOWS, contract)
        self._triplets = _floats(module_map.triplet_windows, TRIPLET_WINDOWS, contract)
        self._source = np.repeat(np.arange(module_map.n_modules), np.diff(module_map.doublet_start))
        self._n_chunks = _CHUNKS_PER_THREAD * threads
        self._reserve(1 << 10)

    def _reserve(self, room: int) -> None:
        shape = self._n_chunks, room
        self._ends = np.empty((*shape, 3), dtype=np.int32)
        self._values = np.empty((*shape, 6))
        self._tagged = np.empty(shape, dtype=np.bool_)

    def build(self, hits: HitRecords) -> tuple[Int64, Int64, NDArray[np.bool_]]:
        """Return source and destination [C] of the candidates, and which a triplet confirms."""
        entries, start = self._map, hits.module_start
        columns = (hits.phi, hits.eta, hits.z, hits.r, hits.x, hits.y)
        node, phi, hit = _sort(start, *columns)
        size = np.diff(start)
        per_doublet = size[self._source] * (4 + size[entries.doublet_target])
        work = np.cumsum(np.concatenate([[0], per_doublet]))[entries.doublet_start]
        steps = np.linspace(0, work[-1], self._n_chunks + 1)
        chunk = np.searchsorted(work, steps)
        chunk[0], chunk[-1] = 0, entries.n_modules
        n_queries = np.diff(entries.doublet_start)
        query = np.concatenate([[0], np.cumsum(np.repeat(n_queries, size))])
        query = query[:-1] - np.repeat(entries.doublet_start[:-1], size)
        found = np.zeros((int((size * n_queries).sum()), 2), dtype=np.int32)
        while True:
            n = _find(
                *(phi, hit, start, entries.doublet_start, entries.doublet_target),
                *(self._doublets, self._turn, chunk, query, found),
                *(self._ends, self._values, self._tagged),
            )
            if n.max() <= self._tagged.shape[1]:
                break
            self._reserve(int(n.max() * 1.25))
        tables = entries.triplet_start, entries.triplet_outer, self._triplets, self._sign
        buffers = self._ends.reshape(-1, 3), self._values.reshape(-1, 6), self._tagged.reshape(-1)
        _tag(n, self._tagged.shape[1], query, found, hit, *tables, *buffers)
        begin = np.concatenate([[0], np.cumsum(n)])
        return _collect(n, begin, node, self._ends, self._tagged)


def _floats(windows: Int64, names: tuple[str, ...], contract: Contract) -> NDArray[np.float64]:
    """Return windows [K, W, 2] as bounds of quotients, open ones infinite."""
    out = np.empty(windows.shape)
    for i, name in enumerate(names):
        fixed: FixedPoint = contract.windows.of(name)
        is_slope = name.endswith(("phi_slope", "dydx", "dzdr"))
        scale = 2.0**-fixed.frac if is_slope else 1.0
        low, high = windows[:, i, 0], windows[:, i, 1]
        out[:, i, 0] = np.where(low == fixed.min_int, -np.inf, low * scale)
        out[:, i, 1] = np.where(high == fixed.max_int, np.inf, high * scale)
    return out


@numba.njit(parallel=True, cache=True)
def _sort(start, phi, eta, z, r, x, y):  # type: ignore[no-untyped-def]
    """Sort the hits of each module by azimuth: node [N], phi [N], hit [N, 6]."""
    n_hits = start[-1]
    node = np.empty(n_hits, np.int64)
    angle = np.empty(n_hits, np.float64)
    hit = np.empty((n_hits, 6), np.float64)
    for m in numba.prange(start.size - 1):
        first, last = start[m], start[m + 1]
        for i in range(first, last):
            j = i
            while j > first and angle[j - 1] > phi[i]:
                angle[j], node[j] = angle[j - 1], node[j - 1]
                j -= 1
            angle[j], node[j] = phi[i], i
        for i in range(first, last):
            h = node[i]
            hit[i, 0], hit[i, 1], hit[i, 2] = phi[h], eta[h], z[h]
            hit[i, 3], hit[i, 4], hit[i, 5] = r[h], x[h], y[h]
    return node, angle, hit


@numba.njit(cache=True, error_model="numpy", inline="always")
def _quotient(numerator, denominator):  # type: ignore[no-untyped-def]
    if denominator == 0.0:
        return np.inf if numerator >= 0.0 else -np.inf
    return numerator / denominator


@numba.njit(cache=True)
def _lower(values, first, last, bound):  # type: ignore[no-untyped-def]
    while first < last:
        middle = (first + last) >> 1
        if values[middle] < bound:
            first = middle + 1
        else:
            last = middle
    return first


@numba.njit(parallel=True, cache=True, error_model="numpy")
def _find(  # type: ignore[no-untyped-def]
    phi, hit, start, doublet_start, target, windows, turn, chunk, query, found, ends, values, tagged
):
    """Fill the buffers with the candidates of each chunk of modules; return how many there are."""
    n_chunks, room = tagged.shape
    count = np.zeros(n_chunks, np.int64)
    half = turn / 2
    for c in numba.prange(n_chunks):
        n = 0
        for m in range(chunk[c], chunk[c + 1]):
            for h1 in range(start[m], start[m + 1]):
                phi1, eta1, z1 = hit[h1, 0], hit[h1, 1], hit[h1, 2]
                r1, x1, y1 = hit[h1, 3], hit[h1, 4], hit[h1, 5]
                for d in range(doublet_start[m], doublet_start[m + 1]):
                    a, b = start[target[d]], start[target[d] + 1]
                    if a == b:
                        continue
                    found[query[h1] + d, 0] = c * room + n
                    w = windows[d]
                    low, high = phi1 + max(w[1, 0], -half), phi1 + min(w[1, 1], half - 1)
                    for side in range(3):
                        shift = (side - 1) * turn
                        if low + shift > phi[b - 1] or high + shift < phi[a]:
                            continue
                        for h2 in range(_lower(phi, a, b, low + shift), b):
                            if phi[h2] > high + shift:
                                break
                            deta = eta1 - hit[h2, 1]
                            if deta < w[2, 0] or deta > w[2, 1]:
                                continue
                            dr, dz = hit[h2, 3] - r1, hit[h2, 2] - z1
                            dphi = phi[h2] - phi1 - shift
                            if dr == 0.0:
                                z0 = np.inf if dz >= 0.0 else -np.inf
                                slope = np.inf if dphi >= 0.0 else -np.inf
                                dzdr = z0
                            else:
                                dzdr = dz / dr
                                z0 = (z1 * dr - r1 * dz) / dr
                                slope = dphi / dr
                            if z0 < w[0, 0] or z0 > w[0, 1] or slope < w[3, 0] or slope > w[3, 1]:
                                continue
                            if n < room:
                                ends[c, n, 0], ends[c, n, 1], ends[c, n, 2] = h1, h2, d
                                values[c, n, 0], values[c, n, 1] = z0, dphi
                                values[c, n, 2], values[c, n, 3] = deta, slope
                                values[c, n, 4] = _quotient(hit[h2, 5] - y1, hit[h2, 4] - x1)
                                values[c, n, 5] = dzdr
                                tagged[c, n] = False
                            n += 1
                    found[query[h1] + d, 1] = c * room + n
        count[c] = n
    return count


@numba.njit(cache=True, inline="always")
def _inside(value, window):  # type: ignore[no-untyped-def]
    return (window[0] <= value) & (value <= window[1])


@numba.njit(cache=True, error_model="numpy", inline="always")
def _infinity(hit, h1, h2, h3, x, y, inner_sign, outer_sign):  # type: ignore[no-untyped-def]
    """Return the infinity that the law makes of a difference of slopes dy/dx with dx = 0."""
    a, b = hit[h2, y] - hit[h1, y], inner_sign * (hit[h2, x] - hit[h1, x])
    c, d = outer_sign * (hit[h3, y] - hit[h2, y]), outer_sign * (hit[h3, x] - hit[h2, x])
    return np.inf if a * d - c * b >= 0.0 else -np.inf


@numba.njit(parallel=True, cache=True, error_model="numpy")
def _tag(  # type: ignore[no-untyped-def]
    n, room, query, found, hit, triplet_start, triplet_outer, windows, sign, ends, values, tagged
):
    for c in numba.prange(n.size):
        for i in range(c * room, c * room + n[c]):
            h1, h2, d = ends[i, 0], ends[i, 1], ends[i, 2]
            v = values[i]
            for t in range(triplet_start[d], triplet_start[d + 1]):
                outer = query[h2] + triplet_outer[t]
                first, last = found[outer, 0], found[outer, 1]
                w = windows[t]
                if first == last or not (
                    _inside(v[0], w[0])
                    & _inside(v[1], w[1])
                    & _inside(v[2], w[2])
                    & _inside(v[3], w[3])
                ):
                    continue
                for k in range(first, last):
                    if tagged[i] & tagged[k]:
                        continue
                    u = values[k]
                    if not (
                        _inside(u[0], w[4])
                        & _inside(u[1], w[5])
                        & _inside(u[2], w[6])
                        & _inside(u[3], w[7])
                    ):
                        continue
                    dydx, dzdr = -sign * v[4] - u[4], v[5] - u[5]
                    if not np.isfinite(dydx):
                        dydx = _infinity(hit, h1, h2, ends[k, 1], 4, 5, -sign, -1.0)
                    if not np.isfinite(dzdr):
                        dzdr = _infinity(hit, h1, h2, ends[k, 1], 3, 2, 1.0, 1.0)
                    if _inside(dydx, w[8]) & _inside(dzdr, w[9]):
                        tagged[i] = True
                        tagged[k] = True


@numba.njit(parallel=True, cache=True)
def _collect(n, begin, node, ends, tagged):  # type: ignore[no-untyped-def]
    src = np.empty(begin[-1], np.int64)
    dst = np.empty(begin[-1], np.int64)
    confirmed = np.empty(begin[-1], np.bool_)
    for c in numba.prange(n.size):
        for i in range(n[c]):
            src[begin[c] + i] = node[ends[c, i, 0]]
            dst[begin[c] + i] = node[ends[c, i, 1]]
            confirmed[begin[c] + i] = tagged[c, i]
    return src, dst, confirmed
