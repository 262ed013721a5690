"""The sensors that the package knows are the surfaces of ACTS."""

import numpy as np
import pytest

from fpga_gnn.errors import ToolMissingError
from fpga_gnn.events.acts_detector import PITCHES_MM, acts_detector, require
from fpga_gnn.events.event import module_key


def test_missing_packages_are_named():
    require("task", "json")
    with pytest.raises(ToolMissingError, match=r"task: no_such_module not installed"):
        require("task", "json", "no_such_module")


def test_sensors_agree_with_acts():
    acts = pytest.importorskip("acts")
    detector = acts_detector()
    sensors = detector.sensors
    assert len(detector.identifiers) == len(sensors.volume_id) == 18728
    assert (np.diff(module_key(sensors.volume_id, sensors.layer_id, sensors.module_id)) > 0).all()
    assert set(np.unique(sensors.volume_id)) == set(PITCHES_MM)
    rng = np.random.default_rng(3)
    context = acts.GeometryContext.dangerouslyDefaultConstruct()
    normal = acts.Vector3(0, 0, 1)
    edge = acts.BoundaryTolerance.none()
    for row in rng.choice(18728, 400, replace=False):
        surface = detector.surfaces[detector.identifiers[row]]
        sensor, local = sensors.random_points(rng, 5, np.array([row]))
        for point, expected in zip(local, sensors.to_global(sensor, local), strict=True):
            point = acts.Vector2(*point)
            assert surface.insideBounds(point, edge)
            found = list(surface.localToGlobal(context, point, normal))
            assert found == pytest.approx(expected.tolist(), abs=1e-9)
