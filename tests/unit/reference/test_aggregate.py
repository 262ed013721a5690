from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fpga_gnn.reference.aggregate import aggregate


def test_in_edges_then_out_edges():
    messages = np.array([[1], [10], [100], [1000]])
    found = aggregate(messages, np.array([0, 0, 1, 2]), np.array([1, 1, 2, 2]), 4, "sum")
    assert found.tolist() == [[0, 11], [11, 100], [1100, 1000], [0, 0]]


def test_the_largest_message_of_in_edges_then_of_out_edges():
    messages = np.array([[1], [10], [100], [-1000]])
    found = aggregate(messages, np.array([0, 0, 1, 2]), np.array([1, 1, 2, 2]), 4, "max")
    assert found.tolist() == [[0, 10], [10, 100], [100, 0], [0, 0]]


def test_a_maximum_of_negative_messages_is_zero():
    here = np.zeros(3, dtype=np.int64)
    found = aggregate(np.array([[-5, -1], [-3, 2], [-4, -9]]), here, here, 1, "max")
    assert found.tolist() == [[0, 2, 0, 2]]


def test_duplicate_edges_count_each_time():
    same = np.zeros(1000, dtype=np.int64)
    found = aggregate(np.full((1000, 2), -128), same, same + 1, 2, "sum")
    assert found.tolist() == [[0, 0, -128000, -128000], [-128000, -128000, 0, 0]]


@pytest.mark.parametrize("aggregation", ["sum", "max"])
def test_no_edges(aggregation):
    none = np.zeros(0, dtype=np.int64)
    assert not aggregate(np.zeros((0, 3), dtype=np.int64), none, none, 2, aggregation).any()


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(-99, 99)), max_size=20),
    st.sampled_from(["sum", "max"]),
)
def test_it_is_the_definition(edges, aggregation):
    rows = np.array(edges, dtype=np.int64).reshape(-1, 3)
    found = aggregate(rows[:, 2:], rows[:, 0], rows[:, 1], 5, aggregation)
    join = {"sum": sum, "max": lambda messages: max([0, *messages])}[aggregation]
    for node in range(5):
        incoming = [message for _, dst, message in edges if dst == node]
        outgoing = [message for src, _, message in edges if src == node]
        assert found[node].tolist() == [join(incoming), join(outgoing)]
