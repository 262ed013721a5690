"""From an event to hit records, integer (the first exact stage of the pipeline) or real."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fpga_gnn.contract import Contract, FixedPoint, HitRecords
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.errors import InputError
from fpga_gnn.events.event import Event

Float64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class QuantizedHits:
    """Integer hits in node order.

    ``rows`` [N] is the row of ``event.hits`` behind each node; ``n_unmapped`` counts the nodes
    at the end that lie on modules the map does not know.
    """

    records: HitRecords
    rows: Int64
    n_unmapped: int


@dataclass(frozen=True, eq=False)
class HitCoordinates:
    """Hits as real numbers [N] float64, in the event's order: ``x y z r`` in mm, ``phi`` in turns,
    ``eta``."""

    x: Float64
    y: Float64
    z: Float64
    r: Float64
    phi: Float64
    eta: Float64

    @classmethod
    def of(cls, event: Event) -> HitCoordinates:
        """Return the coordinates of ``event``; ``InputError`` for a hit on the beam axis."""
        hits = event.hits
        x, y, z = (column.astype(np.float64) for column in (hits.x, hits.y, hits.z))
        radius = np.hypot(x, y)
        on_beam = np.flatnonzero(radius == 0)
        if on_beam.size:
            where = f"event {event.event_id}: hit {hits.hit_id[on_beam[0]]}"
            raise InputError(where, "x = y = 0", "a hit away from the beam axis")
        return cls(x, y, z, radius, np.arctan2(y, x) / (2 * np.pi), np.arcsinh(z / radius))


def quantize_hits(event: Event, modules: Int64, contract: Contract) -> QuantizedHits:
    """Round the hits of ``event`` onto the contract's hit record and sort them by module.

    ``modules`` [M] are ascending sensor keys (``Hits.module_key``). Within a module nodes keep
    the event's hit order. Raises ``InputError`` for a hit outside the format's range.
    """
    real, formats = HitCoordinates.of(event), contract.hit
    angle = np.rint(np.ldexp(real.phi, formats.phi.frac)).astype(np.int64)
    columns = {
        "x": _in_range(real.x, formats.length, event, "x"),
        "y": _in_range(real.y, formats.length, event, "y"),
        "z": _in_range(real.z, formats.length, event, "z"),
        "r": _in_range(real.r, formats.length, event, "r"),
        "phi": wrap_phi(angle, formats.phi),
        "eta": _in_range(real.eta, formats.eta, event, "eta"),
    }
    rows, start = sort_by_module(event, modules)
    return QuantizedHits(
        HitRecords(**{name: values[rows] for name, values in columns.items()}, module_start=start),
        rows,
        int(rows.size - start[-1]),
    )


def sort_by_module(event: Event, modules: Int64) -> tuple[Int64, Int64]:
    """Return the rows [N] of ``event.hits`` in the order of ``modules`` [M] (ascending sensor
    keys), hits of unknown ones last, and where each module starts [M + 1]."""
    key = event.hits.module_key
    slot = np.searchsorted(modules, key)
    known = slot < modules.size
    known[known] = modules[slot[known]] == key[known]
    module = np.where(known, slot, modules.size)
    rows = np.argsort(module, kind="stable").astype(np.int64)
    start = np.searchsorted(module[rows], np.arange(modules.size + 1)).astype(np.int64)
    return rows, start


def wrap_phi(phi: Int64, fixed: FixedPoint) -> Int64:
    """Wrap binary angles into the signed range of ``fixed``."""
    turn = 1 << fixed.bits
    wrapped: Int64 = (phi - fixed.min_int) % turn + fixed.min_int
    return wrapped


def _in_range(values: Float64, fixed: FixedPoint, event: Event, name: str) -> Int64:
    rounded = np.rint(np.ldexp(values, fixed.frac))
    bad = np.flatnonzero((rounded < fixed.min_int) | (rounded > fixed.max_int))
    if bad.size:
        low, high = fixed.to_float([fixed.min_int, fixed.max_int])
        hit_id = event.hits.hit_id[bad[0]]
        raise InputError(
            f"event {event.event_id}: hit {hit_id}",
            f"{name} = {values[bad[0]]:g}",
            f"{low:g}..{high:g} (contract hit record)",
            f"widen hit.{'eta' if name == 'eta' else 'length'} in the quant config "
            "(docs/trackml.md)",
        )
    integers: Int64 = rounded.astype(np.int64)
    return integers
