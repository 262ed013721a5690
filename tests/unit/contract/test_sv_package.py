from __future__ import annotations

import re

import pytest

from fpga_gnn.contract import contract_names, emit_sv_package, load_contract
from fpga_gnn.contract.constants import firmware_constants


@pytest.mark.parametrize("name", contract_names())
def test_packages_state_the_contract(name):
    contract = load_contract(name)
    text = emit_sv_package(contract)
    found = {
        package: dict(re.findall(r"^    localparam .*?(\w+) = (\S+);$", body, re.MULTILINE))
        for package, body in re.findall(r"^package (\w+);\n(.*?)^endpackage$", text, re.M | re.S)
    }
    assert found.pop("contract") == {"CONTRACT_SHA256": f"256'h{contract.sha256}"}
    assert firmware_constants(contract) == {
        package: {name: int(number) for name, number in constants.items()}
        for package, constants in found.items()
    }


def test_packages_are_reproducible():
    assert emit_sv_package(load_contract("w8")) == emit_sv_package(load_contract("w8"))
