"""Drawn classifiers measured with Yosys, for the laws of ``report.rtl_estimates``."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from fpga_gnn.contract import Contract, IntegerNetwork, load_contract, parse_contract
from fpga_gnn.contract.structure import network_mlps
from fpga_gnn.flows.drawn_network import drawn_network
from fpga_gnn.flows.rtl_synthesis import classifier_kernel, synthesise_parts
from fpga_gnn.hw.yosys import find_yosys
from fpga_gnn.report.resource_fit import MeasuredClassifier, MeasuredMlp, ResourceFit, fit
from fpga_gnn.report.rtl_estimates import (
    layer_shapes,
    memories_resources,
    stage_shape,
)


@dataclass(frozen=True)
class Drawn:
    """A network to draw: bits of weights and activations, share of nonzero weights, slots."""

    hidden: int
    weight_bits: int
    bits: int
    density: float
    nodes: int
    edges: int
    iterations: int = 1
    mlp_layers: int = 1

    @property
    def name(self) -> str:
        """Name of the contract."""
        return (
            f"h{self.hidden}-w{self.weight_bits}-a{self.bits}-d{round(100 * self.density)}"
            f"-i{self.iterations}-l{self.mlp_layers}-{self.nodes}x{self.edges}"
        )

    def contract(self) -> Contract:
        """Return the contract ``small`` with this shape."""
        data = load_contract("small").model_dump()
        widths = {"weight": self.weight_bits, "bias": 8, "hidden": self.bits, "output": self.bits}
        roles = data["network"]["bits"]
        roles |= {role: dict(widths) for role in roles if role != "aggregate"}
        roles["aggregate"], roles["decoder"]["output"] = self.bits, 12
        data["network"] |= {
            "hidden": self.hidden,
            "iterations": self.iterations,
            "mlp_layers": self.mlp_layers,
        }
        data |= {"name": self.name, "partition": {"max_nodes": self.nodes, "max_edges": self.edges}}
        return parse_contract(data, self.name)

    def network(self) -> IntegerNetwork:
        """Return the network."""
        return drawn_network(self.contract(), self.density, seed=self.hidden)


FITTED = (
    Drawn(4, 8, 8, 1.0, 64, 128),
    Drawn(8, 6, 6, 0.3, 512, 1024, iterations=2),
    Drawn(8, 4, 4, 0.5, 2048, 4096),
    Drawn(8, 8, 4, 0.4, 1024, 2048),
    Drawn(12, 3, 8, 0.5, 256, 512, mlp_layers=2),
    Drawn(16, 8, 8, 0.1, 8192, 24576),
    Drawn(16, 5, 6, 0.25, 1024, 4096),
    Drawn(16, 3, 4, 0.3, 4096, 8192),
    Drawn(16, 8, 6, 0.15, 512, 2048, mlp_layers=2),
    Drawn(24, 6, 8, 0.12, 4096, 12288),
    Drawn(32, 4, 4, 0.15, 8192, 16384),
    Drawn(32, 8, 8, 0.08, 8192, 24576),
)
"""The networks that the shipped fit is made of."""


HELD_OUT = (
    Drawn(6, 7, 7, 0.6, 128, 256, iterations=2),
    Drawn(10, 5, 8, 0.35, 2048, 6144),
    Drawn(20, 6, 6, 0.15, 4096, 8192),
    Drawn(28, 8, 7, 0.1, 8192, 16384),
)
"""The networks whose counts tell the error of an estimate."""


def measure_fit(announce: Callable[[str], None]) -> ResourceFit:
    """Measure all networks and fit the laws; takes most of an hour on one core.

    ``announce`` gets a line before each part. Raises ``ToolMissingError`` without Yosys.
    """
    tools = {"yosys": find_yosys().version, "da4ml": importlib.metadata.version("da4ml")}
    fitted = tuple(measure(drawn, announce) for drawn in FITTED)
    held_out = tuple(measure(drawn, announce) for drawn in HELD_OUT)
    return ResourceFit(tools=tools, fitted=fitted, coefficients=fit(fitted), held_out=held_out)


def measure(drawn: Drawn, announce: Callable[[str], None]) -> MeasuredClassifier:
    """Synthesise the classifier of a drawn network part by part."""
    network, contract = drawn.network(), drawn.contract()
    with TemporaryDirectory() as folder:
        kernel = classifier_kernel(network, contract, Path(folder))
        parts = synthesise_parts(kernel, lambda line: announce(f"{drawn.name}, {line}"))
        *mlps, stages = [report.used for _, _, report in parts]
    return MeasuredClassifier(
        name=drawn.name,
        mlps=tuple(
            MeasuredMlp(name=mlp.name, layers=layer_shapes(mlp), used=used)
            for mlp, used in zip(network_mlps(network), mlps, strict=True)
        ),
        stages=stage_shape(network, contract),
        memories=memories_resources(network, contract),
        used=stages,
    )
