"""The numeric contract: everything training, reference and firmware must agree on, in one value."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from fpga_gnn.contract.bounded import Name, Slots
from fpga_gnn.contract.documents import read_yaml, validation_error
from fpga_gnn.contract.fixed_point import FixedPoint, Rounding
from fpga_gnn.errors import InputError
from fpga_gnn.resources import resource_dir

NodeFeature = Literal["r", "phi", "z", "eta"]
EdgeFeature = Literal["dr", "dphi", "dz", "deta", "phi_slope", "r_phi_slope", "z0", "direction"]
Shift = Annotated[int, Field(ge=-8, le=17)]
Bits = Annotated[int, Field(ge=2, le=16)]
Aggregation = Literal["sum", "max"]

CONTRACT_SUFFIXES = (".yaml", ".yml")
"""Of files; a contract without is one of the shipped ones."""
DIRECTION_FRAC = 17
"""Fraction bits of the ``direction`` feature at shift 0."""
PROBABILITY_FRAC = 30
"""Fraction bits of an edge's probability, which DWALK adds up along a path."""
_LARGEST_NUMERATOR = 62
"""Bits of a ratio feature's numerator: integers are int64."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class HitFormat(_Section):
    """The integer hit record: ``length`` for x, y, z, r in mm, ``phi`` in turns, ``eta``.

    ``phi`` is a binary angle: its range is exactly one turn, so integer wrap-around is free.
    """

    length: FixedPoint
    phi: FixedPoint
    eta: FixedPoint

    @model_validator(mode="after")
    def _phi_is_one_turn(self) -> HitFormat:
        if not self.phi.signed or self.phi.bits != self.phi.frac:
            raise ValueError("phi must be signed with bits == frac (a binary angle of one turn)")
        return self


class WindowFormat(_Section):
    """Formats of the module-map cuts; units of the hit record (mm, turns) or their ratios.

    ``phi_slope`` is in phi LSB per length LSB. A bound at the end of its format is open:
    it accepts every value, infinite ones included.
    """

    z0: FixedPoint
    dphi: FixedPoint
    deta: FixedPoint
    phi_slope: FixedPoint
    dydx: FixedPoint
    dzdr: FixedPoint

    def of(self, name: str) -> FixedPoint:
        """Return the format of a ``DOUBLET_WINDOWS`` or ``TRIPLET_WINDOWS`` entry."""
        fixed: FixedPoint = getattr(self, name.removeprefix("inner_").removeprefix("outer_"))
        return fixed


class FeatureFormat(_Section):
    """Classifier inputs: each feature in LSB of ``2**shift`` units, rounded once, half-even, and
    saturated to ``format``.

    The unit is that of the hit record (length, phi, eta) or of its windows: ``phi_slope`` =
    dphi / dr, ``r_phi_slope`` = (r1 + r2) / 2 dphi / dr (unit of phi), ``z0`` = z1 - r1 dz / dr
    (unit of length). ``direction`` = dz / (|dr| + |dz|), a stand-in for the polar angle, has
    the unit 2**-17. x / 0 saturates with the sign of x, 0 / 0 is 0. Columns come in the order of
    ``NodeFeature`` and ``EdgeFeature``, however a file lists them.
    """

    format: FixedPoint
    node: dict[NodeFeature, Shift] = Field(min_length=1)
    edge: dict[EdgeFeature, Shift] = Field(min_length=1)

    @field_validator("node", "edge")
    @classmethod
    def _in_column_order(cls, shifts: dict[str, int]) -> dict[str, int]:
        order = (*get_args(NodeFeature), *get_args(EdgeFeature))
        return {name: shifts[name] for name in order if name in shifts}


class MlpBits(_Section):
    """Bit widths of one role of MLP: weights, biases, hidden activations (unsigned), outputs."""

    weight: Bits
    bias: Bits
    hidden: Bits
    output: Bits


class NetworkBits(_Section):
    """Bit widths of the quantized network by role; the decoder's output is the edge score."""

    node_encoder: MlpBits
    edge_encoder: MlpBits
    edge_update: MlpBits
    node_update: MlpBits
    aggregate: Bits
    decoder: MlpBits


class NetworkFormat(_Section):
    """Shape and number formats of the quantized interaction network.

    ``mlp_layers`` counts the hidden layers of each MLP. With ``shared_weights`` all iterations
    have the same weights. ``aggregation`` joins the messages of a node's edges: their sum, or the
    largest of them and zero. ``rounding`` is that of every activation.
    """

    hidden: int = Field(ge=1, le=256)
    iterations: int = Field(ge=1, le=8)
    mlp_layers: int = Field(ge=1, le=3)
    shared_weights: bool
    aggregation: Aggregation
    rounding: Rounding
    bits: NetworkBits


