"""The float interaction network: teacher of the quantized student, and its initial weights."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from torch_geometric.nn import MessagePassing

from fpga_gnn.contract import Aggregation

Norm = Literal["none", "layer", "batch"]
_BATCH_NORM_MOMENTUM = 0.05


def mlp(inputs: int, hidden: int, outputs: int, layers: int, norm: Norm) -> nn.Sequential:
    """Return ``layers`` hidden layers (Linear, norm, ReLU) and a last Linear."""
    modules: list[nn.Module] = []
    for _ in range(layers):
        modules.append(nn.Linear(inputs, hidden))
        if norm == "layer":
            modules.append(nn.LayerNorm(hidden))
        elif norm == "batch":
            modules.append(nn.BatchNorm1d(hidden, momentum=_BATCH_NORM_MOMENTUM))
        modules.append(nn.ReLU())
        inputs = hidden
    modules.append(nn.Linear(inputs, outputs))
    return nn.Sequential(*modules)


def edge_update(edge_mlp: nn.Sequential, x: Tensor, e: Tensor, edge_index: Tensor) -> Tensor:
    """Apply ``edge_mlp`` to (source, destination, edge) of every edge.

    The first layer acts on the nodes before they are gathered: there are fewer of them than edges.
    """
    first, *rest = edge_mlp
    assert isinstance(first, nn.Linear)
    source, destination, edge = first.weight.split(x.shape[-1], dim=1)
    out = linear(e, edge, first.bias)
    out = out + linear(x, source).index_select(0, edge_index[0])
    out = out + linear(x, destination).index_select(0, edge_index[1])
    for module in rest:
        out = module(out)
    return out


class InteractionLayer(MessagePassing):
    """One message-passing iteration: the edge update, then the node update.

    ``aggregation`` is that of the contract: ``max`` is the largest of the messages and zero.
    """

    def __init__(self, hidden: int, layers: int, norm: Norm, aggregation: Aggregation) -> None:
        super().__init__(aggr=aggregation)
        self._floor_at_zero = aggregation == "max"
        self.edge_mlp = mlp(3 * hidden, hidden, hidden, layers, norm)
        self.node_mlp = mlp(3 * hidden, hidden, hidden, layers, norm)

    def forward(self, x: Tensor, e: Tensor, edge_index: Tensor) -> tuple[Tensor, Tensor]:
        """Return the new ``x`` [N, H] and ``e`` [E, H]."""
        e = edge_update(self.edge_mlp, x, e, edge_index)
        messages = e.relu() if self._floor_at_zero else e
        incoming = self.propagate(edge_index, e=messages, size=(len(x), len(x)))
        outgoing = self.propagate(edge_index.flip(0), e=messages, size=(len(x), len(x)))
        return self.node_mlp(torch.cat((x, incoming, outgoing), dim=-1)), e

    def message(self, e: Tensor) -> Tensor:
        """The message of an edge is its state."""
        return e


class InteractionNetwork(nn.Module):
    """Edge classifier of Battaglia et al. (arXiv:1612.00222) as used by GNN4ITk.

    Without norm, or with batch norm (which its Linears can absorb), it has the structure of
    ``contract.IntegerNetwork``, and its weights can start a ``Student``.
    """

    def __init__(
        self,
        node_features: int,
        edge_features: int,
        hidden: int,
        iterations: int,
        mlp_layers: int = 2,
        norm: Norm = "layer",
        aggregation: Aggregation = "sum",
        shared_weights: bool = False,
    ) -> None:
        super().__init__()
        self.iterations = iterations
        self.node_encoder = mlp(node_features, hidden, hidden, mlp_layers, norm)
        self.edge_encoder = mlp(edge_features, hidden, hidden, mlp_layers, norm)
        self.layers = nn.ModuleList(
            InteractionLayer(hidden, mlp_layers, norm, aggregation)
            for _ in range(1 if shared_weights else iterations)
        )
        self.decoder = mlp(3 * hidden, hidden, 1, mlp_layers, norm)

    def forward(self, node_features: Tensor, edge_features: Tensor, edge_index: Tensor) -> Tensor:
        """Return one logit per edge [E].

        ``node_features`` [N, Fn] and ``edge_features`` [E, Fe] are float32, ``edge_index``
        [2, E] int64 (row 0 source, row 1 destination).
        """
        return self.decode(*self.states(node_features, edge_features, edge_index), edge_index)

    def states(
        self, node_features: Tensor, edge_features: Tensor, edge_index: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the states of nodes [N, H] and edges [E, H] after the last iteration."""
        x, e = self.node_encoder(node_features), self.edge_encoder(edge_features)
        for i in range(self.iterations):
            x, e = self.layers[i % len(self.layers)](x, e, edge_index)
        return x, e

    def decode(self, x: Tensor, e: Tensor, edge_index: Tensor) -> Tensor:
        """Return the logits [E] of ``states``."""
        return edge_update(self.decoder, x, e, edge_index).squeeze(-1)
