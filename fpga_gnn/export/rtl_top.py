"""The top module of the edge classifier's RTL: encoders, a stage per iteration, decoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fpga_gnn.contract import Contract, IntegerNetwork
from fpga_gnn.contract.structure import aggregate_format, index_format
from fpga_gnn.export.da4ml_verilog import MlpModule

TOP = "edge_classifier"
COUNTERS = ("edge_cycles", "edge_count")
"""Status words of a stage, see ``edge_gather.sv``; the top's end with the stage's number."""

_STREAM = ("data", "valid", "ready", "last")

_FULL_RATE = 4
"""Rows that a FIFO behind a pipeline holds beyond its latency, see ``credit_pipeline.sv``."""


@dataclass(frozen=True)
class TopModule:
    """The top module's text, and the bits of its streams and status words."""

    name: str
    text: str
    inputs: Mapping[str, int]
    outputs: Mapping[str, int]
    status: Mapping[str, int]


def top_module(
    network: IntegerNetwork, contract: Contract, modules: Mapping[str, MlpModule]
) -> TopModule:
    """Return the top module, which joins the stages of ``hls/rtl/`` and ``modules``.

    ``modules`` holds the MLPs by their names in ``network_mlps``.
    """
    shape, ends = contract.partition, 2 * index_format(contract).bits
    x, e, decoder = (modules[name] for name in ("node_encoder", "edge_encoder", "decoder"))
    inputs = {"nodes": x.row_bits, "edges": e.row_bits + ends}
    outputs = {"scores": decoder.result_bits}
    stages = range(network.iterations + 1)
    status = {f"{name}_{stage}": 32 for stage in stages for name in COUNTERS}
    ports = [
        *("input logic clk", "input logic rst"),
        *(port for name, bits in inputs.items() for port in _ports(name, bits, "input", "output")),
        *(port for name, bits in outputs.items() for port in _ports(name, bits, "output", "input")),
        *(f"output logic [{bits - 1}:0] {name}" for name, bits in status.items()),
    ]
    body = [*_node_encoder(x), *_edge_encoder(e, ends)]
    for k in range(network.iterations):
        sizes = {"MAX_NODES": shape.max_nodes, "X_BITS": x.result_bits, "E_BITS": e.result_bits}
        pins = {**_CLOCK, **_joined("nodes", f"x_{k}"), **_joined("edges", f"e_{k}")}
        e, x = modules[f"edge_updates[{k}]"], modules[f"node_updates[{k}]"]
        parameters = {
            **sizes,
            "MAX_EDGES": shape.max_edges,
            "NEXT_X_BITS": x.result_bits,
            "EDGE_LATENCY": e.latency,
            "NODE_LATENCY": x.latency,
            **_aggregation(network, contract, k),
        }
        pins |= {
            **_counters(k),
            **_mlp_pins("edge", e),
            **_mlp_pins("node", x),
            **_joined("next_nodes", f"x_{k + 1}"),
            **_joined("next_edges", f"e_{k + 1}"),
        }
        body += [
            *_mlp(e),
            *_mlp(x),
            *_wires(f"x_{k + 1}", x.result_bits),
            *_wires(f"e_{k + 1}", e.result_bits + ends),
            *_instance("interaction_stage", f"iteration_{k}", parameters, pins),
        ]
    last = network.iterations
    parameters = {
        "MAX_NODES": shape.max_nodes,
        "X_BITS": x.result_bits,
        "E_BITS": e.result_bits,
        "SCORE_BITS": decoder.result_bits,
        "LATENCY": decoder.latency,
    }
    pins = {
        **_CLOCK,
        **_joined("nodes", f"x_{last}"),
        **_joined("edges", f"e_{last}"),
        **_counters(last),
        **_mlp_pins("mlp", decoder),
        **_joined("scores", "scores"),
    }
    body += [*_mlp(decoder), *_instance("decoder_stage", "decode", parameters, pins)]
    lines = [
        f"// Edge classifier of the contract {contract.name} ({contract.sha256[:12]}).",
        f"module {TOP} (",
        ",\n".join(f"    {port}" for port in ports),
        ");",
        *(f"    {line}" for line in body),
        "endmodule\n",
    ]
    return TopModule(TOP, "\n".join(lines), inputs, outputs, status)


