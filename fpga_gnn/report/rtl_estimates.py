"""What the edge classifier's RTL will take, from its network alone: estimates.

Laws with coefficients that ``report.resource_fit`` fits to counts of Yosys; block memories are
counted as Yosys chooses them. An estimate takes milliseconds, a synthesis minutes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from fpga_gnn.contract import Contract, IntegerLayer, IntegerNetwork
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.contract.structure import Mlp, aggregate_format, index_format, network_mlps
from fpga_gnn.report.csynth import Resources
from fpga_gnn.report.resources import added

_URAM_ROWS, _URAM_BITS = 4096, 72
_BRAM_18K_BITS = {16384: 1, 8192: 2, 4096: 4, 2048: 9, 1024: 18, 512: 36}
"""Bits of a row for each depth of half a block RAM; 36 if only one port reads or writes."""
_COSTS = {"lut": 2.0, "bram_18k": 128.5, "uram": 1024.0}
"""What Yosys weighs when it chooses a memory, per LUT and per block."""
_SHORT_FIFO = 32
"""Rows in the FIFO behind an MLP, up to which its LUTs are the same."""
_PIPELINE = 10
"""Cycles from a partition's last edge to its first node: 3, and the 4 to 9 of an edge update."""


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class LayerLaw(_Value):
    """LUTs or flip-flops of a layer: those of its signed digits, each an adder before parts are
    shared, and those of its outputs, whose first terms need none.

    With the names of ``LayerShape``: ``scale * digits * (digits / columns) ** -sharing *
    (input_bits + growth * (sum_bits - input_bits)) + row * rows * sum_bits``.
    """

    scale: float
    sharing: float
    growth: float
    row: float


class StageLaw(_Value):
    """LUTs or flip-flops of the stages beside MLPs and memories: per bit of the nodes' sums, per
    bit of states that a stage takes, and per stage."""

    sums: float
    states: float
    stage: float


class Coefficients(_Value):
    """The laws of LUTs and flip-flops (FF)."""

    mlp_lut: LayerLaw
    mlp_ff: LayerLaw
    stage_lut: StageLaw
    stage_ff: StageLaw


@dataclass(frozen=True)
class LayerShape:
    """What decides the size of a layer.

    Signed digits of all weights that count, input ``columns`` that are read with their mean bits,
    and ``rows`` of outputs that are read with the mean bits of their exact sums.
    """

    digits: int
    columns: int
    input_bits: float
    rows: int
    sum_bits: float


@dataclass(frozen=True)
class StageShape:
    """Bits of all rows: sums of both directions of all iterations, and states into all stages."""

    sums: int
    states: int
    stages: int


@dataclass(frozen=True)
class Memory:
    """A memory of ``rows`` of ``bits``: one port writes, the other reads, or ``both`` read."""

    rows: int
    bits: int
    both: bool = False


def layer_shapes(mlp: Mlp) -> tuple[LayerShape, ...]:
    """Return the layers of ``mlp`` without the outputs that no later layer reads."""
    shapes, read = list[LayerShape](), np.ones(len(mlp.layers[-1].weight), dtype=np.bool_)
    for layer, inputs in reversed(list(mlp.layers_with_inputs())):
        weight = layer.weight[read]
        weight = weight[weight.any(axis=1)]
        read = np.asarray(weight.any(axis=0))
        bits = np.array([column.bits for column in inputs])
        sizes = np.array([2.0 ** (column.bits - column.signed) for column in inputs])
        shapes.append(
            LayerShape(
                digits=_signed_digits(weight),
                columns=int(np.count_nonzero(read)),
                input_bits=_mean(bits[read]),
                rows=len(weight),
                sum_bits=_mean(np.log2(np.abs(weight) @ sizes)),
            )
        )
    return tuple(reversed(shapes))


def stage_shape(network: IntegerNetwork, contract: Contract) -> StageShape:
    """Return what the classifier's stages are made for."""
    nodes, edges = _states(network)
    sums = sum(2 * _sum_bits(network, contract, k) for k in range(network.iterations))
    return StageShape(sums, sum(nodes) + sum(edges), network.iterations + 1)


def classifier_memories(network: IntegerNetwork, contract: Contract) -> Iterator[Memory]:
    """Yield the memories of the RTL in ``hls/rtl/``: node rows, sums, and FIFOs of rows."""
    shape, ends = contract.partition, 2 * index_format(contract).bits
    nodes, edges = _states(network)
    score = network.score.bits
    yield from (Memory(_SHORT_FIFO, bits + 1) for bits in (nodes[0], edges[0] + ends, score))
    yield from (Memory(shape.max_nodes, bits, both=True) for bits in nodes)
    for k in range(network.iterations):
        yield Memory(shape.max_edges, edges[k + 1] + ends + 1)
        yield Memory(_SHORT_FIFO, nodes[k + 1] + 1)
        yield from [Memory(shape.max_nodes, _sum_bits(network, contract, k))] * 2


