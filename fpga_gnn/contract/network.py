"""The trained network as integers: what the checkpoint, the reference and the firmware share."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fpga_gnn.contract.config import Aggregation
from fpga_gnn.contract.fixed_point import FixedPoint, Int64, Rounding


@dataclass(frozen=True, eq=False)
class IntegerLayer:
    """``output = requantize(weight @ input + bias)``; a ReLU is an unsigned ``output`` format.

    ``weight`` [out, in] and ``bias`` [out] are integers with ``weight_frac`` and ``bias_frac``
    fraction bits.
    """

    weight: Int64
    bias: Int64
    weight_frac: int
    bias_frac: int
    output: FixedPoint


@dataclass(frozen=True, eq=False)
class IntegerNetwork:
    """Interaction network of L iterations over nodes (N) and directed edges (E).

    ``x = node_encoder(node features)``, ``e = edge_encoder(edge features)``; L times
    ``e = edge_updates[l](x_src, x_dst, e)``, ``a = aggregates[l](aggregate of e over in-edges,
    over out-edges)``, ``x = node_updates[l](x, a)``; ``score = decoder(x_src, x_dst, e)``.
    ``features`` is the format of both inputs. Each MLP is a tuple of layers. All requantizations
    round as ``rounding`` says.
    """

    features: FixedPoint
    node_encoder: tuple[IntegerLayer, ...]
    edge_encoder: tuple[IntegerLayer, ...]
    edge_updates: tuple[tuple[IntegerLayer, ...], ...]
    aggregates: tuple[FixedPoint, ...]
    node_updates: tuple[tuple[IntegerLayer, ...], ...]
    decoder: tuple[IntegerLayer, ...]
    aggregation: Aggregation = "sum"
    rounding: Rounding = "half_even"

    @property
    def iterations(self) -> int:
        """Number of message-passing iterations, which is also the halo in hops."""
        return len(self.edge_updates)

    @property
    def score(self) -> FixedPoint:
        """Format of the edge score (a logit: the decision is score > cut)."""
        return self.decoder[-1].output

    @property
    def sha256(self) -> str:
        """Hash of all weights and formats: names the network in a binary that has them inside."""
        text = json.dumps(asdict(self), sort_keys=True, default=_plain)
        return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    return value.tolist() if isinstance(value, np.ndarray) else value.model_dump(mode="json")
