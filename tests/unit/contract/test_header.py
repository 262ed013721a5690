from __future__ import annotations

import re
from typing import get_args

import pytest

from fpga_gnn.contract import Contract, emit_header, load_contract, parse_contract
from fpga_gnn.contract.config import (
    DIRECTION_FRAC,
    PROBABILITY_FRAC,
    EdgeFeature,
    NodeFeature,
)

W8 = load_contract("w8")


def renumbered() -> Contract:
    """A contract whose numbers all differ from the default one's."""
    data = W8.model_dump(mode="json") | {"name": "renumbered"}
    data["hit"] = {
        "length": {"bits": 17, "frac": 4},
        "phi": {"bits": 16, "frac": 16},
        "eta": {"bits": 15, "frac": 11},
    }
    data["windows"] = {
        name: {"bits": fixed["bits"] - i, "frac": fixed["frac"] - i}
        for i, (name, fixed) in enumerate(data["windows"].items(), start=1)
    }
    data["features"] = {
        "format": {"bits": 10, "frac": 7},
        "node": {"phi": 3, "z": 4},
        "edge": {"deta": 6, "z0": -8, "direction": -3},
    }
    data["network"] |= {"hidden": 5, "iterations": 3}
    data["partition"] = {"max_nodes": 20, "max_edges": 21}
    data["kernels"] = {
        kernel: {name: 30 + i for i, name in enumerate(shape)}
        for kernel, shape in data["kernels"].items()
    }
    data["kernels"]["module_map"]["lanes"] = 32
    return parse_contract(data, "renumbered")


def structs(header: str) -> dict[str, dict[str, int]]:
    """Return the constants of every struct of ``header``."""
    found = {}
    for name, body in re.findall(r"struct (\w+)[^{]*\{([^}]*)\};", header):
        lines = [line.strip() for line in body.strip().splitlines()]
        matches = [re.fullmatch(r"static constexpr int (\w+) = (-?\d+);", line) for line in lines]
        assert all(matches), lines
        found[name] = {match[1]: int(match[2]) for match in matches}
    return found


@pytest.mark.parametrize("contract", [W8, renumbered()], ids=lambda c: c.name)
def test_header_states_the_contract(contract):
    header = emit_header(contract)
    hit, windows, features = contract.hit, contract.windows, contract.features
    formats = {"LENGTH": hit.length, "PHI": hit.phi, "ETA": hit.eta, "FEATURE": features.format}
    formats |= {name.upper(): windows.of(name) for name in type(windows).model_fields}
    kernels = contract.kernels
    columns: dict[str, int] = {"DIRECTION_FRAC": DIRECTION_FRAC}
    for rows, known, shifts in (
        ("NODE", get_args(NodeFeature), features.node),
        ("EDGE", get_args(EdgeFeature), features.edge),
    ):
        columns[f"{rows}_FEATURES"] = len(shifts)
        for name in known:
            column = [*shifts].index(name) if name in shifts else -1
            columns[f"{rows}_{name.upper()}"] = column
            columns[f"{rows}_{name.upper()}_SHIFT"] = shifts.get(name, 0)
    score = {"SCORE_BITS": contract.network.bits.decoder.output}

    def capacities(kernel):
        return {key.upper(): value for key, value in kernel.model_dump().items()}

    assert structs(header) == {
        "formats": {f"{name}_BITS": fixed.bits for name, fixed in formats.items()}
        | {f"{name}_FRAC": fixed.frac for name, fixed in formats.items()},
        "features": columns,
        "partition_config": {
            "MAX_NODES": contract.partition.max_nodes,
            "MAX_EDGES": contract.partition.max_edges,
            "HIDDEN": contract.network.hidden,
            "ITERATIONS": contract.network.iterations,
        },
        "module_map_config": capacities(kernels.module_map),
        "connected_components_config": capacities(kernels.connected_components),
        "track_builder_config": capacities(kernels.track_builder) | score,
        "dwalk_config": capacities(kernels.dwalk) | {"SCORE_BITS": PROBABILITY_FRAC + 2},
    }
    assert f'CONTRACT_SHA256[] = "{contract.sha256}"' in header
    assert f"quant_configs/{contract.name}.yaml" in header
    assert "struct module_map_config : formats, features {" in header


def test_header_is_reproducible():
    assert emit_header(W8) == emit_header(parse_contract(W8.model_dump(mode="json"), "again"))