def _node_encoder(mlp: MlpModule) -> Iterator[str]:
    yield from _mlp(mlp)
    yield from _wires("x_0", mlp.result_bits)
    yield f"assign {mlp.name}_row = nodes_data;"
    yield from _encoder("nodes", "x_0", mlp, mlp.result_bits, f"{mlp.name}_result")


def _edge_encoder(mlp: MlpModule, ends: int) -> Iterator[str]:
    """The ends of an edge, in the low bits of its row, travel beside the MLP."""
    delay = {"WIDTH": ends, "CYCLES": mlp.latency}
    pins = {"clk": "clk", "in_row": f"edges_data[0+:{ends}]", "out_row": "encoded_ends"}
    bits = mlp.result_bits + ends
    yield from _mlp(mlp)
    yield from _wires("e_0", bits)
    yield f"logic [{ends - 1}:0] encoded_ends;"
    yield f"assign {mlp.name}_row = edges_data[{ends}+:{mlp.row_bits}];"
    yield from _instance("delay_line", "beside_the_encoder", delay, pins)
    yield from _encoder("edges", "e_0", mlp, bits, f"{{{mlp.name}_result, encoded_ends}}")


def _encoder(stream: str, out: str, mlp: MlpModule, bits: int, result: str) -> Iterator[str]:
    parameters = {"LATENCY": mlp.latency, "WIDTH": bits, "DEPTH": mlp.latency + _FULL_RATE}
    pins = {
        **_CLOCK,
        **{f"in_{signal}": f"{stream}_{signal}" for signal in ("valid", "ready", "last")},
        "result": result,
        "result_valid": "",
        "result_last": "",
        **_joined("out", out),
    }
    yield from _instance("credit_pipeline", f"encode_{stream}", parameters, pins)


def _aggregation(network: IntegerNetwork, contract: Contract, k: int) -> dict[str, int]:
    """Return the parameters of iteration ``k`` that say how messages are joined and narrowed."""
    last, target = network.edge_updates[k][-1], network.aggregates[k]
    joined = aggregate_format(last.output, network.aggregation, contract.partition.max_edges)
    return {
        "COLUMNS": len(last.weight),
        "MESSAGE_BITS": last.output.bits,
        "MESSAGE_SIGNED": int(last.output.signed),
        "MAXIMUM": int(network.aggregation == "max"),
        "SUM_BITS": joined.bits,
        "SHIFT": joined.frac - target.frac,
        "A_BITS": target.bits,
        "A_SIGNED": int(target.signed),
        "HALF_EVEN": int(network.rounding == "half_even"),
    }


_CLOCK = {"clk": "clk", "rst": "rst"}


def _joined(port: str, wires: str) -> dict[str, str]:
    return {f"{port}_{signal}": f"{wires}_{signal}" for signal in _STREAM}


def _mlp_pins(port: str, mlp: MlpModule) -> dict[str, str]:
    return {f"{port}_{end}": f"{mlp.name}_{end}" for end in ("row", "result")}


def _counters(stage: int) -> dict[str, str]:
    return {name: f"{name}_{stage}" for name in COUNTERS}


def _mlp(mlp: MlpModule) -> Iterator[str]:
    yield f"logic [{mlp.row_bits - 1}:0] {mlp.name}_row;"
    yield f"logic [{mlp.result_bits - 1}:0] {mlp.name}_result;"
    pins = {"clk": "clk", "row": f"{mlp.name}_row", "result": f"{mlp.name}_result"}
    yield from _instance(mlp.name, f"{mlp.name}_mlp", {}, pins)


def _wires(name: str, bits: int) -> Iterator[str]:
    yield f"logic [{bits - 1}:0] {name}_data;"
    yield f"logic {name}_valid, {name}_ready, {name}_last;"


def _ports(name: str, bits: int, forward: str, backward: str) -> Iterator[str]:
    yield f"{forward} logic [{bits - 1}:0] {name}_data"
    yield f"{forward} logic {name}_valid"
    yield f"{backward} logic {name}_ready"
    yield f"{forward} logic {name}_last"


def _instance(
    module: str, name: str, parameters: Mapping[str, int], pins: Mapping[str, str]
) -> Iterator[str]:
    values = ", ".join(f".{parameter}({value})" for parameter, value in parameters.items())
    yield f"{module} #({values}) {name} (" if values else f"{module} {name} ("
    *first, last = (f"    .{pin}({wire})" for pin, wire in pins.items())
    yield from (f"{pin}," for pin in first)
    yield last
    yield ");"
