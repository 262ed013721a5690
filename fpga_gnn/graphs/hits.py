"""From an event to integer hit records: the first exact stage of the pipeline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fpga_gnn.contract import Contract, FixedPoint, HitRecords
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import InputError
from fpga_gnn.events.event import Event


@dataclass(frozen=True, eq=False)
class QuantizedHits:
    """Integer hits in node order.

    ``rows`` [N] is the row of ``event.hits`` behind each node; ``n_unmapped`` counts the nodes
    at the end that lie on modules the map does not know.
    """

    records: HitRecords
    rows: Int64
    n_unmapped: int


def quantize_hits(event: Event, modules: Int64, contract: Contract) -> QuantizedHits:
    """Round the hits of ``event`` onto the contract's hit record and sort them by module.

    ``modules`` [M] are ascending sensor keys (``Hits.module_key``). Within a module nodes keep
    the event's hit order. Raises ``InputError`` for a hit outside the format's range.
    """
    hits = event.hits
    x, y, z = (column.astype(np.float64) for column in (hits.x, hits.y, hits.z))
    radius = np.hypot(x, y)
    on_beam = np.flatnonzero(radius == 0)
    if on_beam.size:
        where = f"event {event.event_id}: hit {hits.hit_id[on_beam[0]]}"
        raise InputError(where, "x = y = 0", "a hit away from the beam axis")
    formats = contract.hit
    columns = {
        "x": _in_range(x, formats.length, event, "x"),
        "y": _in_range(y, formats.length, event, "y"),
        "z": _in_range(z, formats.length, event, "z"),
        "r": _in_range(radius, formats.length, event, "r"),
        "phi": wrap_phi(_turns(np.arctan2(y, x), formats.phi), formats.phi),
        "eta": _in_range(np.arcsinh(z / radius), formats.eta, event, "eta"),
    }
    key = hits.module_key
    slot = np.searchsorted(modules, key)
    known = slot < modules.size
    known[known] = modules[slot[known]] == key[known]
    module = np.where(known, slot, modules.size)
    rows = np.argsort(module, kind="stable").astype(np.int64)
    start = np.searchsorted(module[rows], np.arange(modules.size + 1))
    records = HitRecords(
        **{name: values[rows] for name, values in columns.items()},
        module_start=start.astype(np.int64),
    )
    return QuantizedHits(records, rows, int((~known).sum()))


def wrap_phi(phi: Int64, fixed: FixedPoint) -> Int64:
    """Wrap binary angles into the signed range of ``fixed``."""
    turn = 1 << fixed.bits
    wrapped: Int64 = (phi - fixed.min_int) % turn + fixed.min_int
    return wrapped


def _turns(radians: np.ndarray[tuple[int, ...], np.dtype[np.float64]], fixed: FixedPoint) -> Int64:
    rounded: Int64 = np.rint(radians / (2 * np.pi) * (1 << fixed.frac)).astype(np.int64)
    return rounded


def _in_range(
    values: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    fixed: FixedPoint,
    event: Event,
    name: str,
) -> Int64:
    rounded = np.rint(np.ldexp(values, fixed.frac))
    bad = np.flatnonzero((rounded < fixed.min_int) | (rounded > fixed.max_int))
    if bad.size:
        low, high = fixed.to_float([fixed.min_int, fixed.max_int])
        hit_id = event.hits.hit_id[bad[0]]
        raise InputError(
            f"event {event.event_id}: hit {hit_id}",
            f"{name} = {values[bad[0]]:g}",
            f"{low:g}..{high:g} (contract hit record)",
        )
    integers: Int64 = rounded.astype(np.int64)
    return integers