def memory_resources(memory: Memory) -> Resources:
    """Return what a memory with output registers takes: LUTs, block RAM or UltraRAM.

    LUTs include multiplexers, which Yosys puts behind deep memories.
    """
    short = memory.rows <= 32
    per_unit = (8 if short else 4) if memory.both else (14 if short else 7)
    lut = 8 * math.ceil(memory.bits / per_unit) * math.ceil(memory.rows / 64)
    bram = min(
        math.ceil(memory.bits / bits) * math.ceil(memory.rows / rows)
        for rows, bits in _BRAM_18K_BITS.items()
        if bits < 36 or not memory.both
    )
    uram = min(
        math.ceil(memory.bits / (_URAM_BITS // packed))
        * math.ceil(memory.rows / (_URAM_ROWS * packed))
        for packed in (1, 2, 4, 8)
    )
    counts = {"lut": lut, "bram_18k": bram, "uram": uram}
    best = min(counts, key=lambda kind: _COSTS[kind] * counts[kind])
    used = {"lut": 0, "ff": 0, "dsp": 0, "bram_18k": 0, "uram": 0, best: counts[best]}
    if best == "uram":
        used["lut"] = (1 + memory.both) * memory.bits * _multiplexer(memory.rows / _URAM_ROWS)
    return Resources(**used)


def memories_resources(network: IntegerNetwork, contract: Contract) -> Resources:
    """Return what all memories of one lane take."""
    return added(memory_resources(memory) for memory in classifier_memories(network, contract))


def classifier_resources(
    network: IntegerNetwork, contract: Contract, fitted: Coefficients
) -> tuple[Resources, Resources]:
    """Return the resources of all MLPs of one lane, and of its stages with their memories."""
    layers = [shape for mlp in network_mlps(network) for shape in layer_shapes(mlp)]
    mlps, stages = logic_resources(layers, stage_shape(network, contract), fitted)
    return mlps, added([stages, memories_resources(network, contract)])


def logic_resources(
    layers: Sequence[LayerShape], stages: StageShape, fitted: Coefficients
) -> tuple[Resources, Resources]:
    """Return LUTs and flip-flops of the MLPs' layers, and of the stages without memories."""
    mlp_lut, mlp_ff = (
        sum(layer_amount(layer, law) for layer in layers) for law in (fitted.mlp_lut, fitted.mlp_ff)
    )
    stage_lut, stage_ff = (stage_amount(stages, law) for law in (fitted.stage_lut, fitted.stage_ff))
    return _logic(mlp_lut, mlp_ff), _logic(stage_lut, stage_ff)


def layer_amount(layer: LayerShape, law: LayerLaw) -> float:
    """Return the LUTs or flip-flops of one layer; nothing without weights."""
    if not layer.digits:
        return 0.0
    shared = layer.digits * math.pow(layer.digits / layer.columns, -law.sharing)
    adder_bits = layer.input_bits + law.growth * (layer.sum_bits - layer.input_bits)
    digits = law.scale * shared * adder_bits
    return max(digits + law.row * layer.rows * layer.sum_bits, 0.0)


def stage_amount(stages: StageShape, law: StageLaw) -> float:
    """Return the LUTs or flip-flops of the stages, memories and MLPs apart."""
    return law.sums * stages.sums + law.states * stages.states + law.stage * stages.stages


def partition_cycles(n_nodes: int, n_edges: int) -> int:
    """Return the cycles after which the next partition can start in a lane.

    An edge per cycle, then a node per cycle, then what is in the pipeline. Partitions that fill all
    edge slots take up to twice the pipeline's cycles more.
    """
    return n_nodes + n_edges + _PIPELINE


def _logic(lut: float, ff: float) -> Resources:
    return Resources(lut=round(lut), ff=round(ff), dsp=0, bram_18k=0, uram=0)


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if values.size else 0.0


def _signed_digits(weight: Int64) -> int:
    """Nonzero digits of all weights' canonical signed-digit forms."""
    size = np.abs(weight)
    return int(np.bitwise_count(size ^ (3 * size)).sum())


def _states(network: IntegerNetwork) -> tuple[list[int], list[int]]:
    """Bits of the rows of node states and edge states, the encoders' first."""

    def bits(last: IntegerLayer) -> int:
        return len(last.weight) * last.output.bits

    nodes = [bits(mlp[-1]) for mlp in (network.node_encoder, *network.node_updates)]
    edges = [bits(mlp[-1]) for mlp in (network.edge_encoder, *network.edge_updates)]
    return nodes, edges


def _sum_bits(network: IntegerNetwork, contract: Contract, k: int) -> int:
    last = network.edge_updates[k][-1]
    joined = aggregate_format(last.output, network.aggregation, contract.partition.max_edges)
    return len(last.weight) * joined.bits


def _multiplexer(inputs: float) -> int:
    """LUTs per bit of what chooses one of so many inputs, or none."""
    if inputs <= 1:
        return 0
    return 1 if inputs <= 4 else math.ceil(inputs / 2)
