"""The edge classifier's RTL, simulated cycle by cycle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict
from pydantic import Field as PydanticField

from fpga_gnn.contract import Contract, read_json
from fpga_gnn.contract.bounded import Identifier, Name
from fpga_gnn.contract.fixed_point import Int64
from fpga_gnn.contract.structure import index_format
from fpga_gnn.errors import CapacityError, InputError
from fpga_gnn.files import inside
from fpga_gnn.hw.rows import Field, RowWords, pack_rows, unpack_rows
from fpga_gnn.hw.verilator import RtlModule, Simulation, Stalls, Stream, build

_DESIGN = "a design; write one with fpga-gnn synth"
_Bits = Annotated[int, PydanticField(ge=1, le=1 << 16)]


class RtlManifest(BaseModel):
    """``design.json`` of a folder that ``export.rtl_design`` wrote: the contract's hash, the top
    with the bits of its streams and status words, the files of ours and the generated ones."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    contract: str
    top: Identifier
    inputs: dict[Identifier, _Bits]
    outputs: dict[Identifier, _Bits]
    status: dict[Identifier, _Bits]
    sources: list[Name]
    generated: list[Name]


@dataclass(frozen=True, eq=False)
class ClassifierInput:
    """A partition's real rows: ``node_features`` [N, Fn] and ``edge_features`` [E, Fe] in LSB of
    the contract's feature format (larger values saturate), ``src``, ``dst`` [E] node indices."""

    node_features: Int64
    edge_features: Int64
    src: Int64
    dst: Int64


@dataclass(frozen=True, eq=False)
class RtlScores:
    """What a simulation gave: ``scores`` [E] per partition in LSB, and its cycles (``rtl-sim``).

    ``finished`` [P] is the cycle of each partition's last score, counted from the reset; -1 for a
    partition without edges, which needs none. ``edge_cycles`` and ``edges`` [stages] are, per
    iteration and for the decoder, the cycles between first and last edge of the partitions, both
    included, and the edges.
    """

    scores: list[Int64]
    finished: Int64
    edge_cycles: Int64
    edges: Int64

    @property
    def stalls(self) -> Int64:
        """Cycles [stages] between a partition's edges in which none entered; 0 means II = 1."""
        return self.edge_cycles - self.edges


class RtlEdgeClassifier:
    """The design in ``folder``, compiled by Verilator on first use and kept in the user's cache.

    Raises ``InputError`` for a folder without a design or one of another contract,
    ``ToolMissingError`` without Verilator or a C++ compiler.
    """

    def __init__(self, folder: Path, contract: Contract) -> None:
        self.contract = contract
        self._simulation: Simulation = build(classifier_module(folder, contract))

    def run(self, partitions: Sequence[ClassifierInput], stalls: Stalls | None = None) -> RtlScores:
        """Score ``partitions``, one right after the other; same law as
        ``reference.interaction_network.score``.

        Partitions without edges have no scores, and are not sent. Raises ``CapacityError`` for
        more nodes or edges than the design has slots for and ``InputError`` for an edge to no node.
        """
        for partition in partitions:
            self._require_fits(partition)
        sent = [i for i, partition in enumerate(partitions) if len(partition.src)]
        scores = [np.zeros(0, dtype=np.int64) for _ in partitions]
        finished = np.full(len(partitions), -1, dtype=np.int64)
        n_stages = self.contract.network.iterations + 1
        if not sent:
            nothing = np.zeros(n_stages, dtype=np.int64)
            return RtlScores(scores, finished, nothing, nothing)
        run = self._simulation.run(
            {
                "nodes": [self._nodes(partitions[i]) for i in sent],
                "edges": [self._edges(partitions[i]) for i in sent],
            },
            stalls=stalls,
        )
        field = [Field(self.contract.network.bits.decoder.output, signed=True)]
        for i, rows in zip(sent, run.outputs["scores"], strict=True):
            scores[i] = unpack_rows(field, rows)[0]
        finished[sent] = run.transfers["scores"][:, 1]
        edge_cycles, edges = (
            np.array([run.status[f"{name}_{stage}"] for stage in range(n_stages)], dtype=np.int64)
            for name in ("edge_cycles", "edge_count")
        )
        return RtlScores(scores, finished, edge_cycles, edges)

    def _require_fits(self, partition: ClassifierInput) -> None:
        shape, n_nodes = self.contract.partition, len(partition.node_features)
        for what, need, slots in (
            ("nodes", n_nodes, shape.max_nodes),
            ("edges", len(partition.src), shape.max_edges),
        ):
            if need > slots:
                raise CapacityError(
                    f"edge classifier: {need} {what}, capacity {slots}; raise partition.max_{what}"
                )
        for name, ends in (("src", partition.src), ("dst", partition.dst)):
            bad = np.flatnonzero((ends < 0) | (ends >= n_nodes))
            if bad.size:
                raise InputError(f"{name} of edge {bad[0]}", int(ends[bad[0]]), f"0..{n_nodes - 1}")

    def _nodes(self, partition: ClassifierInput) -> RowWords:
        form = self.contract.features.format
        columns = form.saturate(partition.node_features).T
        return pack_rows([Field(form.bits, form.signed)] * len(columns), columns)

    def _edges(self, partition: ClassifierInput) -> RowWords:
        form, index = self.contract.features.format, Field(index_format(self.contract).bits)
        columns = form.saturate(partition.edge_features).T
        fields = [index, index, *[Field(form.bits, form.signed)] * len(columns)]
        return pack_rows(fields, [partition.src, partition.dst, *columns])


def classifier_module(folder: Path, contract: Contract) -> RtlModule:
    """Return the design that ``export.rtl_design`` wrote to ``folder``.

    Raises ``InputError`` for a folder without a design or one of another contract.
    """
    manifest = read_json(folder / "design.json", RtlManifest, _DESIGN)
    contract.require_hash(manifest.contract, folder)
    return RtlModule(
        top=manifest.top,
        sources=tuple(inside(folder, name) for name in manifest.sources),
        inputs=tuple(Stream(*port) for port in manifest.inputs.items()),
        outputs=tuple(Stream(*port) for port in manifest.outputs.items()),
        status=manifest.status,
        generated=tuple(inside(folder, name) for name in manifest.generated),
    )