class PartitionShape(_Section):
    """Slots of one fixed-size graph; the last node slot is the padding edges' sacrificial node."""

    max_nodes: int = Field(ge=2, le=1 << 24)
    max_edges: Slots

    @property
    def usable_nodes(self) -> int:
        """Node slots that real hits may take."""
        return self.max_nodes - 1


class ModuleMapShape(_Section):
    """Capacities of the module-map kernel.

    ``lanes`` (a power of two) hit pairs are tested per cycle: hits are read in aligned blocks of
    so many. ``max_module_doublets`` and ``max_module_triplets`` bound what leaves one module,
    which the kernel holds while it streams the map; ``max_blocks`` the blocks of one event.
    """

    lanes: int = Field(ge=1, le=64)
    max_hits: Slots
    max_modules: Slots
    max_doublets: Slots
    max_module_doublets: Slots
    max_module_triplets: Slots
    max_blocks: Slots
    max_edges: Slots

    @field_validator("lanes")
    @classmethod
    def _power_of_two(cls, lanes: int) -> int:
        if lanes & (lanes - 1):
            raise ValueError("a power of two")
        return lanes


class EdgeClassifierShape(_Section):
    """Number of edge classifiers that work side by side, each on a partition of its own."""

    lanes: int = Field(ge=1, le=256)


class GraphShape(_Section):
    """Capacities of a kernel that holds one graph: connected components, track builder."""

    max_nodes: Slots
    max_edges: Slots


class DwalkShape(GraphShape):
    """Capacities of DWALK: the graph, and how often it takes the best path of every component."""

    max_passes: Slots


class KernelShapes(_Section):
    """Capacities of the kernels."""

    module_map: ModuleMapShape
    edge_classifier: EdgeClassifierShape
    connected_components: GraphShape
    track_builder: GraphShape
    dwalk: DwalkShape


class Contract(_Section):
    """One design's numeric contract, loaded from ``quant_configs/<name>.yaml``."""

    name: Name
    hit: HitFormat
    windows: WindowFormat
    features: FeatureFormat
    network: NetworkFormat
    partition: PartitionShape
    kernels: KernelShapes

    @model_validator(mode="after")
    def _ratios_fit_in_64_bits(self) -> Contract:
        length, phi = self.hit.length.bits, self.hit.phi.bits
        numerators = {
            "phi_slope": (phi, self.windows.phi_slope.frac),
            "r_phi_slope": (length + 1 + phi, 0),
            "z0": (2 * length + 2, 0),
            "direction": (length + 1, DIRECTION_FRAC),
        }
        for name, (bits, frac) in numerators.items():
            if name in self.features.edge:
                needed = bits + max(frac - self.features.edge[name], 0)
                if needed > _LARGEST_NUMERATOR:
                    raise ValueError(
                        f"features.edge.{name} needs {needed} bits, at most {_LARGEST_NUMERATOR}"
                    )
        return self

    @property
    def sha256(self) -> str:
        """Hash of the canonical JSON: names the contract in every artefact."""
        return _sha256(self.model_dump(mode="json"))

    @property
    def map_sha256(self) -> str:
        """Hash of the sections a module map depends on: hit record and window formats."""
        return _sha256(self.model_dump(mode="json", include={"hit", "windows"}))

    def with_partition(self, max_nodes: int, max_edges: int) -> Contract:
        """Return the same contract with other partition slots (another hash)."""
        shape = PartitionShape(max_nodes=max_nodes, max_edges=max_edges)
        return self.model_copy(update={"partition": shape})

    def require_hash(self, found: str, where: object) -> None:
        """Raise ``InputError`` unless ``found`` is this contract's hash."""
        if found != self.sha256:
            raise InputError(
                where,
                f"contract {found[:12]}",
                f"contract {self.sha256[:12]} ({self.name})",
                "make it again with the contract you use now (fpga-gnn train, then synth)",
            )


def _sha256(data: Any) -> str:
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def contract_names() -> list[str]:
    """Names of the shipped contracts."""
    return sorted(path.stem for path in resource_dir("quant_configs").glob("*.yaml"))


def load_contract(name_or_path: str | Path) -> Contract:
    """Load a shipped contract by name (``"w8"``) or any contract by path (``x.yaml``).

    Raises ``InputError`` for a missing file, bad YAML, unknown or wrongly typed keys.
    """
    path = Path(name_or_path)
    if path.suffix not in CONTRACT_SUFFIXES:
        known = contract_names()
        if str(name_or_path) not in known:
            raise InputError("quant config", repr(str(name_or_path)), f"one of {', '.join(known)}")
        path = resource_dir("quant_configs") / f"{name_or_path}.yaml"
    return parse_contract(read_yaml(path), path)


def parse_contract(data: Any, where: object) -> Contract:
    """Check ``data`` (the YAML document) and freeze it; ``where`` names it in errors."""
    try:
        return Contract.model_validate(data)
    except ValidationError as error:
        raise validation_error(error, where, Contract) from error
