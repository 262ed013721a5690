"""The quantized student: an interaction network trained on the contract's number formats.

Every value in the network is an integer times a power of two. float32 carries such values
exactly while the integers stay within 2**24, so the student is bit-exact to the integer
reference: ``integer_network`` proves the bound for every matrix product, and the sum over a
node's edges keeps it up to ``2**24 / 2**(activation_bits - 1)`` edges (131 072 for 8 bits).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from fpga_gnn.contract import Contract, FixedPoint, IntegerLayer, IntegerNetwork
from fpga_gnn.contract.config import NetworkFormat
from fpga_gnn.errors import FpgaGnnError
from fpga_gnn.models.interaction_network import InteractionNetwork
from fpga_gnn.models.quantizers import (
    activation_format,
    calibrating,
    feature_quantizer,
    integer_layer,
    linear,
    relu,
    requantizer,
)

EXACT_LIMIT = 1 << 24
"""Largest integer up to which float32 holds all integers."""

DOMAIN = "fpga_gnn.custom_op"
"""ONNX domain of the operators that standard ONNX does not have."""


class EdgeGather(torch.autograd.Function):
    """Gather both end states of every edge: ``[x[src], x[dst]]``.

    ``x`` [..., N, H] float32, ``pairs`` [..., E, 2] int64 (source, destination); leading
    dimensions have size one. Returns [..., E, 2 H].
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, pairs: Tensor) -> Tensor:
        src, dst = pairs.reshape(-1, 2).unbind(-1)
        ctx.save_for_backward(src, dst)
        ctx.shape = x.shape
        return torch.cat((x.index_select(-2, src), x.index_select(-2, dst)), dim=-1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        src, dst = ctx.saved_tensors
        at_src, at_dst = grad.chunk(2, dim=-1)
        total = grad.new_zeros(ctx.shape).index_add_(-2, src, at_src)
        return total.index_add_(-2, dst, at_dst), None

    @staticmethod
    def symbolic(g: Any, x: Any, pairs: Any) -> Any:
        batch, _, width = x.type().sizes()
        edges = pairs.type().sizes()[1]
        out = g.op(f"{DOMAIN}::EdgeGather", x, pairs)
        return out.setType(x.type().with_sizes([batch, edges, 2 * width]))


class EdgeAggregate(torch.autograd.Function):
    """Sum every node's edge messages: ``[sum over in-edges, sum over out-edges]``.

    ``messages`` [..., E, H] float32, ``pairs`` [..., E, 2] int64; returns [..., n_nodes, 2 H].
    """

    @staticmethod
    def forward(ctx: Any, messages: Tensor, pairs: Tensor, n_nodes: int) -> Tensor:
        src, dst = pairs.reshape(-1, 2).unbind(-1)
        ctx.save_for_backward(src, dst)
        zeros = messages.new_zeros(*messages.shape[:-2], n_nodes, messages.shape[-1])
        incoming = zeros.index_add(-2, dst, messages)
        return torch.cat((incoming, zeros.index_add_(-2, src, messages)), dim=-1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        src, dst = ctx.saved_tensors
        incoming, outgoing = grad.chunk(2, dim=-1)
        return incoming.index_select(-2, dst) + outgoing.index_select(-2, src), None, None

    @staticmethod
    def symbolic(g: Any, messages: Any, pairs: Any, n_nodes: int) -> Any:
        batch, _, width = messages.type().sizes()
        out = g.op(f"{DOMAIN}::EdgeAggregate", messages, pairs, n_nodes_i=n_nodes)
        return out.setType(messages.type().with_sizes([batch, n_nodes, 2 * width]))


class QuantizedMLP(nn.Sequential):
    """Linear, ReLU, Linear on quantized values; the output is signed with ``output_bits``."""

    def __init__(self, inputs: int, outputs: int, network: NetworkFormat, output_bits: int) -> None:
        super().__init__(
            linear(inputs, network.hidden, network),
            relu(network.activation_bits),
            linear(network.hidden, outputs, network),
            requantizer(output_bits),
        )

    def integer_layers(self) -> tuple[IntegerLayer, ...]:
        """Return the two layers as integers."""
        modules = list(self)
        return tuple(integer_layer(modules[i], modules[i + 1]) for i in range(0, len(modules), 2))


class QuantizedInteractionLayer(nn.Module):
    """One message-passing iteration: the edge update, then the node update."""

    def __init__(self, network: NetworkFormat) -> None:
        super().__init__()
        hidden, bits = network.hidden, network.activation_bits
        self.edge_mlp = QuantizedMLP(3 * hidden, hidden, network, bits)
        self.node_mlp = QuantizedMLP(3 * hidden, hidden, network, bits)
        self.aggregate = requantizer(bits)

    def forward(self, x: Tensor, e: Tensor, pairs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the new ``x`` [..., N, H] and ``e`` [..., E, H]."""
        e = self.edge_mlp(torch.cat((EdgeGather.apply(x, pairs), e), dim=-1))
        a = self.aggregate(EdgeAggregate.apply(e, pairs, int(x.shape[-2])))
        return self.node_mlp(torch.cat((x, a), dim=-1)), e


class Student(nn.Module):
    """Interaction network of ``contract.network``, quantized for training and export.

    ``calibrate`` it once before training or export; ``torch.manual_seed`` fixes the initial
    weights. Weight and bias ranges follow their maxima, activation ranges are learned
    parameters; ``state_dict`` holds all of them as plain tensors.
    """

    def __init__(self, contract: Contract) -> None:
        super().__init__()
        network, features = contract.network, contract.features
        hidden, bits = network.hidden, network.activation_bits
        self.node_input = feature_quantizer(features.format)
        self.edge_input = feature_quantizer(features.format)
        self.node_encoder = QuantizedMLP(len(features.node), hidden, network, bits)
        self.edge_encoder = QuantizedMLP(len(features.edge), hidden, network, bits)
        self.layers = nn.ModuleList(
            QuantizedInteractionLayer(network) for _ in range(network.iterations)
        )
        self.decoder = QuantizedMLP(3 * hidden, 1, network, network.score_bits)

    def forward(self, node_features: Tensor, edge_features: Tensor, edge_index: Tensor) -> Tensor:
        """Return one logit per edge [E], on the grid of the score format.

        ``node_features`` [N, Fn] and ``edge_features`` [E, Fe] are float32 on the grid of the
        feature format, ``edge_index`` [2, E] int64 (row 0 source, row 1 destination).
        """
        return self.score(node_features, edge_features, edge_index.T).squeeze(-1)

    def score(self, node_features: Tensor, edge_features: Tensor, pairs: Tensor) -> Tensor:
        """Return the logits [..., E, 1] of the edges listed in ``pairs`` [..., E, 2]."""
        x = self.node_encoder(self.node_input(node_features))
        e = self.edge_encoder(self.edge_input(edge_features))
        for layer in self.layers:
            x, e = layer(x, e, pairs)
        return self.decoder(torch.cat((EdgeGather.apply(x, pairs), e), dim=-1))

    def load_float(self, network: InteractionNetwork) -> None:
        """Copy the weights of a float network of the same shape.

        Raises ``FpgaGnnError`` for other shapes (more MLP layers, another width or depth).
        """
        mine, theirs = _linears(self), _linears(network)
        shapes = [tuple(layer.weight.shape) for layer in mine]
        found = [tuple(layer.weight.shape) for layer in theirs]
        if shapes != found or any(isinstance(m, nn.LayerNorm) for m in network.modules()):
            raise FpgaGnnError(
                f"float network: found layers {found}, expected {shapes} without layer norm"
            )
        with torch.no_grad():
            for target, source in zip(mine, theirs, strict=True):
                target.weight.copy_(source.weight)
                target.bias.copy_(source.bias)

    def calibrate(self, graphs: Iterable[tuple[Tensor, Tensor, Tensor]]) -> None:
        """Set the activation ranges from the statistics of ``graphs`` (arguments of forward)."""
        with torch.no_grad(), calibrating(self):
            for node_features, edge_features, edge_index in graphs:
                self(node_features, edge_features, edge_index)

    def integer_network(self) -> IntegerNetwork:
        """Return the network as integers, read from the quantizers.

        Raises ``FpgaGnnError`` when an accumulator could leave float32's exact integers.
        """
        network = IntegerNetwork(
            features=activation_format(self.node_input),
            node_encoder=self.node_encoder.integer_layers(),
            edge_encoder=self.edge_encoder.integer_layers(),
            edge_updates=tuple(layer.edge_mlp.integer_layers() for layer in self.layers),
            aggregates=tuple(activation_format(layer.aggregate) for layer in self.layers),
            node_updates=tuple(layer.node_mlp.integer_layers() for layer in self.layers),
            decoder=self.decoder.integer_layers(),
        )
        for name, layer, inputs in _layers_with_inputs(network):
            bound, _ = accumulator_bound(layer, inputs)
            if bound > EXACT_LIMIT:
                raise FpgaGnnError(
                    f"{name}: accumulator may reach {bound} LSB, expected at most {EXACT_LIMIT} "
                    "(float32); use fewer weight, bias or activation bits"
                )
        return network


def accumulator_bound(layer: IntegerLayer, inputs: tuple[FixedPoint, ...]) -> tuple[int, int]:
    """Return the largest magnitude of any partial sum of ``weight @ input + bias``.

    ``inputs`` holds the format of each input column. The result is (integer, fraction bits) on
    the finest grid among the products and the bias.
    """
    product_frac = [layer.weight_frac + column.frac for column in inputs]
    frac = max(*product_frac, layer.bias_frac)
    largest = [max(-column.min_int, column.max_int) for column in inputs]
    columns = [big << (frac - its) for big, its in zip(largest, product_frac, strict=True)]
    bound = max(
        sum(abs(int(w)) * column for w, column in zip(row, columns, strict=True))
        + (abs(int(bias)) << (frac - layer.bias_frac))
        for row, bias in zip(layer.weight, layer.bias, strict=True)
    )
    return bound, frac


def _layers_with_inputs(
    network: IntegerNetwork,
) -> Iterator[tuple[str, IntegerLayer, tuple[FixedPoint, ...]]]:
    """Yield every layer with its name and the format of each of its input columns."""

    def mlp(
        name: str, layers: tuple[IntegerLayer, ...], inputs: tuple[FixedPoint, ...]
    ) -> Iterator[tuple[str, IntegerLayer, tuple[FixedPoint, ...]]]:
        for i, layer in enumerate(layers):
            yield f"{name}[{i}]", layer, inputs
            inputs = (layer.output,) * len(layer.weight)

    hidden = len(network.node_encoder[-1].weight)
    for name in ("node_encoder", "edge_encoder"):
        layers = getattr(network, name)
        yield from mlp(name, layers, (network.features,) * layers[0].weight.shape[1])
    x, e = network.node_encoder[-1].output, network.edge_encoder[-1].output
    for i in range(network.iterations):
        inputs = (x,) * (2 * hidden) + (e,) * hidden
        yield from mlp(f"edge_updates[{i}]", network.edge_updates[i], inputs)
        e = network.edge_updates[i][-1].output
        inputs = (x,) * hidden + (network.aggregates[i],) * (2 * hidden)
        yield from mlp(f"node_updates[{i}]", network.node_updates[i], inputs)
        x = network.node_updates[i][-1].output
    yield from mlp("decoder", network.decoder, (x,) * (2 * hidden) + (e,) * hidden)


def _linears(module: nn.Module) -> list[nn.Linear]:
    return [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
