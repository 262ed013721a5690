from __future__ import annotations

import math
from dataclasses import fields
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpga_gnn.contract import FixedPoint
from fpga_gnn.errors import InputError
from fpga_gnn.graphs.hits import quantize_hits, wrap_phi

NO_MODULES = np.zeros(0, dtype=np.int64)


def records(event, contract, modules=NO_MODULES):
    return quantize_hits(event, modules, contract).records


def test_coordinates_are_the_rounded_real_ones(real_event, w8):
    hits, length = real_event.hits, w8.hit.length
    found = records(real_event, w8)
    for name in "xyz":
        exact = [Fraction(float(v)) * 2**length.frac for v in getattr(hits, name)]
        assert getattr(found, name).tolist() == [round(value) for value in exact]
    for row in range(0, len(hits), 17):
        x, y, z = (float(column[row]) for column in (hits.x, hits.y, hits.z))
        r = math.hypot(x, y)
        assert found.r[row] == round(r * 2**length.frac)
        assert found.phi[row] == round(math.atan2(y, x) / (2 * math.pi) * 2**w8.hit.phi.frac)
        assert found.eta[row] == round(math.asinh(z / r) * 2**w8.hit.eta.frac)


def test_ties_round_to_even(make_event, w8):
    lsb = 2.0**-w8.hit.length.frac
    found = records(make_event([(32.5 * lsb, 33.5 * lsb, -1.5 * lsb)]), w8)
    assert (found.x[0], found.y[0], found.z[0]) == (32, 34, -2)


def test_hits_are_sorted_by_module_in_the_order_of_the_event(make_event, w8):
    sensors = [(4, 1), (2, 7), (4, 1), (2, 6), (9, 9), (2, 7), (1, 1)]
    event = make_event([(float(i), 1, 0) for i in range(1, 8)], sensors)
    known = np.unique(event.hits.module_key[[0, 1, 3]])
    found = quantize_hits(event, known, w8)
    assert found.rows.tolist() == [3, 1, 5, 0, 2, 4, 6]
    assert found.records.module_start.tolist() == [0, 1, 3, 5]
    assert found.n_unmapped == 2
    assert (found.records.x / 2**w8.hit.length.frac).tolist() == [4, 2, 6, 1, 3, 5, 7]


def test_modules_without_hits_are_empty(make_event, w8):
    event = make_event([(1, 0, 0)], [(5, 5)])
    key = int(event.hits.module_key[0])
    found = quantize_hits(event, np.array([key - 1, key, key + 1]), w8)
    assert found.records.module_start.tolist() == [0, 0, 1, 1]
    assert found.n_unmapped == 0


def test_every_hit_of_a_real_event_becomes_one_node(real_event, w8):
    keys = np.unique(real_event.hits.module_key)
    found = quantize_hits(real_event, keys[::2], w8)
    n_mapped = int(found.records.module_start[-1])
    assert sorted(found.rows.tolist()) == list(range(len(real_event.hits)))
    assert found.n_unmapped == len(real_event.hits) - n_mapped > 0
    key = real_event.hits.module_key[found.rows]
    mapped = np.repeat(keys[::2], np.diff(found.records.module_start))
    assert np.array_equal(key[:n_mapped], mapped)
    assert np.isin(key[n_mapped:], keys[1::2]).all()
    plain = records(real_event, w8)
    for field in fields(plain):
        if field.name != "module_start":
            column = getattr(found.records, field.name)
            assert np.array_equal(column, getattr(plain, field.name)[found.rows])


@pytest.mark.parametrize("modules", [NO_MODULES, np.array([1, 2])])
def test_an_event_without_hits_has_no_nodes(make_event, w8, modules):
    found = quantize_hits(make_event([]), modules, w8)
    assert (len(found.records), found.n_unmapped) == (0, 0)
    assert found.records.module_start.tolist() == [0] * (modules.size + 1)


@pytest.mark.parametrize(
    ("point", "coordinate"),
    [
        ((4096, 0, 0), "x = 4096"),
        ((0, -4097, 0), "y = -4097"),
        ((1, 1, 1e6), r"z = 1e\+06"),
        ((3000, 3000, 0), r"r = 4242\.64"),
        ((0.03125, 0, 1000), r"eta = 11\.06"),
    ],
)
def test_a_hit_outside_the_record_is_named(make_event, w8, point, coordinate):
    with pytest.raises(InputError, match=rf"event 3: hit 101: found {coordinate}.*expected -"):
        records(make_event([(1, 1, 1), point]), w8)


def test_the_ends_of_the_record_are_inside(make_event, w8):
    length = w8.hit.length
    low, high = length.to_float([length.min_int, length.max_int])
    found = records(make_event([(50, 0, low), (50, 0, high), (high, 0, 0)]), w8)
    assert found.z.tolist() == [length.min_int, length.max_int, 0]
    assert found.r[2] == length.max_int


def test_half_an_lsb_above_the_record_is_outside(make_event, w8):
    beyond = float(w8.hit.length.to_float(w8.hit.length.max_int + 0.5))
    with pytest.raises(InputError, match=r"x = 4095\.98"):
        records(make_event([(beyond, 0, 0)]), w8)


def test_a_hit_on_the_beam_axis_is_refused(make_event, w8):
    with pytest.raises(InputError, match="event 3: hit 101: found x = y = 0"):
        records(make_event([(1, 1, 1), (0, 0, 5)]), w8)


def test_phi_wraps_at_minus_x(make_event, w8):
    phi = w8.hit.phi
    angles = np.array([-1, -0.75, 0, 0.75, 1]) * 2 * np.pi / 2**phi.frac + np.pi
    found = records(make_event([(100 * np.cos(a), 100 * np.sin(a), 0) for a in angles]), w8)
    top, bottom = phi.max_int, phi.min_int
    assert found.phi.tolist() == [top, top, bottom, bottom + 1, bottom + 1]


@settings(deadline=None)
@given(st.integers(1, 32), st.lists(st.integers(-(1 << 40), 1 << 40), min_size=1))
def test_wrapped_angles_are_the_same_angle_in_range(bits, angles):
    fixed = FixedPoint(bits=bits, frac=bits)
    wrapped = wrap_phi(np.array(angles), fixed)
    assert ((fixed.min_int <= wrapped) & (wrapped <= fixed.max_int)).all()
    assert all((int(w) - a) % (1 << bits) == 0 for w, a in zip(wrapped, angles, strict=True))
    assert np.array_equal(wrap_phi(wrapped, fixed), wrapped)
