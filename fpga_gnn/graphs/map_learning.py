"""Learn a module map from the target tracks of simulated events.

Windows are the inclusive minimum and maximum of each variable over the training tracks (module
map definition of the ATLAS GNN4ITk project), rounded outwards onto the contract's formats, so
that every training track passes its own map exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
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
from fpga_gnn.events.event import Event
from fpga_gnn.events.targets import TargetSelection
from fpga_gnn.graphs.arithmetic import Arithmetic, Bounds, Column, FixedPointArithmetic
from fpga_gnn.graphs.hits import HitCoordinates
from fpga_gnn.graphs.map_settings import MapSettings
from fpga_gnn.graphs.module_map import ModuleMap, ModuleMapInfo
from fpga_gnn.graphs.ranges import expand_ranges
from fpga_gnn.graphs.truth import truth_segments

_LAYER_SHIFT = 24
_WELL_KNOWN = 20
"""Tracks from which on an entry's own windows tell the typical width of its layers' windows."""
_EVENTS_PER_MERGE = 64
_CROSSED_TRIPLET = (*TRIPLET_WINDOWS, "physical_dydx")
"""Variables of ``Crossings.triplets``."""


@dataclass(frozen=True, eq=False)
class Entries:
    """Distinct doublets or triplets: sensor keys [K, 2 or 3], how often crossed ``count`` [K].

    Of each window variable [K, V]: ``windows`` [K, V, 2] minimum and maximum (int64 or float64),
    ``total`` and ``square`` the sums of the values and of their squares.
    """

    keys: Int64
    windows: Column
    count: Int64
    total: NDArray[np.float64]
    square: NDArray[np.float64]

    def take(self, rows: NDArray[np.bool_] | Int64) -> Entries:
        return Entries(*(getattr(self, field.name)[rows] for field in fields(self)))

    def with_keys(self, keys: Int64) -> Entries:
        return replace(self, keys=keys)


@dataclass(frozen=True, eq=False)
class Crossings:
    """What the target tracks of events crossed, from which maps of any settings follow.

    ``doublets`` and ``triplets`` with the values of their window variables, triplets with dydx by
    both laws (``_CROSSED_TRIPLET``); ``modules`` [M] ascending sensor keys and their ``azimuth``
    [M] (unit of the hits' phi).
    """

    doublets: Entries
    triplets: Entries
    modules: Int64
    azimuth: Column
    n_events: int
    n_tracks: int
    selection: TargetSelection

    def triplets_of(self, law: DydxLaw) -> Entries:
        """Return the triplets with the columns of ``TRIPLET_WINDOWS``, dydx by ``law``."""
        dydx = _CROSSED_TRIPLET.index("physical_dydx" if law == "physical" else "dydx")
        columns = [
            dydx if name == "dydx" else _CROSSED_TRIPLET.index(name) for name in TRIPLET_WINDOWS
        ]
        crossed = self.triplets
        return replace(
            crossed,
            windows=crossed.windows[:, columns],
            total=crossed.total[:, columns],
            square=crossed.square[:, columns],
        )


def learn_module_map(
    events: Iterable[Event],
    contract: Contract,
    selection: TargetSelection | None = None,
    settings: MapSettings | None = None,
    source: dict[str, object] | None = None,
) -> ModuleMap:
    """Learn doublets and triplets of modules, with their windows, from ``events``.

    ``settings`` say how windows follow from the tracks (``MapSettings``). Doublets that close a
    cycle of modules are removed, rarest first, with their triplets. A ring of overlapping modules
    around the beam is no such cycle: no track and no chain of windows turns around the detector.

    Raises ``InputError`` when no target track is found, or no doublet is left.
    """
    return map_from_crossings(
        collect_crossings(events, contract, selection), contract, settings, source
    )


def collect_crossings(
    events: Iterable[Event],
    numbers: Contract | Arithmetic,
    selection: TargetSelection | None = None,
) -> Crossings:
    """Return what the target tracks of ``events`` crossed, in the integers of a contract or in
    another arithmetic.

    Works a batch at a time: memory follows the map, not the events. Raises ``InputError`` for no
    event.
    """
    selection = selection or TargetSelection()
    arithmetic = FixedPointArithmetic(numbers) if isinstance(numbers, Contract) else numbers
    merged: Crossings | None = None
    for batch in _batches(events, _EVENTS_PER_MERGE):
        samples = [_event_crossings(event, arithmetic, selection) for event in batch]
        merged = merge_crossings([*([merged] if merged else []), *samples])
    if merged is None:
        raise InputError("module map", "no event", "events with target particles")
    return merged


def merge_crossings(parts: Sequence[Crossings]) -> Crossings:
    """Join the crossings of different events, collected by one contract and selection."""
    modules, first = np.unique(np.concatenate([p.modules for p in parts]), return_index=True)
    return Crossings(
        _group([p.doublets for p in parts]),
        _group([p.triplets for p in parts]),
        modules,
        np.concatenate([p.azimuth for p in parts])[first],
        sum(p.n_events for p in parts),
        sum(p.n_tracks for p in parts),
        parts[0].selection,
    )


def map_from_crossings(
    crossings: Crossings,
    contract: Contract,
    settings: MapSettings | None = None,
    source: dict[str, object] | None = None,
) -> ModuleMap:
    """Make a module map of ``crossings``, as ``learn_module_map``, with the same errors."""
    settings, arithmetic = settings or MapSettings(), FixedPointArithmetic(contract)
    if not crossings.n_tracks:
        raise InputError("module map", "no target track", "events with target particles")
    crossed, triplets = crossings.doublets, crossings.triplets_of(settings.dydx)
    often = crossed.take(crossed.count >= settings.min_occurrence)
    azimuth = crossings.azimuth[np.searchsorted(crossings.modules, often.keys)]
    doublets = often.take(_acyclic(often.keys, often.count, azimuth, contract.hit.phi))
    if not doublets.count.size:
        raise InputError(
            "module map",
            f"no doublet crossed {settings.min_occurrence} times",
            "more events, or fewer times",
        )
    doublet_count, n_triplets_crossed = doublets.count, triplets.count.size
    if settings.pooling == "layer":
        by_layer = _group([triplets.with_keys(triplets.keys >> _LAYER_SHIFT)])
        triplets, triplet_count = _compose(doublets.keys, triplets, by_layer, contract)
        by_layer = _group([crossed.with_keys(crossed.keys >> _LAYER_SHIFT)])
        shared = by_layer.take(find_rows(by_layer.keys, doublets.keys >> _LAYER_SHIFT))
        doublets = shared.with_keys(doublets.keys)
    else:
        triplets = triplets.take(triplets.count >= settings.min_occurrence)
        triplet_count = triplets.count

    inner = find_rows(doublets.keys, triplets.keys[:, :2])
    outer = find_rows(doublets.keys, triplets.keys[:, 1:])
    known = (inner >= 0) & (outer >= 0)
    order = np.flatnonzero(known)[np.lexsort((outer[known], inner[known]))]
    triplets, triplet_count = triplets.take(order), triplet_count[order]
    inner, outer = inner[order], outer[order]
    modules = np.unique(doublets.keys)
    source_module = np.searchsorted(modules, doublets.keys[:, 0])
    return ModuleMap(
        modules=modules,
        records=ModuleMapRecords(
            doublet_start=np.searchsorted(source_module, np.arange(modules.size + 1)),
            doublet_target=np.searchsorted(modules, doublets.keys[:, 1]),
            doublet_windows=tolerant_windows(doublets, DOUBLET_WINDOWS, arithmetic, settings),
            triplet_start=np.searchsorted(inner, np.arange(doublet_count.size + 1)),
            triplet_outer=outer,
            triplet_windows=tolerant_windows(triplets, TRIPLET_WINDOWS, arithmetic, settings),
        ),
        doublet_count=doublet_count,
        triplet_count=triplet_count,
        info=ModuleMapInfo(
            **settings.model_dump(),
            contract=contract.name,
            map_sha256=contract.map_sha256,
            source=source or {},
            n_events=crossings.n_events,
            n_tracks=crossings.n_tracks,
            selection=crossings.selection,
            n_rare_doublets=crossed.count.size - often.count.size,
            n_cycle_doublets=often.count.size - doublet_count.size,
            n_dropped_triplets=n_triplets_crossed - int((triplet_count > 0).sum()),
        ),
    )


def _batches(events: Iterable[Event], size: int) -> Iterator[list[Event]]:
    iterator = iter(events)
    while batch := list(islice(iterator, size)):
        yield batch


def _event_crossings(event: Event, arithmetic: Arithmetic, selection: TargetSelection) -> Crossings:
    key, hits = event.hits.module_key, arithmetic.hits(event)
    modules, first = np.unique(key, return_index=True)
    segments = truth_segments(event, selection)
    wanted = segments.target & (key[segments.inner] != key[segments.outer])
    inner, outer = segments.inner[wanted], segments.outer[wanted]
    chained = np.flatnonzero(outer[:-1] == inner[1:])
    h1, h2, h3 = inner[chained], outer[chained], outer[chained + 1]
    triples = (hits, h1, h2, h3, arithmetic)
    return Crossings(
        doublets=_entries(
            np.stack([key[inner], key[outer]], axis=1),
            doublet_bounds(hits, inner, outer, arithmetic),
        ),
        triplets=_entries(
            np.stack([key[h1], key[h2], key[h3]], axis=1),
            [
                *doublet_bounds(hits, h1, h2, arithmetic),
                *doublet_bounds(hits, h2, h3, arithmetic),
                *triplet_bounds(*triples, "compatible"),
                triplet_bounds(*triples, "physical")[0],
            ],
        ),
        modules=modules,
        azimuth=hits.phi[first],
        n_events=1,
        n_tracks=int(wanted.sum() - chained.size),
        selection=selection,
    )


def _entries(keys: Int64, bounds: Sequence[Bounds]) -> Entries:
    """Return one entry per track crossing from per-variable (low, high) columns."""
    low, high = (np.stack([pair[side] for pair in bounds], axis=1) for side in (0, 1))
    value = (low + high) / 2
    count = np.ones(len(keys), dtype=np.int64)
    return Entries(keys, np.stack([low, high], axis=2), count, value, value**2)


def doublet_bounds(
    hits: HitRecords | HitCoordinates, h1: Int64, h2: Int64, arithmetic: Arithmetic
) -> list[Bounds]:
    """Return bounds of the ``DOUBLET_WINDOWS`` variables of hit pairs."""
    dr, dz = hits.r[h2] - hits.r[h1], hits.z[h2] - hits.z[h1]
    dphi = arithmetic.wrap(hits.phi[h2] - hits.phi[h1])
    deta = hits.eta[h1] - hits.eta[h2]
    z0 = hits.z[h1] * dr - hits.r[h1] * dz
    return [
        arithmetic.ratio("z0", z0, dr, dz),
        (dphi, dphi),
        (deta, deta),
        arithmetic.ratio("phi_slope", dphi, dr, dphi),
    ]


def triplet_bounds(
    hits: HitRecords | HitCoordinates,
    h1: Int64,
    h2: Int64,
    h3: Int64,
    arithmetic: Arithmetic,
    law: DydxLaw,
) -> list[Bounds]:
    """Return bounds of dydx and dzdr of hit triples."""
    a, b = hits.y[h2] - hits.y[h1], dydx_sign(law) * (hits.x[h1] - hits.x[h2])
    c, d = hits.y[h2] - hits.y[h3], hits.x[h2] - hits.x[h3]
    dydx = a * d - c * b
    dr12, dr23 = hits.r[h2] - hits.r[h1], hits.r[h3] - hits.r[h2]
    dzdr = (hits.z[h2] - hits.z[h1]) * dr23 - (hits.z[h3] - hits.z[h2]) * dr12
    return [
        arithmetic.ratio("dydx", dydx, b * d, dydx),
        arithmetic.ratio("dzdr", dzdr, dr12 * dr23, dzdr),
    ]


def _group(parts: Sequence[Entries]) -> Entries:
    """Join entries of equal keys; the result is sorted by key."""
    joined = Entries(
        *(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Entries))
    )
    if not joined.count.size:
        return joined
    sorted_ = joined.take(np.lexsort(joined.keys.T[::-1]))
    new = (np.diff(sorted_.keys, axis=0) != 0).any(axis=1)
    first = np.flatnonzero(np.append(True, new))
    return Entries(
        sorted_.keys[first],
        np.stack(
            [
                np.minimum.reduceat(sorted_.windows[:, :, 0], first),
                np.maximum.reduceat(sorted_.windows[:, :, 1], first),
            ],
            axis=2,
        ),
        *(
            np.add.reduceat(column, first)
            for column in (sorted_.count, sorted_.total, sorted_.square)
        ),
    )


def _compose(
    doublets: Int64, crossed: Entries, by_layer: Entries, contract: Contract
) -> tuple[Entries, Int64]:
    """Return every pair of ``doublets`` that meet, if ``by_layer`` knows their three layers.

    Also how often each was ``crossed``, 0 for triplets that no training track took.
    """
    first = np.searchsorted(doublets[:, 0], doublets[:, 1])
    n_next = np.searchsorted(doublets[:, 0], doublets[:, 1], side="right") - first
    inner, outer = expand_ranges(first, n_next)
    keys = np.column_stack([doublets[inner], doublets[outer, 1]])
    layers = find_rows(by_layer.keys, keys >> _LAYER_SHIFT)
    keys = keys[layers >= 0]
    shared = by_layer.take(layers[layers >= 0])
    fixed = contract.windows.dydx
    shared.windows[:, TRIPLET_WINDOWS.index("dydx")] = fixed.min_int, fixed.max_int
    seen = find_rows(crossed.keys, keys)
    return shared.with_keys(keys), np.where(seen >= 0, crossed.count[seen], 0)


def _acyclic(pairs: Int64, count: Int64, azimuth: Int64, phi: FixedPoint) -> NDArray[np.bool_]:
    """Return which pairs to keep so that no cycle of modules is left, but for rings.

    ``azimuth`` [K, 2] of the pairs' modules. A ring around the beam crosses every half plane that
    the beam bounds; cycles are looked for with the detector cut open along one, then the other.
    """
    turn = 1 << phi.bits
    kept = np.ones(len(pairs), dtype=np.bool_)
    for cut in (0, turn // 2):
        opened = (azimuth - cut) % turn
        rows = np.flatnonzero(kept & (np.abs(opened[:, 1] - opened[:, 0]) < turn // 2))
        kept[rows] = _break_cycles(pairs[rows], count[rows])
    return kept


def _break_cycles(pairs: Int64, count: Int64) -> NDArray[np.bool_]:
    """Return which pairs to keep so that no cycle is left.

    While modules form a strongly connected component, its rarest pair goes (lowest row on ties).
    """
    modules, ends = np.unique(pairs, return_inverse=True)
    source, target = ends.reshape(pairs.shape).T
    kept = np.ones(len(pairs), dtype=np.bool_)
    inside = np.arange(len(pairs))
    while inside.size:
        links = coo_array(
            (np.ones(inside.size, np.int8), (source[inside], target[inside])),
            shape=(modules.size, modules.size),
        )
        _, component = connected_components(links, connection="strong")
        inside = inside[component[source[inside]] == component[target[inside]]]
        order = np.lexsort((inside, count[inside], component[source[inside]]))
        _, first = np.unique(component[source[inside]][order], return_index=True)
        kept[inside[order[first]]] = False
        inside = inside[kept[inside]]
    return kept


def find_rows(table: Int64, wanted: Int64) -> Int64:
    """Return the row of each row of ``wanted`` in ``table`` (distinct rows), -1 if absent."""
    _, code = np.unique(np.concatenate([table, wanted]), axis=0, return_inverse=True)
    code = code.reshape(-1)
    row = np.full(code.max(initial=-1) + 1, -1, dtype=np.int64)
    row[code[: len(table)]] = np.arange(len(table))
    found: Int64 = row[code[len(table) :]]
    return found


def tolerant_windows(
    entries: Entries, names: Sequence[str], arithmetic: Arithmetic, settings: MapSettings
) -> Column:
    """Return the windows [K, V, 2] of ``entries`` as ``settings`` say, clipped to their ends.

    Bounds and margins are rounded outwards. A bound at its end is open; its window stays as it is.
    """
    crossings = entries.count[:, None]
    low, high = entries.windows[:, :, 0], entries.windows[:, :, 1]
    wanted_low, wanted_high = low.astype(np.float64), high.astype(np.float64)
    if settings.spread == "rms":
        mean = entries.total / crossings
        rms = np.sqrt(np.maximum(entries.square / crossings - mean**2, 0.0))
        wanted_low, wanted_high = mean - settings.n_rms * rms, mean + settings.n_rms * rms
    margin = settings.widening * (wanted_high - wanted_low)
    if settings.small_sample:
        margin += settings.small_sample * _typical_widths(entries) / crossings
    least, most = arithmetic.ends(names)
    grown_low, grown_high = arithmetic.outwards(wanted_low, wanted_high, margin)
    is_open = (low == least) | (high == most)
    return np.stack(
        [
            np.where(is_open, low, np.clip(grown_low, least, most)).astype(low.dtype),
            np.where(is_open, high, np.clip(grown_high, least, most)).astype(high.dtype),
        ],
        axis=2,
    )


def _typical_widths(entries: Entries) -> NDArray[np.float64]:
    """Return, per entry and variable, the median window width of well-known entries of its layers.

    Layers without an entry of ``_WELL_KNOWN`` tracks take the median of all their entries.
    """
    width = (entries.windows[:, :, 1] - entries.windows[:, :, 0]).astype(np.float64)
    _, layers = np.unique(entries.keys >> _LAYER_SHIFT, axis=0, return_inverse=True)
    layers = layers.reshape(-1)
    order = np.argsort(layers, kind="stable")
    typical = np.empty_like(width)
    ends = np.flatnonzero(np.diff(layers[order])) + 1
    for rows in np.split(order, ends) if order.size else ():
        known = rows[entries.count[rows] >= _WELL_KNOWN]
        typical[rows] = np.median(width[known if known.size else rows], axis=0)
    return typical
