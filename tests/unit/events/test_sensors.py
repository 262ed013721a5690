"""Random points lie on the sensors, evenly in area; local points reach their global place."""

import numpy as np

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
