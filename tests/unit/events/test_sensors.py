"""Random points lie on the sensors, evenly in area; local points reach their global place."""

import numpy as np
import pytest

from fpga_gnn.errors import InputError
from fpga_gnn.events.event import Hits
from fpga_gnn.events.sensors import Sensors

SENSORS = Sensors(
    volume_id=np.int32([7, 7]),
    layer_id=np.int32([2, 2]),
    module_id=np.int32([1, 2]),
    rotation=np.array([np.eye(3), [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]]),
    translation=np.array([[0.0, 0.0, 0.0], [10.0, 20.0, 30.0]]),
    half_width=np.array([[8.0, 8.0], [2.0, 6.0]]),
    half_height=np.array([10.0, 5.0]),
)


def test_to_global_rotates_then_moves():
    position = SENSORS.to_global(np.array([0, 1]), np.array([[1.0, 2.0], [1.0, 2.0]]))
    assert position.tolist() == [[1, 2, 0], [10, 21, 32]]


def test_random_points_fill_the_sensors_evenly():
    n = 40_000
    sensor, local = SENSORS.random_points(np.random.default_rng(1), n, np.array([0, 1]))
    x, y = local.T
    low, high = SENSORS.half_width[sensor].T
    height = SENSORS.half_height[sensor]
    assert (np.abs(y) <= height).all()
    assert (np.abs(x) <= (low + high + (high - low) * y / height) / 2 + 1e-9).all()

    # Areas: 320 and 80; of the trapezoid, the upper half holds (4 + 6) / (2 + 4 + 4 + 6).
    assert abs(np.mean(sensor == 1) - 80 / 400) < 0.01
    trapezoid = sensor == 1
    assert abs(np.mean(y[trapezoid] > 0) - 10 / 16) < 0.02
    assert abs(np.mean(x[trapezoid] > 0) - 0.5) < 0.02


def test_random_points_use_only_the_sensors_asked_for():
    sensor, _ = SENSORS.random_points(np.random.default_rng(2), 100, np.array([1]))
    assert (sensor == 1).all()


def test_to_local_inverts_to_global():
    sensor, local = SENSORS.random_points(np.random.default_rng(4), 1000, np.array([0, 1]))
    back = SENSORS.to_local(sensor, SENSORS.to_global(sensor, local))
    np.testing.assert_allclose(back[:, :2], local, atol=1e-12)
    np.testing.assert_allclose(back[:, 2], 0, atol=1e-12)


def test_to_local_tells_the_height_above_the_sensor():
    position = np.array([[1.0, 2.0, 0.5], [10.5, 21.0, 32.0]])
    local = SENSORS.to_local(np.array([0, 1]), position)
    assert local.tolist() == [[1, 2, 0.5], [1, 2, 0.5]]


def hits_of(*modules):
    zeros = np.zeros(len(modules), np.float32)
    return Hits(
        hit_id=np.arange(5, 5 + len(modules)),
        **dict.fromkeys(("x", "y", "z"), zeros),
        volume_id=np.full(len(modules), 7),
        layer_id=np.full(len(modules), 2),
        module_id=np.array(modules, np.int32),
        particle_id=np.zeros(len(modules), np.int64),
    )


def test_rows_of_hits():
    assert SENSORS.rows(hits_of(2, 1, 2)).tolist() == [1, 0, 1]
    assert SENSORS.rows(hits_of()).tolist() == []


@pytest.mark.parametrize("module", [0, 3])
def test_unknown_sensors_are_named(module):
    with pytest.raises(InputError, match=f"hit 6: .*volume 7, layer 2, module {module}"):
        SENSORS.rows(hits_of(1, module))
