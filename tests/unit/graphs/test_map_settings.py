from __future__ import annotations

import pytest
from pydantic import ValidationError

from fpga_gnn.graphs.map_settings import MapSettings


def test_the_default_is_the_definition_of_the_field():
    assert MapSettings().model_dump() == {
        "pooling": "module",
        "min_occurrence": 1,
        "spread": "minmax",
        "n_rms": 4.0,
        "widening": 0.0,
        "small_sample": 0.0,
        "dydx": "compatible",
    }


@pytest.mark.parametrize(
    "options",
    [
        {"pooling": "volume"},
        {"min_occurrence": 0},
        {"min_occurrence": 1.5},
        {"spread": "quantile"},
        {"n_rms": 0.0},
        {"n_rms": float("inf")},
        {"widening": -0.1},
        {"widening": float("nan")},
        {"small_sample": -1},
        {"small_sample": float("inf")},
        {"dydx": "exact"},
        {"tolerance": 0.1},
    ],
    ids=str,
)
def test_unknown_keys_and_bad_values_are_refused(options):
    with pytest.raises(ValidationError, match=next(iter(options))):
        MapSettings(**options)


def test_settings_do_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        MapSettings().widening = 1.0
