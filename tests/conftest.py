"""Small students and partitions that several test folders share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from fpga_gnn.contract import Contract, load_contract
from fpga_gnn.graphs.partition import PackedPartition
from fpga_gnn.models.student import Student


@pytest.fixture(scope="session")
def contract() -> Contract:
    return load_contract("w8").with_partition(32, 64)


@pytest.fixture(scope="session")
def make_partition() -> Callable[..., PackedPartition]:
    def make(
        contract: Contract, n_nodes: int, n_edges: int, seed: int = 0, *, saturated: bool = False
    ) -> PackedPartition:
        """Random features and edges; few nodes give self-loops, duplicates and high degrees."""
        generator = np.random.default_rng(seed)
        shape, features = contract.partition, contract.features
        ends = [features.format.min_int, features.format.max_int]
        node_features = np.zeros((shape.max_nodes, len(features.node)), dtype=np.int64)
        edge_features = np.zeros((shape.max_edges, len(features.edge)), dtype=np.int64)
        for array, rows in ((node_features, n_nodes), (edge_features, n_edges)):
            size = (rows, array.shape[1])
            array[:rows] = (
                generator.choice(ends, size)
                if saturated
                else generator.integers(ends[0], ends[1], size, endpoint=True)
            )
        edge_index = np.full((shape.max_edges, 2), shape.usable_nodes, dtype=np.int64)
        edge_index[:n_edges] = generator.integers(0, max(n_nodes, 1), (n_edges, 2))
        return PackedPartition(node_features, edge_features, edge_index, n_nodes, n_edges)

    return make


@pytest.fixture(scope="session")
def graph_tensors() -> Callable[[PackedPartition, Contract], tuple[Tensor, Tensor, Tensor]]:
    def convert(packed: PackedPartition, contract: Contract) -> tuple[Tensor, Tensor, Tensor]:
        """The real rows of a partition as arguments of ``Student.forward``."""
        scale = contract.features.format.to_float
        return (
            torch.tensor(scale(packed.node_features[: packed.n_nodes]), dtype=torch.float32),
            torch.tensor(scale(packed.edge_features[: packed.n_edges]), dtype=torch.float32),
            torch.tensor(packed.edge_index[: packed.n_edges].T),
        )

    return convert


@pytest.fixture(scope="session")
def make_student(make_partition, graph_tensors) -> Callable[..., Student]:
    def make(contract: Contract, seed: int = 0, *, gain: float = 2.0) -> Student:
        """A seeded student, calibrated on random graphs; ``gain`` scales its initial weights."""
        torch.manual_seed(seed)
        student = Student(contract)
        with torch.no_grad():
            for layer in student.modules():
                if isinstance(layer, torch.nn.Linear):
                    layer.weight.mul_(gain)
        shape = contract.partition
        graphs = [
            make_partition(contract, shape.usable_nodes, shape.max_edges, i) for i in range(4)
        ]
        student.calibrate(graph_tensors(graph, contract) for graph in graphs)
        return student.eval()

    return make
