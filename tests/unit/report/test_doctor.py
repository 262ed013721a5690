from __future__ import annotations

import pytest

from fpga_gnn.report.doctor import Check, Doctor, doctor_lines, lacking_phrase


def check(name, state="ok", group="Tools", **more):
    return Check(name=name, group=group, state=state, found="1.0", enables="work", **more)


@pytest.fixture
def doctor():
    return Doctor(
        python="3.11.2",
        platform="Linux x86_64",
        checks=(
            check("g++", required=True, get="apt install g++"),
            check("yosys", "missing", get="pip install it"),
            check("torch", "broken", group="Packages", required=True),
        ),
    )


def test_a_line_per_check_and_how_to_get_what_is_not_ok(doctor):
    head, *lines = doctor_lines(doctor)
    assert head.endswith("Python 3.11.2, Linux x86_64")
    assert lines == [
        "",
        "Tools",
        "  ok       g++    1.0  work",
        "  missing  yosys  1.0  work",
        "                  pip install it",
        "",
        "Packages",
        "  broken   torch  1.0  work",
    ]


def test_what_lacks_is_the_required_or_what_was_asked_for(doctor):
    assert [c.name for c in doctor.lacking()] == ["torch"]
    assert doctor.lacking(["g++"]) == ()
    assert doctor.lacking([]) == ()
    asked = doctor.lacking(["yosys", "g++"])
    assert lacking_phrase(asked) == "yosys missing (1.0): pip install it"
