"""Run an exported graph, lowered or not, on one padded partition."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx

from fpga_gnn.contract import Contract
from fpga_gnn.errors import InputError
from fpga_gnn.export.qonnx_export import CONTRACT_KEY, INPUTS, OUTPUT
from fpga_gnn.graphs.partition import PackedPartition


def partition_inputs(packed: PackedPartition, contract: Contract) -> dict[str, NDArray[Any]]:
    """Return the graph's inputs: features as float32 (exact), ``edge_index`` int64, batch of one.

    Raises ``InputError`` when ``packed`` has other slots than the contract or a node index lies
    outside them.
    """
    shape, features = contract.partition, contract.features
    expected = (
        (shape.max_nodes, len(features.node)),
        (shape.max_edges, len(features.edge)),
        (shape.max_edges, 2),
    )
    arrays = (packed.node_features, packed.edge_features, packed.edge_index)
    for name, array, slots in zip(INPUTS, arrays, expected, strict=True):
        if array.shape != slots:
            raise InputError(name, array.shape, slots, "pack with this contract's partition")
    outside = np.argwhere((packed.edge_index < 0) | (packed.edge_index >= shape.max_nodes))
    if outside.size:
        slot, end = (int(i) for i in outside[0])
        raise InputError(
            f"edge_index[{slot}]", packed.edge_index[slot, end], f"0..{shape.max_nodes - 1}"
        )
    node_features, edge_features = (
        features.format.to_float(array).astype(np.float32)[None] for array in arrays[:2]
    )
    return dict(zip(INPUTS, (node_features, edge_features, packed.edge_index[None]), strict=True))


def execute(
    model: ModelWrapper, packed: PackedPartition, contract: Contract
) -> NDArray[np.float32]:
    """Return the scores [n_edges] of the real edges of ``packed``.

    Raises ``InputError`` when ``model`` was exported with another contract or has other inputs
    than ``node_features``, ``edge_features``, ``edge_index``: qonnx itself ignores unknown names.
    """
    contract.require_hash(model.get_metadata_prop(CONTRACT_KEY) or "none", "QONNX model")
    found = tuple(tensor.name for tensor in model.graph.input)
    if found != INPUTS:
        raise InputError("QONNX model", f"inputs {found}", f"inputs {INPUTS}")
    scores: NDArray[np.float32] = execute_onnx(model, partition_inputs(packed, contract))[OUTPUT]
    return scores[0, : packed.n_edges, 0]
