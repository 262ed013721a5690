"""The quantized student: an interaction network trained on the contract's number formats.

Every value in the network is an integer times a power of two. float32 carries such values
exactly while the integers stay within 2**24, so the student is bit-exact to the integer
reference: ``require_exact`` proves the bound for every matrix product, and the sum over a node's
edges keeps it up to ``2**24 / 2**(bits - 1)`` edges (131 072 for messages of 8 bits).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from fpga_gnn.contract import (
    Aggregation,
    Contract,
    FixedPoint,
    IntegerLayer,
    IntegerNetwork,
    MlpBits,
)
from fpga_gnn.contract.config import NetworkFormat
from fpga_gnn.contract.structure import network_mlps
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
    """Join every node's edge messages: ``[over in-edges, over out-edges]``.

    ``messages`` [..., E, H] float32, ``pairs`` [..., E, 2] int64; returns [..., n_nodes, 2 H]:
    the sum of the messages, or the largest of them and zero, whose gradient ties share.
    """

    @staticmethod
    def forward(
        ctx: Any, messages: Tensor, pairs: Tensor, n_nodes: int, aggregation: Aggregation
    ) -> Tensor:
        src, dst = pairs.reshape(-1, 2).unbind(-1)
        zeros = messages.new_zeros(*messages.shape[:-2], n_nodes, messages.shape[-1])
        if aggregation == "sum":
            ctx.save_for_backward(src, dst)
            parts = [zeros.index_add(-2, ends, messages) for ends in (dst, src)]
        else:
            columns = [ends.unsqueeze(-1).expand_as(messages) for ends in (dst, src)]
            parts = [zeros.scatter_reduce(-2, rows, messages, "amax") for rows in columns]
            ctx.save_for_backward(src, dst, messages, *parts)
        return torch.cat(parts, dim=-1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None]:
        src, dst, *joined = ctx.saved_tensors
        by_end = list(zip((dst, src), grad.chunk(2, dim=-1), strict=True))
        if not joined:
            return sum(part.index_select(-2, ends) for ends, part in by_end), None, None, None
        messages, *largest = joined
        total = torch.zeros_like(messages)
        for (ends, part), top in zip(by_end, largest, strict=True):
            winners = ((messages == top.index_select(-2, ends)) & (messages > 0)).to(grad.dtype)
            count = torch.zeros_like(top).index_add_(-2, ends, winners).clamp(min=1)
            total += winners * (part / count).index_select(-2, ends)
        return total, None, None, None

    @staticmethod
    def symbolic(g: Any, messages: Any, pairs: Any, n_nodes: int, aggregation: Aggregation) -> Any:
        batch, _, width = messages.type().sizes()
        operator = f"{DOMAIN}::EdgeAggregate"
        out = g.op(operator, messages, pairs, n_nodes_i=n_nodes, aggregation_s=aggregation)
        return out.setType(messages.type().with_sizes([batch, n_nodes, 2 * width]))


class QuantizedMLP(nn.Sequential):
    """Linear, ReLU, ..., Linear on quantized values, with ``bits``; the output is signed."""

    def __init__(self, inputs: int, outputs: int, network: NetworkFormat, bits: MlpBits) -> None:
        modules: list[nn.Module] = []
        for _ in range(network.mlp_layers):
            modules.append(linear(inputs, network.hidden, bits))
            modules.append(relu(bits.hidden, network.rounding))
            inputs = network.hidden
        modules.append(linear(inputs, outputs, bits))
        super().__init__(*modules, requantizer(bits.output, network.rounding))

    def integer_layers(self) -> tuple[IntegerLayer, ...]:
        """Return the layers as integers."""
        modules = list(self)
        return tuple(integer_layer(modules[i], modules[i + 1]) for i in range(0, len(modules), 2))


class QuantizedInteractionLayer(nn.Module):
    """One message-passing iteration: the edge update, then the node update."""

    def __init__(self, network: NetworkFormat) -> None:
        super().__init__()
        hidden, bits = network.hidden, network.bits
        self.aggregation = network.aggregation
        self.edge_mlp = QuantizedMLP(3 * hidden, hidden, network, bits.edge_update)
        self.node_mlp = QuantizedMLP(3 * hidden, hidden, network, bits.node_update)
        self.aggregate = requantizer(bits.aggregate, network.rounding)

    def forward(self, x: Tensor, e: Tensor, pairs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the new ``x`` [..., N, H] and ``e`` [..., E, H]."""
        e = self.edge_mlp(torch.cat((EdgeGather.apply(x, pairs), e), dim=-1))
        a = self.aggregate(EdgeAggregate.apply(e, pairs, int(x.shape[-2]), self.aggregation))
        return self.node_mlp(torch.cat((x, a), dim=-1)), e


