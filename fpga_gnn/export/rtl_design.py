"""The edge classifier as RTL: da4ml's MLPs between our own modules, in one folder.

The top is written by ``rtl_top``, the MLPs by ``da4ml_verilog``; all other modules are copies of
those in ``hls/rtl/``.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from fpga_gnn.contract import Contract, IntegerNetwork, PartitionShape
from fpga_gnn.contract.structure import network_mlps
from fpga_gnn.errors import InputError
from fpga_gnn.export.da4ml_verilog import mlp_module, operator_sources
from fpga_gnn.export.rtl_top import top_module
from fpga_gnn.resources import resource_dir

DESIGN = "design.json"
"""What the folder holds: ``hw.rtl_classifier.RtlManifest``."""

_MODULES = (
    *("credit_pipeline", "decoder_stage", "delay_line", "edge_gather", "interaction_stage"),
    *("node_sums", "requantize", "row_memory", "stream_fifo"),
)


@dataclass(frozen=True)
class RtlDesign:
    """A written design: its ``folder``, capacities and the latencies of its MLPs, in cycles.

    ``edge_updates`` and ``node_updates`` hold one latency per iteration.
    """

    folder: Path
    shape: PartitionShape
    node_encoder: int
    edge_updates: tuple[int, ...]
    node_updates: tuple[int, ...]
    decoder: int

    def interval(self, n_nodes: int, n_edges: int) -> int:
        """Return the cycles from one partition to the next, all of this size, in a full chain.

        An iteration's edges wait until the next one has the nodes. If they almost fill their
        slots, of which there are at least 32, the next partition's edges wait too.
        """
        return max(
            n_nodes + n_edges + edge + 3 + max(n_edges + node + 5 - self.shape.max_edges, 0)
            for edge, node in zip(self.edge_updates, self.node_updates, strict=True)
        )

    def latency(self, n_nodes: int, n_edges: int) -> int:
        """Return the cycles from a partition's first row to its last score, in an empty chain."""
        iterations = sum(
            n_nodes + n_edges + edge + node + 7
            for edge, node in zip(self.edge_updates, self.node_updates, strict=True)
        )
        return self._first_edge(n_nodes) + iterations + n_edges + self.decoder + 3

    def after_reset(self, n_nodes: int) -> int:
        """Return the cycles by which the first partition waits until the sums are cleared."""
        return max(self.shape.max_nodes - self._first_edge(n_nodes), 0)

    def _first_edge(self, n_nodes: int) -> int:
        return self.node_encoder + 2 + n_nodes


def write_rtl_design(network: IntegerNetwork, contract: Contract, folder: Path) -> RtlDesign:
    """Write the design of ``network`` into ``folder``; equal arguments write equal files.

    The top ``edge_classifier`` has streams ``nodes`` (features), ``edges`` (source, destination,
    features) and ``scores``. A partition is one packet on each, of its real rows only: at least
    one node and one edge. Raises ``InputError`` for a folder of something else and
    ``FpgaGnnError`` for a network that da4ml cannot build.
    """
    modules = {mlp.name: mlp_module(mlp, network.rounding) for mlp in network_mlps(network)}
    generated = {f"{module.name}.v": module.text for module in modules.values()}
    generated |= operator_sources()
    own = {file.name: file.read_text(encoding="utf-8") for file in map(_source, _MODULES)}
    top = top_module(network, contract, modules)
    own |= {f"{top.name}.sv": top.text}
    description = {
        "contract": contract.sha256,
        "top": top.name,
        "inputs": top.inputs,
        "outputs": top.outputs,
        "status": top.status,
        "sources": sorted(own),
        "generated": sorted(generated),
    }
    texts = {**own, **generated, DESIGN: json.dumps(description, indent=2) + "\n"}
    if folder.exists() and any(folder.iterdir()) and not (folder / DESIGN).is_file():
        raise InputError(folder, "files of something else", "an empty folder or an RTL design")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    iterations = range(network.iterations)
    return RtlDesign(
        folder=folder,
        shape=contract.partition,
        node_encoder=modules["node_encoder"].latency,
        edge_updates=tuple(modules[f"edge_updates[{k}]"].latency for k in iterations),
        node_updates=tuple(modules[f"node_updates[{k}]"].latency for k in iterations),
        decoder=modules["decoder"].latency,
    )


def _source(module: str) -> Path:
    return resource_dir("hls") / "rtl" / f"{module}.sv"
