"""The fit behind the estimates: it follows from its measurements, and holds beside them."""

from __future__ import annotations

import pytest

from fpga_gnn.errors import InputError
from fpga_gnn.report.resource_fit import expected, fit, largest_errors, load_fit

FIT = load_fit()


def test_the_coefficients_are_those_of_the_measurements():
    again = fit(FIT.fitted).model_dump()
    for law, values in FIT.coefficients.model_dump().items():
        assert again[law] == pytest.approx(values, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("classifier", FIT.held_out, ids=lambda one: one.name)
def test_a_classifier_beside_the_fit_is_within_15_percent(classifier):
    guess, found = expected(classifier, FIT.coefficients), classifier.total
    for kind, amount in found:
        print(f"{classifier.name} {kind}: {getattr(guess, kind)} estimated, {amount} found")
        assert getattr(guess, kind) == pytest.approx(amount, rel=0.15)


def test_held_out_classifiers_are_others():
    assert len(FIT.held_out) > 2
    assert {one.name for one in FIT.held_out}.isdisjoint(one.name for one in FIT.fitted)
    assert max(largest_errors(FIT).values()) < 0.15


def test_a_file_of_something_else(tmp_path):
    path = tmp_path / "fit.json"
    with pytest.raises(InputError, match="a fit of resources"):
        load_fit(path)
    path.write_text("{}")
    with pytest.raises(InputError, match=r"fit\.json"):
        load_fit(path)
