"""Export the trained student to QONNX at the contract's partition shape."""

from __future__ import annotations

import copy
import json
from itertools import pairwise
from typing import Any

import torch
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.fold_constants import FoldConstants
from qonnx.transformation.general import (
    GiveReadableTensorNames,
    GiveUniqueParameterTensors,
    RemoveStaticGraphInputs,
    RemoveUnusedTensors,
)
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.transformation.quant_constant_folding import FoldTransposeIntoQuantInit
from torch import Tensor, nn

from fpga_gnn.contract import Contract, IntegerNetwork
from fpga_gnn.models.quantizers import to_qonnx
from fpga_gnn.models.student import Student, require_exact

INPUTS = ("node_features", "edge_features", "edge_index")
OUTPUT = "score"
CONTRACT_KEY = "fpga_gnn.contract_sha256"
FORMATS_KEY = "fpga_gnn.formats"

_WRAPPERS = {"", "student", "act_quant", "activation_impl", "export_handler"}


class _Score(nn.Module):
    """The student on a batch of one partition, edges as rows: the layout of the firmware.

    Shared weights are copied: each iteration is a layer of its own, as in hardware.
    """

    def __init__(self, student: Student) -> None:
        super().__init__()
        self.student = copy.deepcopy(student)
        self.student.layers = nn.ModuleList(
            copy.deepcopy(student.layers[i % len(student.layers)])
            for i in range(student.network.iterations)
        )
        self.train(student.training)  # the mode that the export restores

    def forward(self, node_features: Tensor, edge_features: Tensor, edge_index: Tensor) -> Tensor:
        return self.student.score(node_features, edge_features, edge_index)


def export_qonnx(student: Student, contract: Contract) -> ModelWrapper:
    """Return the student as a QONNX graph of one partition; equal students give equal bytes.

    Inputs ``node_features`` [1, N, Fn] and ``edge_features`` [1, E, Fe] float32, ``edge_index``
    [1, E, 2] int64 (source, destination); output ``score`` [1, E, 1]. Metadata:
    ``fpga_gnn.contract_sha256`` and ``fpga_gnn.formats`` (binary points, JSON). Raises
    ``FpgaGnnError`` when float32 could not carry an accumulator exactly.
    """
    network = student.integer_network()
    require_exact(network)
    nodes, edges = contract.partition.max_nodes, contract.partition.max_edges
    features = contract.features
    example = (
        torch.zeros(1, nodes, len(features.node)),
        torch.zeros(1, edges, len(features.edge)),
        torch.zeros(1, edges, 2, dtype=torch.int64),
    )
    traced = to_qonnx(_Score(student), dict(zip(INPUTS, example, strict=True)), OUTPUT)
    model = ModelWrapper(traced)
    for transformation in (
        InferShapes(),
        GiveUniqueParameterTensors(),
        FoldConstants(exclude_op_types=["Quant"]),
        FoldTransposeIntoQuantInit(),
        RemoveUnusedTensors(),
        RemoveStaticGraphInputs(),
    ):
        model = model.transform(transformation)
    for node in model.graph.node:
        node.name = _identifier(node.name)
    model = name_tensors(model)
    model.set_metadata_prop(CONTRACT_KEY, contract.sha256)
    model.set_metadata_prop(FORMATS_KEY, json.dumps(_formats(network), sort_keys=True))
    return model


def name_tensors(model: ModelWrapper) -> ModelWrapper:
    """Name tensors after their nodes, inputs and output as documented in ``export_qonnx``."""
    model = model.transform(GiveReadableTensorNames())
    for tensor, name in zip(model.graph.input, INPUTS, strict=True):
        model.rename_tensor(tensor.name, name)
    model.rename_tensor(model.graph.output[0].name, OUTPUT)
    return model


def _identifier(path: str) -> str:
    """``/layers.0/edge_mlp/edge_mlp.0/MatMul`` -> ``layers_0_edge_mlp_0_MatMul``."""
    parts = [part for part in path.split("/") if part not in _WRAPPERS]
    kept = [a for a, b in pairwise(parts) if not b.startswith(f"{a}.")]
    return "_".join([*kept, parts[-1]]).replace(".", "_")


def _formats(network: IntegerNetwork) -> dict[str, Any]:
    def mlp(layers: Any) -> list[dict[str, Any]]:
        return [
            {
                "weight_frac": layer.weight_frac,
                "bias_frac": layer.bias_frac,
                "output": layer.output.model_dump(),
            }
            for layer in layers
        ]

    return {
        "features": network.features.model_dump(),
        "node_encoder": mlp(network.node_encoder),
        "edge_encoder": mlp(network.edge_encoder),
        "edge_updates": [mlp(layers) for layers in network.edge_updates],
        "aggregates": [target.model_dump() for target in network.aggregates],
        "node_updates": [mlp(layers) for layers in network.node_updates],
        "decoder": mlp(network.decoder),
    }
