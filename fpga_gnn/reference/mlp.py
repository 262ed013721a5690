"""Apply a multilayer perceptron of quantized dense layers to every row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fpga_gnn.contract.fixed_point import Int64, Rounding, requantize
from fpga_gnn.contract.network import IntegerLayer


def concatenate(parts: Sequence[tuple[Int64, int]]) -> tuple[Int64, int]:
    """Join columns on their finest binary point; exact.

    ``parts`` are (integers [R, F], fraction bits); returns ([R, sum of F], fraction bits).
    """
    finest = max(frac for _, frac in parts)
    return np.concatenate([x << (finest - frac) for x, frac in parts], axis=1), finest


def mlp(layers: Sequence[IntegerLayer], x: Int64, frac: int, rounding: Rounding) -> Int64:
    """Return the output [R, last layer's rows] in LSB of the last layer's output format.

    ``x`` [R, F] are integers with ``frac`` fraction bits. Each layer adds its bias to the exact
    sum of products and rounds once, saturating.
    """
    for layer in layers:
        x, frac = dense(layer, x, frac, rounding), layer.output.frac
    return x


def dense(layer: IntegerLayer, x: Int64, frac: int, rounding: Rounding) -> Int64:
    """Return ``requantize(weight @ x + bias)`` [R, out] for rows ``x`` [R, in]."""
    products = x @ layer.weight.T
    product_frac = frac + layer.weight_frac
    finest = max(product_frac, layer.bias_frac)
    total = (products << (finest - product_frac)) + (layer.bias << (finest - layer.bias_frac))
    return requantize(total, finest, layer.output, rounding)
