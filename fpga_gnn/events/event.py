"""The event: hits, truth particles and the links between them, as a frozen, checked value."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fpga_gnn.errors import InputError

NO_PARTICLE = 0
"""``particle_id`` of a hit that no simulated particle made (noise)."""
MOST_ROWS = 1 << 21
"""Of hits or particles in a file: seven full events of pile-up 200."""


def module_key(
    volume_id: NDArray[np.int32], layer_id: NDArray[np.int32], module_id: NDArray[np.int32]
) -> NDArray[np.int64]:
    """One integer per sensor: ``volume << 40 | layer << 24 | module``."""
    return (
        (volume_id.astype(np.int64) << 40)
        | (layer_id.astype(np.int64) << 24)
        | module_id.astype(np.int64)
    )


class _Columns:
    """Read-only one-dimensional columns of equal length and fixed dtype."""

    DTYPES: dict[str, type]

    def __post_init__(self) -> None:
        length: int | None = None
        for field in fields(self):  # type: ignore[arg-type]
            dtype = np.dtype(self.DTYPES[field.name])
            raw = np.asarray(getattr(self, field.name))
            where = f"{type(self).__name__}.{field.name}"
            if raw.ndim != 1:
                raise InputError(where, f"{raw.ndim} dimensions", "one column")
            if dtype.kind == "f" and not np.isfinite(raw).all():
                row = int(np.flatnonzero(~np.isfinite(raw))[0])
                raise InputError(f"{where}[{row}]", raw[row], "a finite number")
            column = np.array(raw, dtype=dtype)
            if dtype.kind == "i" and not np.array_equal(column, raw):
                raise InputError(where, f"values that {dtype} cannot hold", f"{dtype} integers")
            if length is not None and column.size != length:
                raise InputError(where, f"{column.size} rows", f"{length} as in the other columns")
            length = column.size
            column.flags.writeable = False
            object.__setattr__(self, field.name, column)

    def __len__(self) -> int:
        return int(getattr(self, fields(self)[0].name).size)  # type: ignore[arg-type]

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(
            np.array_equal(getattr(self, f.name), getattr(other, f.name))
            for f in fields(self)  # type: ignore[arg-type]
        )

    __hash__ = None  # type: ignore[assignment]

    def take(self, index: NDArray[Any]) -> Any:
        """Return the rows that ``index`` (integers or a mask) selects, in its order."""
        return type(self)(**{f.name: getattr(self, f.name)[index] for f in fields(self)})  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Hits(_Columns):
    """Measurements (space points) of one event; positions in mm, global frame.

    ``volume_id``, ``layer_id``, ``module_id`` name the sensor as TrackML does;
    ``particle_id`` is the particle that made the hit, ``NO_PARTICLE`` for noise.
    """

    hit_id: NDArray[np.int64]
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    z: NDArray[np.float32]
    volume_id: NDArray[np.int32]
    layer_id: NDArray[np.int32]
    module_id: NDArray[np.int32]
    particle_id: NDArray[np.int64]

    DTYPES = {  # noqa: RUF012
        "hit_id": np.int64,
        "x": np.float32,
        "y": np.float32,
        "z": np.float32,
        "volume_id": np.int32,
        "layer_id": np.int32,
        "module_id": np.int32,
        "particle_id": np.int64,
    }

    @property
    def module_key(self) -> NDArray[np.int64]:
        """One integer per sensor, see ``module_key``."""
        return module_key(self.volume_id, self.layer_id, self.module_id)


@dataclass(frozen=True, eq=False)
class Particles(_Columns):
    """Truth particles; momenta in GeV at the production vertex, vertices in mm, charge in e.

    ``pdg_id`` is 0 where the source does not say; ``primary`` is 1 for particles of the
    generator and 0 for those made in the detector material.
    """

    particle_id: NDArray[np.int64]
    pdg_id: NDArray[np.int32]
    px: NDArray[np.float32]
    py: NDArray[np.float32]
    pz: NDArray[np.float32]
    vx: NDArray[np.float32]
    vy: NDArray[np.float32]
    vz: NDArray[np.float32]
    charge: NDArray[np.float32]
    primary: NDArray[np.int8]

    DTYPES = {  # noqa: RUF012
        "particle_id": np.int64,
        "pdg_id": np.int32,
        "px": np.float32,
        "py": np.float32,
        "pz": np.float32,
        "vx": np.float32,
        "vy": np.float32,
        "vz": np.float32,
        "charge": np.float32,
        "primary": np.int8,
    }

    @property
    def pt(self) -> NDArray[np.float64]:
        """Transverse momentum in GeV."""
        return np.hypot(self.px.astype(np.float64), self.py.astype(np.float64))

    @property
    def eta(self) -> NDArray[np.float64]:
        """Pseudorapidity of the momentum; +-inf along the beam."""
        pz = self.pz.astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(self.pt > 0, np.arcsinh(pz / self.pt), np.copysign(np.inf, pz))


@dataclass(frozen=True)
class Event:
    """One collision event. Construction checks every invariant and raises ``InputError``.

    Invariants: finite columns of equal length, unique ``hit_id`` and ``particle_id``,
    sensor numbers inside the key's fields, every hit's ``particle_id`` either listed in
    ``particles`` or ``NO_PARTICLE``.
    """

    event_id: int
    hits: Hits
    particles: Particles

    def __post_init__(self) -> None:
        where = f"event {self.event_id}"
        if self.event_id < 0:
            raise InputError(where, "a negative event id", "0 or more")
        _check_unique(f"{where}: hit_id", self.hits.hit_id)
        _check_unique(f"{where}: particle_id", self.particles.particle_id)
        limits = {"volume_id": 1 << 16, "layer_id": 1 << 16, "module_id": 1 << 24}
        for name, limit in limits.items():
            column = getattr(self.hits, name)
            bad = np.flatnonzero((column < 0) | (column >= limit))
            if bad.size:
                raise InputError(f"{where}: {name}", int(column[bad[0]]), f"0..{limit - 1}")
        if (self.particles.particle_id == NO_PARTICLE).any():
            raise InputError(f"{where}: particle_id", NO_PARTICLE, "an id other than the noise id")
        linked = self.hits.particle_id[self.hits.particle_id != NO_PARTICLE]
        unknown = np.setdiff1d(linked, self.particles.particle_id)
        if unknown.size:
            raise InputError(
                f"{where}: hits", f"particle_id {unknown[0]}", "an id listed in the particles table"
            )

    def select_hits(self, mask: NDArray[np.bool_]) -> Event:
        """Return the event with only the hits of ``mask`` (bool, one per hit)."""
        return Event(self.event_id, self.hits.take(mask), self.particles)


def _check_unique(where: str, ids: NDArray[np.int64]) -> None:
    values, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        raise InputError(where, f"duplicate {values[counts > 1][0]}", "each id once")
