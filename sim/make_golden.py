"""Write the kernels' golden vectors: hand-checked corner cases and seeded random ones.

Run ``python sim/make_golden.py``. Every hand case states its answer; the maker stops when the
reference disagrees with one. Same contract, same bytes.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from fpga_gnn.contract import (
    DOUBLET_WINDOWS,
    TRIPLET_WINDOWS,
    Contract,
    DydxLaw,
    FixedPoint,
    HitRecords,
    ModuleMapRecords,
    load_contract,
)
from fpga_gnn.graphs.graph import graph_from_candidates
from fpga_gnn.hw.vectors import format_vectors, write_vectors
from fpga_gnn.reference import connected_components, dwalk, module_map, track_builder
from fpga_gnn.reference.hit_lists import HitLists
from fpga_gnn.verify.compare import require_equal

GOLDEN = Path(__file__).resolve().parent / "golden"
CONTRACT = load_contract("w8")
"""The contract of the committed ``hls/generated/contract.hpp``, which the benches include."""

Case = dict[str, ArrayLike]
Hit = tuple[int, int, int, int, int, int]
Edge = tuple[int, int, int, int]
Windows = dict[str, tuple[int, int]]

_ALL = -(1 << 62), 1 << 62
"""An open window before it is cut to its format."""


def map_case(
    hits: Sequence[Sequence[Hit]],
    doublets: Sequence[tuple[int, int, Windows]],
    triplets: Sequence[tuple[int, int, Windows]] = (),
    expected: Sequence[Edge] | None = None,
    dydx: DydxLaw = "compatible",
) -> Case:
    """Build one module-map case.

    ``hits[m]`` are the (x, y, z, r, phi, eta) of module ``m``; ``doublets`` (source, target,
    windows) and ``triplets`` (inner, outer, windows) name the windows that are not open.
    ``expected`` (src, dst, doublet, tagged) is the hand-checked answer. The case holds the
    candidates and the classifier's features of the graph.
    """
    rows = np.array([hit for module in hits for hit in module], dtype=np.int64).reshape(-1, 6)
    x, y, z, r, phi, eta = rows.T
    module_start = np.cumsum([0, *(len(module) for module in hits)], dtype=np.int64)
    records = HitRecords(x, y, z, r, phi, eta, module_start)
    source = np.array([source for source, _, _ in doublets], dtype=np.int64)
    inner = np.array([inner for inner, _, _ in triplets], dtype=np.int64)
    table = ModuleMapRecords(
        doublet_start=np.searchsorted(source, np.arange(len(hits) + 1)),
        doublet_target=np.array([target for _, target, _ in doublets], dtype=np.int64),
        doublet_windows=_windows(DOUBLET_WINDOWS, [cuts for _, _, cuts in doublets]),
        triplet_start=np.searchsorted(inner, np.arange(len(doublets) + 1)),
        triplet_outer=np.array([outer for _, outer, _ in triplets], dtype=np.int64),
        triplet_windows=_windows(TRIPLET_WINDOWS, [cuts for _, _, cuts in triplets]),
    )
    found = module_map.build(records, table, CONTRACT, dydx)
    if expected is not None:
        got = np.array([found.src, found.dst, found.doublet, found.tagged]).T
        answer = np.array(expected, dtype=np.int64).reshape(-1, 4)
        require_equal("module_map", "hand-checked", answer, got)
    graph = graph_from_candidates(records, found, CONTRACT)
    return {
        "physical": int(dydx == "physical"),
        **{
            field.name: getattr(part, field.name)
            for part in (records, table, found)
            for field in fields(part)
        },
        "node_features": graph.node_features,
        "edge_features": graph.edge_features,
        "n_saturated": graph.n_saturated,
    }


def window_format(contract: Contract, name: str) -> FixedPoint:
    """Return the format of the window ``name`` of ``DOUBLET_WINDOWS`` or ``TRIPLET_WINDOWS``."""
    bare = name.removeprefix("inner_").removeprefix("outer_")
    form: FixedPoint = getattr(contract.windows, bare)
    return form


def _windows(names: Sequence[str], cuts: Sequence[Windows]) -> np.ndarray:
    rows = np.zeros((len(cuts), len(names), 2), dtype=np.int64)
    for row, cut in zip(rows, cuts, strict=True):
        for index, name in enumerate(names):
            row[index] = window_format(CONTRACT, name).saturate(np.array(cut.get(name, _ALL)))
    return rows


def single(windows: Windows, two: Hit, accepted: bool, one: Hit = (0, 0, 0, 0, 0, 0)) -> Case:
    """One pair, one doublet, one answer."""
    answer = [(0, 1, 0, 0)] if accepted else []
    return map_case([[one], [two]], [(0, 1, windows)], expected=answer)


def pair_cases() -> dict[str, Case]:
    """Return the hand-checked cases of the doublet windows."""
    slope = 1 << CONTRACT.windows.phi_slope.frac
    phi, big = CONTRACT.hit.phi, _ALL[1]
    far = (0, 0, 0, 4, 3, 0)  # dr = 4, dphi = 3: slope 3/4
    back = (0, 0, 0, -4, 3, 0)  # dr = -4: slope -3/4
    above, below = (0, 0, 7, 0, 5, 0), (0, 0, -7, 0, -5, 0)  # dr = 0
    return {
        "no_hits": map_case([[], []], [(0, 1, {})], expected=[]),
        "no_doublets": map_case([[(1, 2, 3, 4, 5, 6)]], [], expected=[]),
        "open_bounds": single({}, far, True),
        "dphi_at_low": single({"dphi": (3, 9)}, far, True),
        "dphi_below_low": single({"dphi": (4, 9)}, far, False),
        "dphi_at_high": single({"dphi": (-9, 3)}, far, True),
        "dphi_above_high": single({"dphi": (-9, 2)}, far, False),
        "deta_is_one_minus_two": single({"deta": (-8, -8)}, (0, 0, 0, 4, 0, 8), True),
        "deta_sign": single({"deta": (8, 8)}, (0, 0, 0, 4, 0, 8), False),
        "slope_exact": single({"phi_slope": (3 * slope // 4,) * 2}, far, True),
        "slope_below_low": single({"phi_slope": (3 * slope // 4 + 1, big)}, far, False),
        "slope_above_high": single({"phi_slope": (-big, 3 * slope // 4 - 1)}, far, False),
        "slope_negative_dr": single({"phi_slope": (-3 * slope // 4,) * 2}, back, True),
        "slope_negative_dr_below": single({"phi_slope": (-3 * slope // 4 + 1, big)}, back, False),
        "slope_negative_dr_above": single({"phi_slope": (-big, -3 * slope // 4 - 1)}, back, False),
        # z1 - r1 dz/dr = 10 - 2*2/4 = 9
        "z0_exact": single({"z0": (9, 9)}, (0, 0, 12, 6, 0, 0), True, (0, 0, 10, 2, 0, 0)),
        "z0_above_high": single({"z0": (0, 8)}, (0, 0, 12, 6, 0, 0), False, (0, 0, 10, 2, 0, 0)),
        # 10 - 2*2/(-4) = 11
        "z0_negative_dr": single({"z0": (11, 11)}, (0, 0, 12, -2, 0, 0), True, (0, 0, 10, 2, 0, 0)),
        "phi_wrap_up": single(
            {"dphi": (1, 1)},
            (0, 0, 0, 4, phi.min_int, 0),
            True,
            (0, 0, 0, 0, phi.max_int, 0),
        ),
        "phi_wrap_down": single(
            {"dphi": (-1, -1)},
            (0, 0, 0, 4, phi.max_int, 0),
            True,
            (0, 0, 0, 0, phi.min_int, 0),
        ),
        "phi_half_turn_is_negative": single(
            {"dphi": (-big, -1)}, (0, 0, 0, 4, phi.min_int, 0), True
        ),
        "dr_zero_plus": single({"z0": (9, big), "phi_slope": (9, big)}, above, True),
        "dr_zero_plus_z0_closed": single({"z0": (-big, 9)}, above, False),
        "dr_zero_plus_slope_closed": single({"phi_slope": (-big, 9)}, above, False),
        "dr_zero_minus": single({"z0": (-big, -9), "phi_slope": (-big, -9)}, below, True),
        "dr_zero_minus_z0_closed": single({"z0": (-9, big)}, below, False),
        "dr_zero_minus_slope_closed": single({"phi_slope": (-9, big)}, below, False),
        # The sign of z0 at dr = 0 is that of dz, whatever r1.
        "dr_zero_sign_of_dz": single(
            {"z0": (9, big)}, (0, 0, 7, 5, 0, 0), True, (0, 0, 0, 5, 0, 0)
        ),
        "same_place_is_plus": single({"z0": (9, big), "phi_slope": (9, big)}, (0,) * 6, True),
        "same_place_high_closed": single({"z0": (0, 0), "phi_slope": (0, 0)}, (0,) * 6, False),
        "two_targets_in_order": map_case(
            [[(0, 0, 0, 1, 0, 0), (0, 0, 0, 2, 0, 0)], [(0, 0, 0, 3, 0, 0)], [(0, 0, 0, 4, 0, 0)]],
            [(0, 1, {}), (0, 2, {})],
            expected=[(0, 2, 0, 0), (0, 3, 1, 0), (1, 2, 0, 0), (1, 3, 1, 0)],
        ),
    }


def chain(
    windows: Windows,
    three: Hit,
    tagged: int,
    two: Hit = (8, 4, 2, 4, 1, 0),
    dydx: DydxLaw = "compatible",
) -> Case:
    """Three hits from the origin through ``two`` to ``three``, one triplet."""
    return map_case(
        [[(0,) * 6], [two], [three]],
        [(0, 1, {}), (1, 2, {})],
        [(0, 1, windows)],
        expected=[(0, 1, 0, tagged), (1, 2, 1, tagged)],
        dydx=dydx,
    )


def triplet_cases() -> dict[str, Case]:
    """Return the hand-checked cases of the triplet windows."""
    big, dydx, dzdr = _ALL[1], 1 << CONTRACT.windows.dydx.frac, 1 << CONTRACT.windows.dzdr.frac
    # dydx = 4/(-8) - (-8)/(-8) = -3/2; dzdr = 2/4 - 3/4 = -1/4
    end = (16, 12, 5, 8, 3, 0)
    # x2 = x3: 4/(-8) - (-8)/0 with numerator 4*0 + 8*(-8) < 0; r2 = r3: 2*0 - 3*4 < 0
    down = (8, 12, 5, 4, 3, 0)
    # x2 = x3: numerator 0 - 8*(-8) > 0; r2 = r3: 0 + 3*4 > 0
    up = (8, -4, -1, 4, 3, 0)
    first, last = CONTRACT.hit.length.min_int, CONTRACT.hit.length.max_int
    widest = [[(first,) * 4 + (0, 0)], [(last,) * 4 + (0, 0)], [(first,) * 4 + (0, 0)]]
    almost_open: Windows = {
        name: (form.min_int + 1, form.max_int - 1)
        for name in TRIPLET_WINDOWS
        for form in [window_format(CONTRACT, name)]
    }
    fork = [[(0,) * 6], [(8, 4, 2, 4, 1, 0)], [end, up], [(24, 0, 0, 12, 0, 0)]]
    half, quarter = 3 * dydx // 2, dzdr // 4
    return {
        "triplet_open": chain({}, end, 1),
        "dydx_exact": chain({"dydx": (-half, -half)}, end, 1),
        "dydx_below_low": chain({"dydx": (-half + 1, big)}, end, 0),
        "dydx_above_high": chain({"dydx": (-big, -half - 1)}, end, 0),
        # -4/(-8) - (-8)/(-8) = -1/2
        "dydx_physical": chain({"dydx": (-half // 3, -half // 3)}, end, 1, dydx="physical"),
        "dydx_physical_below_low": chain({"dydx": (-half // 3 + 1, big)}, end, 0, dydx="physical"),
        "dzdr_exact": chain({"dzdr": (-quarter, -quarter)}, end, 1),
        "dzdr_below_low": chain({"dzdr": (-quarter + 1, big)}, end, 0),
        "dzdr_above_high": chain({"dzdr": (-big, -quarter - 1)}, end, 0),
        "den_zero_minus": chain({"dydx": (-big, 0), "dzdr": (-big, 0)}, down, 1),
        "den_zero_minus_dydx_closed": chain({"dydx": (0, big)}, down, 0),
        "den_zero_minus_dzdr_closed": chain({"dzdr": (0, big)}, down, 0),
        "den_zero_plus": chain({"dydx": (0, big), "dzdr": (0, big)}, up, 1),
        "den_zero_plus_dydx_closed": chain({"dydx": (-big, 0)}, up, 0),
        "den_zero_plus_dzdr_closed": chain({"dzdr": (-big, 0)}, up, 0),
        "zero_over_zero_is_plus": chain(
            {"dydx": (9, big), "dzdr": (9, big)}, (0,) * 6, 1, (0,) * 6
        ),
        "inner_window": chain({"inner_dphi": (2, 2)}, end, 0),
        "outer_window": chain({"outer_dphi": (1, 1)}, end, 0),
        "both_windows": chain({"inner_dphi": (1, 1), "outer_dphi": (2, 2)}, end, 1),
        # z0 = 0, dydx = -1 - 1, dzdr = 1 - 1 from the longest products of bounds and denominators.
        "widest_products": map_case(
            widest,
            [(0, 1, almost_open), (1, 2, {})],
            [(0, 1, {**almost_open, "outer_z0": _ALL})],
            expected=[(0, 1, 0, 1), (1, 2, 1, 1)],
        ),
        "one_branch_tagged": map_case(
            fork,
            [(0, 1, {}), (1, 2, {}), (1, 3, {})],
            [(0, 1, {"outer_dphi": (2, 2), "dydx": (-half, -half)})],
            expected=[(0, 1, 0, 1), (1, 2, 1, 1), (1, 3, 1, 0), (1, 4, 2, 0)],
        ),
        "outer_doublet_must_match": map_case(
            fork,
            [(0, 1, {}), (1, 2, {}), (1, 3, {})],
            [(0, 2, {})],
            expected=[(0, 1, 0, 1), (1, 2, 1, 0), (1, 3, 1, 0), (1, 4, 2, 1)],
        ),
    }


def random_map_case(
    seed: int, n_modules: int, n_hits: int, *, extreme: bool = False, dydx: DydxLaw = "compatible"
) -> Case:
    """Return a random case; ``extreme`` hits lie at the ends of their formats."""
    rng = random.Random(seed)
    formats = [CONTRACT.hit.length] * 4 + [CONTRACT.hit.phi, CONTRACT.hit.eta]

    def coordinate(form: FixedPoint) -> int:
        if extreme:
            return rng.choice((form.min_int, form.max_int, -1, 0, 1))
        return rng.randint(form.min_int // 2, form.max_int // 2)

    def cut(name: str) -> tuple[int, int]:
        form = window_format(CONTRACT, name)
        if rng.random() < 0.6:
            return _ALL
        low, high = sorted(rng.randint(form.min_int, form.max_int) for _ in range(2))
        return low, high

    hits: list[list[Hit]] = [[] for _ in range(n_modules)]
    for _ in range(n_hits):
        x, y, z, r, phi, eta = (coordinate(form) for form in formats)
        hits[rng.randrange(n_modules)].append((x, y, z, r, phi, eta))
    pairs = [pair for pair in np.ndindex(n_modules, n_modules) if rng.random() < 0.4]
    doublets = [(m1, m2, {name: cut(name) for name in DOUBLET_WINDOWS}) for m1, m2 in pairs]
    triplets = [
        (d1, d2, {name: cut(name) for name in TRIPLET_WINDOWS if rng.random() < 0.4})
        for d1, (_, middle) in enumerate(pairs)
        for d2, (source, _) in enumerate(pairs)
        if source == middle and rng.random() < 0.4
    ]
    return map_case(hits, doublets, triplets, dydx=dydx)


def component_case(
    n_nodes: int, edges: Sequence[tuple[int, int, int]], expected: Sequence[int] | None = None
) -> Case:
    """Build one case of (src, dst, keep) ``edges`` with its hand-checked labels."""
    src, dst, keep = np.array(edges, dtype=np.int64).reshape(-1, 3).T
    labels = connected_components.label(n_nodes, src, dst, keep)
    if expected is not None:
        require_equal("connected_components", "hand-checked", list(expected), labels)
    return {"n_nodes": n_nodes, "src": src, "dst": dst, "keep": keep, "labels": labels}


def component_cases() -> dict[str, Case]:
    """Return the hand-checked and random cases of connected components."""
    rng = random.Random(7)
    order = rng.sample(range(200), 200)
    return {
        "one_node": component_case(1, [], [0]),
        "isolated": component_case(3, [], [0, 1, 2]),
        "self_loop": component_case(2, [(1, 1, 1)], [0, 1]),
        "duplicate_edges": component_case(3, [(2, 1, 1), (2, 1, 1), (1, 2, 1)], [0, 1, 1]),
        "dropped_edge": component_case(3, [(0, 1, 0), (1, 2, 1)], [0, 1, 1]),
        "weakly_connected": component_case(3, [(0, 2, 1), (1, 2, 1)], [0, 0, 0]),
        "merge_of_two": component_case(
            6, [(4, 5, 1), (2, 3, 1), (5, 3, 1), (1, 0, 1)], [0, 0, 2, 2, 2, 2]
        ),
        "star_on_last": component_case(5, [(i, 4, 1) for i in (3, 1, 2, 0)], [0] * 5),
        "chain_down": component_case(50, [(i, i - 1, 1) for i in range(49, 0, -1)], [0] * 50),
        "shuffled_chain": component_case(200, [(a, b, 1) for a, b in pairwise(order)], [0] * 200),
        "random": component_case(
            200,
            [(rng.randrange(200), rng.randrange(200), rng.randrange(2)) for _ in range(240)],
        ),
    }


def track_case(
    n_nodes: int,
    edges: Sequence[tuple[int, int, int]],
    expected: Sequence[Sequence[int]] | None = None,
    cut: int = 0,
    min_hits: int = 2,
) -> Case:
    """Build one case of (src, dst, score) ``edges`` with its hand-checked tracks."""
    src, dst, score = np.array(edges, dtype=np.int64).reshape(-1, 3).T
    tracks = track_builder.build(n_nodes, src, dst, score, cut, min_hits, CONTRACT)
    if expected is not None:
        require_tracks("track_builder", expected, tracks)
    return {
        "n_nodes": n_nodes,
        "src": src,
        "dst": dst,
        "score": score,
        "cut": cut,
        "min_hits": min_hits,
        "track_start": tracks.start,
        "hits": tracks.nodes,
    }


def require_tracks(kernel: str, expected: Sequence[Sequence[int]], got: HitLists) -> None:
    """Raise ``MismatchError`` unless ``got`` are the ``expected`` tracks."""
    answer = HitLists.of(expected)
    require_equal(kernel, "hand-checked starts", answer.start, got.start)
    require_equal(kernel, "hand-checked", answer.nodes, got.nodes)


def random_edges(
    seed: int, n_nodes: int, n_edges: int, scores: Sequence[int], acyclic: bool
) -> list[tuple[int, int, int]]:
    """Return random (src, dst, score) in canonical order; ``acyclic``: towards higher places."""
    rng = random.Random(seed)
    place = rng.sample(range(n_nodes), n_nodes)
    pairs = {(rng.randrange(n_nodes), rng.randrange(n_nodes)) for _ in range(n_edges)}
    if acyclic:
        pairs = {(place[min(pair)], place[max(pair)]) for pair in pairs if pair[0] != pair[1]}
    return [(src, dst, rng.choice(scores)) for src, dst in sorted(pairs)]


def track_cases() -> dict[str, Case]:
    """Return the hand-checked and random cases of the track builder."""
    bits = CONTRACT.network.bits.decoder.output
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    order = random.Random(7).sample(range(200), 200)
    shuffled = sorted((a, b, 1) for a, b in pairwise(order))
    lengths = [62, 63, 2, 64, 63, 1]
    firsts = np.cumsum([0, *lengths]).tolist()
    rows = [[*range(first, first + n)] for first, n in zip(firsts, lengths, strict=False)]
    steps = [(a, b, 1) for row in rows for a, b in pairwise(row)]
    return {
        "no_nodes": track_case(0, [], []),
        "no_edges": track_case(3, [], []),
        "no_edges_single_hits": track_case(3, [], [[0], [1], [2]], min_hits=1),
        "chain": track_case(4, [(0, 1, 5), (1, 3, 5)], [[0, 1, 3]]),
        "at_the_cut": track_case(3, [(0, 1, 1), (1, 2, 0)], [[0, 1]]),
        "too_short": track_case(3, [(0, 1, 1)], [], min_hits=3),
        "best_out": track_case(4, [(0, 1, 5), (0, 2, 6), (0, 3, 4)], [[0, 2]]),
        "best_in": track_case(4, [(0, 3, 5), (1, 3, 6), (2, 3, 4)], [[1, 3]]),
        "tie_out_goes_to_the_first": track_case(3, [(0, 1, 5), (0, 2, 5)], [[0, 1]]),
        "tie_in_goes_to_the_first": track_case(3, [(0, 2, 5), (1, 2, 5)], [[0, 2]]),
        # (0, 2) is the best out of 0 but not into 2, (1, 2) the best into 2 but not out of 1.
        "best_at_one_end": track_case(4, [(0, 2, 5), (1, 2, 6), (1, 3, 7)], [[1, 3]]),
        "rising_into_one_node": track_case(6, [(n, 5, n + 1) for n in range(5)], [[4, 5]]),
        "falling_into_one_node": track_case(6, [(n, 5, 9 - n) for n in range(5)], [[0, 5]]),
        "highest_in_the_middle": track_case(4, [(0, 3, 5), (1, 3, 9), (2, 3, 7)], [[1, 3]]),
        "two_nodes_in_turn": track_case(
            12,
            [edge for n in range(0, 8, 2) for edge in ((n, 10, n), (n, 11, 1 + n % 4))],
            [[2, 11], [6, 10]],
        ),
        "indices_fall": track_case(3, [(1, 0, 5), (2, 1, 5)], [[2, 1, 0]]),
        "paths_by_first_node": track_case(4, [(1, 2, 5), (3, 0, 5)], [[1, 2], [3, 0]]),
        "ring": track_case(4, [(1, 3, 5), (2, 1, 5), (3, 2, 5)], [[1, 3, 2]]),
        "rings_after_paths": track_case(
            6, [(0, 3, 5), (1, 4, 5), (2, 5, 5), (3, 0, 5), (4, 1, 5)], [[2, 5], [0, 3], [1, 4]]
        ),
        "path_into_a_ring": track_case(3, [(0, 1, 5), (1, 2, 5), (2, 1, 6)], [[1, 2]]),
        "self_loop_is_best_out": track_case(2, [(0, 0, 9), (0, 1, 5)], [[0], [1]], min_hits=1),
        "self_loop_is_best_in": track_case(2, [(0, 1, 5), (1, 1, 9)], []),
        "self_loop_is_not_best": track_case(2, [(0, 0, 4), (0, 1, 5)], [[0, 1]]),
        "saturated": track_case(4, [(0, 2, high), (0, 3, high), (1, 3, high)], [[0, 2]]),
        "cut_below_all": track_case(2, [(0, 1, low)], [[0, 1]], cut=low - 1),
        "cut_at_the_lowest": track_case(2, [(0, 1, low)], [], cut=low),
        "across_words": track_case(
            130, [(n, n + 1, 1) for n in (63, 64, 127)], [[63, 64, 65], [127, 128]]
        ),
        "ring_across_words": track_case(
            130, [(1, 64, 1), (64, 129, 1), (129, 1, 1)], [[1, 64, 129]]
        ),
        "longest_held": track_case(
            sum(lengths), steps, [row for row in rows if len(row) >= 63], min_hits=63
        ),
        "shuffled_chain": track_case(200, shuffled, [order]),
        "random": track_case(200, random_edges(1, 200, 600, range(-3, 9), acyclic=False)),
        "random_acyclic": track_case(
            200, random_edges(2, 200, 500, [low, 0, 1, high], acyclic=True), min_hits=3
        ),
    }


def dwalk_case(
    n_nodes: int,
    edges: Sequence[tuple[int, int, int]],
    expected: Sequence[Sequence[int]] | None = None,
    n_passes: int = 0,
    cuts: tuple[int, int, int] = (0, 5, 9),
    min_hits: int = 1,
    by_length: bool = False,
) -> Case:
    """Build one case of ``edges``, ``cuts`` (component, min, add) and its hand-checked tracks."""
    src, dst, score = np.array(edges, dtype=np.int64).reshape(-1, 3).T
    walk = dwalk.build(n_nodes, src, dst, score, dwalk.DwalkSettings(*cuts, min_hits, by_length))
    if expected is not None:
        require_tracks("dwalk", expected, walk.tracks)
        require_equal("dwalk", "hand-checked passes", [n_passes], [walk.n_passes])
    return {
        "n_nodes": n_nodes,
        "src": src,
        "dst": dst,
        "score": score,
        "cuts": cuts,
        "min_hits": min_hits,
        "by_length": by_length,
        "status": [0, walk.n_passes, walk.n_visits],
        "track_start": walk.tracks.start,
        "hits": walk.tracks.nodes,
    }


def dwalk_cases() -> dict[str, Case]:
    """Return the hand-checked and random cases of DWALK."""
    high = (1 << (dwalk.SCORE_BITS - 1)) - 1
    fork = [(0, 1, 10), (0, 2, 25), (1, 3, 20)]
    layers = [
        (4 * n + i, 4 * n + 4 + j, high) for n in range(9) for i in range(4) for j in range(4)
    ]
    rows = [[*range(first, 40, 4)] for first in range(4)]
    return {
        "no_nodes": dwalk_case(0, [], []),
        "no_edges": dwalk_case(2, [], [[0], [1]]),
        # Components without a branch are not thinned.
        "simple": dwalk_case(4, [(1, 3, 1), (3, 0, 1)], [[1, 3, 0], [2]]),
        "at_the_component_cut": dwalk_case(3, [(0, 1, 1), (1, 2, 0)], [[0, 1], [2]]),
        "simple_by_first_node": dwalk_case(4, [(1, 2, 1), (3, 0, 1)], [[1, 2], [3, 0]]),
        "too_short": dwalk_case(5, [(0, 1, 9), (2, 3, 9), (3, 4, 9)], [[2, 3, 4]], min_hits=3),
        "heaviest": dwalk_case(4, fork, [[0, 1, 3], [2]], 1),
        "longest": dwalk_case(4, fork, [[0, 1, 3], [2]], 1, by_length=True),
        "one_heavy_edge": dwalk_case(4, [(0, 1, 10), (0, 2, 31), (1, 3, 20)], [[0, 2], [1, 3]], 2),
        "length_beats_weight": dwalk_case(
            4, [(0, 1, 10), (0, 2, 31), (1, 3, 20)], [[0, 1, 3], [2]], 1, by_length=True
        ),
        "tie_goes_to_the_lowest_child": dwalk_case(3, [(0, 1, 10), (0, 2, 10)], [[0, 1], [2]], 1),
        "tie_goes_to_the_lowest_root": dwalk_case(3, [(0, 2, 10), (1, 2, 10)], [[0, 2], [1]], 1),
        "at_min_cut": dwalk_case(3, [(0, 1, 5), (0, 2, 4)], [[0, 1], [2]], 1),
        "below_min_cut": dwalk_case(3, [(0, 1, 4), (0, 2, 4)], [[0], [1], [2]]),
        # (0, 3) is kept by its score alone, (1, 3) is not: 9 is not above add_cut.
        "at_add_cut": dwalk_case(
            5, [(0, 2, 12), (0, 3, 10), (1, 3, 9), (3, 4, 6)], [[0, 3, 4], [1], [2]], 1
        ),
        # 0 - 2 leaves 1 - 3; the component 4 - 6, 5 is done in the first pass.
        "two_passes": dwalk_case(
            7,
            [(0, 2, 20), (1, 2, 15), (1, 3, 15), (4, 6, 20), (5, 6, 19)],
            [[0, 2], [4, 6], [1, 3], [5]],
            2,
        ),
        # 3 has to wait for 0, 2 does not: 2 comes before 3.
        "paths_by_topological_order": dwalk_case(
            8,
            [(0, 3, 1), (2, 6, 10), (2, 7, 11), (3, 4, 11), (3, 5, 10)],
            [[2, 7], [3, 4], [0], [1], [5], [6]],
            1,
        ),
        "tail_of_a_path": dwalk_case(
            6,
            [(0, 1, 30), (1, 2, 30), (3, 1, 20), (3, 4, 11), (4, 5, 11)],
            [[0, 1, 2], [3, 4, 5]],
            2,
        ),
        # 3 high does not fit in 32 bits.
        "sum_of_the_largest": dwalk_case(
            5, [(n, 3 if n == 4 else n + 1, high) for n in (0, 1, 2, 4)], [[0, 1, 2, 3], [4]], 1
        ),
        "all_layers_joined": dwalk_case(40, layers, rows, 4, cuts=(0, 1, 2)),
        "zero_weights": dwalk_case(
            4, [(0, 1, 0), (0, 2, 0), (2, 3, 0)], [[0, 1], [2, 3]], 2, cuts=(-1, -1, -1)
        ),
        "random": dwalk_case(
            200, random_edges(3, 200, 420, range(13), acyclic=True), cuts=(1, 5, 8), min_hits=2
        ),
        "random_by_length": dwalk_case(
            200,
            random_edges(4, 200, 420, [0, 3, 6, high], acyclic=True),
            cuts=(2, 3, 5),
            by_length=True,
        ),
    }


def golden_files() -> dict[str, str]:
    """Return the text of every golden file by name."""
    maps = {
        **pair_cases(),
        **triplet_cases(),
        "random": random_map_case(seed=1, n_modules=8, n_hits=40),
        "physical": random_map_case(seed=3, n_modules=6, n_hits=80, dydx="physical"),
        "extreme": random_map_case(seed=2, n_modules=6, n_hits=40, extreme=True),
    }
    components = component_cases()
    chains, walks = track_cases(), dwalk_cases()
    return {
        "module_map.txt": format_vectors("module_map", CONTRACT, maps),
        "connected_components.txt": format_vectors("connected_components", CONTRACT, components),
        "track_builder.txt": format_vectors("track_builder", CONTRACT, chains),
        "dwalk.txt": format_vectors("dwalk", CONTRACT, walks),
    }


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name, text in golden_files().items():
        write_vectors(GOLDEN / name, text)
        print(f"{GOLDEN / name}: {len(text)} bytes")