class Student(nn.Module):
    """Interaction network of ``contract.network``, quantized for training and export.

    ``calibrate`` it once before training or export; ``torch.manual_seed`` fixes the initial
    weights. Weight and bias ranges follow their maxima, activation ranges are learned
    parameters; ``state_dict`` holds all of them as plain tensors.
    """

    def __init__(self, contract: Contract) -> None:
        super().__init__()
        network, features, bits = contract.network, contract.features, contract.network.bits
        hidden = network.hidden
        self.network = network
        self.node_input = feature_quantizer(features.format)
        self.edge_input = feature_quantizer(features.format)
        self.node_encoder = QuantizedMLP(len(features.node), hidden, network, bits.node_encoder)
        self.edge_encoder = QuantizedMLP(len(features.edge), hidden, network, bits.edge_encoder)
        self.layers = nn.ModuleList(
            QuantizedInteractionLayer(network)
            for _ in range(1 if network.shared_weights else network.iterations)
        )
        self.decoder = QuantizedMLP(3 * hidden, 1, network, bits.decoder)

    def forward(self, node_features: Tensor, edge_features: Tensor, edge_index: Tensor) -> Tensor:
        """Return one logit per edge [E], on the grid of the score format.

        ``node_features`` [N, Fn] and ``edge_features`` [E, Fe] are float32 on the grid of the
        feature format, ``edge_index`` [2, E] int64 (row 0 source, row 1 destination).
        """
        return self.score(node_features, edge_features, edge_index.T).squeeze(-1)

    def score(self, node_features: Tensor, edge_features: Tensor, pairs: Tensor) -> Tensor:
        """Return the logits [..., E, 1] of the edges listed in ``pairs`` [..., E, 2]."""
        return self.decode(*self.states(node_features, edge_features, pairs), pairs)

    def states(
        self, node_features: Tensor, edge_features: Tensor, pairs: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the states of nodes [..., N, H] and edges [..., E, H] after the iterations."""
        x = self.node_encoder(self.node_input(node_features))
        e = self.edge_encoder(self.edge_input(edge_features))
        for layer in self._iterations:
            x, e = layer(x, e, pairs)
        return x, e

    def decode(self, x: Tensor, e: Tensor, pairs: Tensor) -> Tensor:
        """Return the logits [..., E, 1] of ``states``."""
        logits: Tensor = self.decoder(torch.cat((EdgeGather.apply(x, pairs), e), dim=-1))
        return logits

    @property
    def _iterations(self) -> list[nn.Module]:
        return [self.layers[i % len(self.layers)] for i in range(self.network.iterations)]

    def load_float(self, network: InteractionNetwork) -> None:
        """Take over the weights of a float network of the same shape.

        Batch norms are folded into the Linears before them; then the units between two Linears
        are scaled so that both use their range (Nagel et al., arXiv:1906.04721), which a ReLU lets
        through. Raises ``FpgaGnnError`` for other shapes or a norm that cannot be folded.
        """
        mine, theirs = _mlps(self), _mlps(network)
        if len(mine) != len(theirs):
            raise FpgaGnnError(f"float network: found {len(theirs)} MLPs, expected {len(mine)}")
        for target, source in zip(mine, theirs, strict=True):
            _load_mlp(target, source)

    def calibrate(self, graphs: Iterable[tuple[Tensor, Tensor, Tensor]]) -> None:
        """Set the activation ranges from the statistics of ``graphs`` (arguments of forward)."""
        with torch.no_grad(), calibrating(self):
            for node_features, edge_features, edge_index in graphs:
                self(node_features, edge_features, edge_index)

    def integer_network(self) -> IntegerNetwork:
        """Return the network as integers, read from the quantizers."""
        layers = self._iterations
        return IntegerNetwork(
            features=activation_format(self.node_input),
            node_encoder=self.node_encoder.integer_layers(),
            edge_encoder=self.edge_encoder.integer_layers(),
            edge_updates=tuple(layer.edge_mlp.integer_layers() for layer in layers),
            aggregates=tuple(activation_format(layer.aggregate) for layer in layers),
            node_updates=tuple(layer.node_mlp.integer_layers() for layer in layers),
            decoder=self.decoder.integer_layers(),
            aggregation=self.network.aggregation,
            rounding=self.network.rounding,
        )


def require_exact(network: IntegerNetwork) -> None:
    """Raise ``FpgaGnnError`` when an accumulator could leave float32's exact integers."""
    for mlp in network_mlps(network):
        for i, (layer, inputs) in enumerate(mlp.layers_with_inputs()):
            bound, _ = accumulator_bound(layer, inputs)
            if bound > EXACT_LIMIT:
                raise FpgaGnnError(
                    f"{mlp.name}[{i}]: accumulator may reach {bound} LSB, expected at most "
                    f"{EXACT_LIMIT} (float32); use fewer weight, bias or activation bits"
                )


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


def _mlps(module: nn.Module) -> list[nn.Sequential]:
    return [part for part in module.modules() if isinstance(part, nn.Sequential)]


def _load_mlp(target: nn.Sequential, source: nn.Sequential) -> None:
    mine = [layer for layer in target if isinstance(layer, nn.Linear)]
    theirs = _folded(source)
    shapes = [tuple(layer.weight.shape) for layer in mine]
    found = [tuple(weight.shape) for weight, _ in theirs]
    if shapes != found:
        raise FpgaGnnError(f"float network: found layers {found}, expected {shapes}")
    _balance(theirs)
    with torch.no_grad():
        for layer, (weight, bias) in zip(mine, theirs, strict=True):
            layer.weight.copy_(weight)
            layer.bias.copy_(bias)


def _folded(source: nn.Sequential) -> list[tuple[Tensor, Tensor]]:
    """Return weight and bias of each Linear, the batch norm behind it folded in."""
    layers: list[tuple[Tensor, Tensor]] = []
    for module in source:
        if isinstance(module, nn.Linear):
            layers.append((module.weight.detach().clone(), module.bias.detach().clone()))
        elif isinstance(module, nn.BatchNorm1d):
            weight, bias = layers.pop()
            assert module.running_mean is not None
            assert module.running_var is not None
            gain = module.weight.detach() / (module.running_var + module.eps).sqrt()
            shift = module.bias.detach() - module.running_mean * gain
            layers.append((weight * gain[:, None], bias * gain + shift))
        elif not isinstance(module, nn.ReLU):
            name = type(module).__name__
            raise FpgaGnnError(f"float network: found {name}, expected batch norm or none")
    return layers


def _balance(layers: list[tuple[Tensor, Tensor]]) -> None:
    """Scale the units between two Linears to equal ranges of both, in place.

    The bias counts: of a unit of hardly any weight it would else take the range of all others.
    A unit that nothing reads becomes zero.
    """
    for (weight, bias), (following, _) in pairwise(layers):
        ahead = torch.maximum(weight.abs().amax(1), bias.abs())
        behind = following.abs().amax(0)
        alive = (ahead > 0) & (behind > 0)
        scale = torch.where(alive, (behind / ahead).sqrt(), torch.ones_like(ahead))
        weight *= scale[:, None]
        bias *= scale
        following /= scale
        weight[behind == 0] = 0
        bias[behind == 0] = 0
