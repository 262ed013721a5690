from __future__ import annotations

import pytest

from fpga_gnn.errors import InputError
from fpga_gnn.events.split import split_ids


@pytest.mark.parametrize("n", [*range(3, 41), 100, 1000])
def test_every_event_has_one_part_and_later_parts_have_later_events(n):
    split = split_ids(range(7, 7 + n), "store")
    assert [*split.train, *split.validation, *split.test] == list(range(7, 7 + n))
    assert len(split.test) == -(-n // 5)
    assert len(split.validation) == -(-n // 10)
    assert split.train


def test_shipped_sample_splits_seven_one_two():
    split = split_ids(range(10), "store")
    assert (len(split.train), split.validation, split.test) == (7, (7,), (8, 9))


def test_ids_need_not_be_dense_or_sorted():
    split = split_ids([90, 4, 17], "store")
    assert (split.train, split.validation, split.test) == ((4,), (17,), (90,))


@pytest.mark.parametrize("n", [0, 1, 2])
def test_fewer_than_three_events_are_refused(n):
    with pytest.raises(InputError, match=rf"^/events: found {n} events, expected at least 3"):
        split_ids(range(n), "/events")
