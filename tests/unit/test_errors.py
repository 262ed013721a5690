"""Errors cross processes as they are."""

from __future__ import annotations

import pickle

import pytest

from fpga_gnn.errors import InputError, MismatchError, ToolFailedError


@pytest.mark.parametrize(
    "error",
    [
        InputError("file", 1, "two", "a hint"),
        MismatchError("scores differ", 3),
        ToolFailedError("it failed; see its log"),
    ],
)
def test_a_pickle_keeps_kind_text_and_fields(error):
    found = pickle.loads(pickle.dumps(error))
    assert (type(found), str(found), vars(found)) == (type(error), str(error), vars(error))
