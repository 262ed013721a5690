"""Golden files: what is written is read back, anything else is refused."""

from __future__ import annotations

import numpy as np
import pytest

from fpga_gnn.contract import load_contract
from fpga_gnn.errors import InputError
from fpga_gnn.hw.vectors import format_vectors, read_vectors, vectors_contract, write_vectors

CONTRACT = load_contract("w8")
CASES = {"one": {"a": np.array([[1, -2], [3, 4]]), "b": []}, "two": {"a": 7}}


@pytest.fixture
def golden(tmp_path):
    path = tmp_path / "kernel.txt"
    write_vectors(path, format_vectors("kernel", CONTRACT, CASES))
    return path


def test_round_trip_flattens(golden):
    cases = read_vectors(golden, "kernel", CONTRACT)
    assert list(cases) == ["one", "two"]
    assert cases["one"]["a"].tolist() == [1, -2, 3, 4]
    assert cases["one"]["b"].size == 0
    assert cases["two"]["a"].tolist() == [7]
    assert list(golden.parent.iterdir()) == [golden]


def test_every_flipped_byte_is_refused(golden):
    text = golden.read_bytes()
    for index in range(len(text)):
        golden.write_bytes(text[:index] + bytes([text[index] ^ 1]) + text[index + 1 :])
        with pytest.raises(InputError, match="damaged text"):
            read_vectors(golden, "kernel", CONTRACT)


def test_truncated_file_is_refused(golden):
    golden.write_bytes(golden.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"make_golden\.py"):
        read_vectors(golden, "kernel", CONTRACT)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_vectors(tmp_path / "absent.txt", "kernel", CONTRACT)


def test_other_kernel(golden):
    with pytest.raises(InputError, match="found kernel kernel, expected kernel another"):
        read_vectors(golden, "another", CONTRACT)


def test_other_contract(golden):
    other = CONTRACT.with_partition(2, 1)
    with pytest.raises(InputError, match=f"expected contract {other.sha256[:12]}"):
        read_vectors(golden, "kernel", other)


def test_the_contract_of_a_file_is_read_without_it(golden, tmp_path):
    assert vectors_contract(golden) == CONTRACT.sha256
    for text in ("", "kernel x\n", "kernel x\ncontracts y\n", "kernel x\ncontract \u00e9\n"):
        golden.write_text(text)
        with pytest.raises(InputError, match=r"expected golden vectors; .*make_golden"):
            vectors_contract(golden)
    with pytest.raises(InputError, match="expected golden vectors"):
        vectors_contract(tmp_path / "absent.txt")
