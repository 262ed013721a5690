"""The detector that simulation and CKF share: the ACTS Generic Detector in a solenoid.

It is the detector of TrackML: same volume, layer and module numbers, same sensors.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from typing import Any

import numpy as np

from fpga_gnn.errors import ToolMissingError
from fpga_gnn.events.sensors import Sensors

PIXEL_VOLUMES = (7, 8, 9)
PITCHES_MM = {
    **dict.fromkeys(PIXEL_VOLUMES, (0.05, 0.05)),
    **dict.fromkeys((12, 13, 14), (0.08, 1.2)),
    **dict.fromkeys((16, 17, 18), (0.12, 10.8)),
}
"""Sensor pitch per volume along local x and y; measurements are smeared by pitch / sqrt(12)."""

FIELD_TESLA = 2.0


def require(user: str, *modules: str) -> None:
    """Raise ``ToolMissingError`` if ``user`` cannot work for lack of one of ``modules``."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise ToolMissingError(
            f"{user}: {' and '.join(missing)} not installed; run pip install 'fpga-gnn[sim]'"
        )


class ActsDetector:
    """The Generic Detector as ACTS objects and as arrays.

    ``geometry`` and ``field`` are what ACTS algorithms ask for; ``surfaces`` maps ACTS geometry
    identifiers to surfaces. ``sensors`` has the sensitive ones as arrays; row ``r`` is the
    surface of ``identifiers[r]``.
    """

    def __init__(self) -> None:
        import acts
        from acts import examples

        # Surfaces point into the detector without owning it.
        self._detector = examples.GenericDetector(logLevel=acts.logging.FATAL)
        self.geometry: Any = self._detector.trackingGeometry()
        self.field: Any = acts.ConstantBField(
            acts.Vector3(0, 0, FIELD_TESLA * acts.UnitConstants.T)
        )
        self.surfaces: dict[Any, Any] = self.geometry.geoIdSurfaceMap()
        sensitive = sorted(
            (surface for surface in self.surfaces.values() if surface.isSensitive),
            key=lambda surface: int(surface.geometryId.value),
        )
        self.identifiers: list[Any] = [surface.geometryId for surface in sensitive]
        self.sensors = _sensors(sensitive)


@cache
def acts_detector() -> ActsDetector:
    """Return the detector, built once per process."""
    return ActsDetector()


def _sensors(surfaces: list[Any]) -> Sensors:
    import acts

    context = acts.GeometryContext.dangerouslyDefaultConstruct()
    ids = [surface.geometryId for surface in surfaces]
    transforms = [surface.localToGlobalTransform(context) for surface in surfaces]
    bounds = [_trapezoid(surface.bounds) for surface in surfaces]
    return Sensors(
        volume_id=np.array([i.volume for i in ids], np.int32),
        layer_id=np.array([i.layer for i in ids], np.int32),
        module_id=np.array([i.sensitive for i in ids], np.int32),
        rotation=np.array(
            [
                [[t.rotation[row, column] for column in range(3)] for row in range(3)]
                for t in transforms
            ]
        ),
        translation=np.array([[t.translation[axis] for axis in range(3)] for t in transforms]),
        half_width=np.array([half_width for half_width, _ in bounds]),
        half_height=np.array([half_height for _, half_height in bounds]),
    )


def _trapezoid(bounds: Any) -> tuple[tuple[float, float], float]:
    """Return the half widths at the lower and upper edge and the half height of a sensor."""
    import acts

    first, second, third, fourth = bounds.values()
    if isinstance(bounds, acts.RectangleBounds):
        return (third, third), fourth
    return (first, second), third
