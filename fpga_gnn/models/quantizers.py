"""Brevitas layers of the numeric contract: power-of-two scales, its rounding, saturation."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from fpga_gnn.contract import FixedPoint, IntegerLayer, MlpBits, Rounding
from fpga_gnn.errors import FpgaGnnError

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="fast_hadamard_transform")
    import brevitas.nn as qnn
    from brevitas.export import export_qonnx
    from brevitas.inject.enum import FloatToIntImplType, ScalingImplType
    from brevitas.quant.fixed_point import (
        Int8ActPerTensorFixedPointMinMaxInit,
        Int8BiasPerTensorFixedPointInternalScaling,
        Int8WeightPerTensorFixedPoint,
        Uint8ActPerTensorFixedPointMaxInit,
    )

_ROUNDINGS = {"half_even": FloatToIntImplType.ROUND, "floor": FloatToIntImplType.FLOOR}

SMALLEST_RANGE = 2.0**-4
"""Lower bound of every learned range: the scale of an all-zero tensor stays finite."""

_LARGEST_EXPONENT = 30
"""Of a scale: with float32 values, more is no trained network."""

CALIBRATION_QUANTILE = 0.999
"""Fraction of the calibration magnitudes that an activation's first range covers."""


def feature_quantizer(target: FixedPoint) -> nn.Module:
    """Return the quantizer of the network's inputs: the fixed format ``target``, not learned."""
    limit = math.ldexp(1.0, target.bits - target.signed - target.frac)
    return qnn.QuantIdentity(
        act_quant=Int8ActPerTensorFixedPointMinMaxInit,
        scaling_impl_type=ScalingImplType.CONST,
        signed=target.signed,
        bit_width=target.bits,
        min_val=-limit,
        max_val=limit,
    )


def linear(inputs: int, outputs: int, bits: MlpBits) -> nn.Linear:
    """Return a Linear with weights and bias on ``bits``, scaled by their maximum."""
    return qnn.QuantLinear(
        inputs,
        outputs,
        bias=True,
        weight_quant=Int8WeightPerTensorFixedPoint,
        weight_bit_width=bits.weight,
        weight_scaling_min_val=SMALLEST_RANGE,
        bias_quant=Int8BiasPerTensorFixedPointInternalScaling,
        bias_bit_width=bits.bias,
        bias_scaling_min_val=SMALLEST_RANGE,
    )


def relu(bits: int, rounding: Rounding) -> nn.Module:
    """Return a ReLU and an unsigned quantizer of ``bits`` with a learned range."""
    return qnn.QuantReLU(
        act_quant=Uint8ActPerTensorFixedPointMaxInit,
        bit_width=bits,
        max_val=1.0,
        scaling_min_val=SMALLEST_RANGE,
        float_to_int_impl_type=_ROUNDINGS[rounding],
    )


def requantizer(bits: int, rounding: Rounding) -> nn.Module:
    """Return a signed quantizer of ``bits`` with a learned range."""
    return qnn.QuantIdentity(
        act_quant=Int8ActPerTensorFixedPointMinMaxInit,
        bit_width=bits,
        min_val=-1.0,
        max_val=1.0,
        scaling_min_val=SMALLEST_RANGE,
        float_to_int_impl_type=_ROUNDINGS[rounding],
    )


@contextmanager
def calibrating(module: nn.Module) -> Iterator[None]:
    """While open, forward passes of ``module`` set the learned activation ranges.

    A range becomes the largest ``CALIBRATION_QUANTILE`` of the magnitudes that one pass brings;
    each quantizer sees inputs that those before it have already quantized.
    """
    handles = []
    for quantizer in module.modules():
        if isinstance(quantizer, (qnn.QuantIdentity, qnn.QuantReLU)):
            log2_range = _log2_range(quantizer)
            if log2_range is not None:
                log2_range.data.fill_(math.log2(SMALLEST_RANGE))
                hook = _widen(log2_range, signed=isinstance(quantizer, qnn.QuantIdentity))
                handles.append(quantizer.register_forward_pre_hook(hook))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _log2_range(quantizer: nn.Module) -> nn.Parameter | None:
    scaling = quantizer.act_quant.fused_activation_quant_proxy.tensor_quant.scaling_impl
    return dict(scaling.named_parameters()).get("value")


def _widen(
    log2_range: nn.Parameter, *, signed: bool
) -> Callable[[nn.Module, tuple[Any, ...]], None]:
    def hook(_: nn.Module, inputs: tuple[Any, ...]) -> None:
        values = inputs[0].detach().flatten()
        magnitudes = values.abs() if signed else values.relu()
        if magnitudes.numel():
            k = max(1, round(CALIBRATION_QUANTILE * magnitudes.numel()))
            found = magnitudes.kthvalue(k).values.clamp(min=SMALLEST_RANGE).log2()
            log2_range.data.copy_(torch.maximum(log2_range.data, found))

    return hook


def activation_format(quantizer: nn.Module) -> FixedPoint:
    """Return the format of a ``feature_quantizer``, ``relu`` or ``requantizer``."""
    act = quantizer.act_quant
    return FixedPoint(
        bits=int(act.bit_width()), frac=_binary_point(act.scale()), signed=bool(act.is_signed)
    )


def integer_layer(layer: nn.Linear, activation: nn.Module) -> IntegerLayer:
    """Return a ``linear`` and the quantizer behind it as integers, read from the layer itself."""
    with torch.no_grad():
        weight, bias = layer.quant_weight(), layer.quant_bias()
        return IntegerLayer(
            weight=weight.int().numpy().astype(np.int64),
            bias=bias.int().numpy().astype(np.int64),
            weight_frac=_binary_point(weight.scale),
            bias_frac=_binary_point(bias.scale),
            output=activation_format(activation),
        )


def _binary_point(scale: Tensor) -> int:
    value = float(scale.detach())
    mantissa, exponent = math.frexp(value)
    if mantissa != 0.5 or abs(exponent) > _LARGEST_EXPONENT:
        raise FpgaGnnError(
            f"quantizer scale: found {value}, expected a power of two from "
            f"2**-{_LARGEST_EXPONENT} to 2**{_LARGEST_EXPONENT}"
        )
    return 1 - exponent


def to_qonnx(module: nn.Module, inputs: dict[str, Tensor], output: str) -> onnx.ModelProto:
    """Trace ``module`` (in eval mode) with ``inputs`` into an ONNX graph with Quant nodes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return export_qonnx(
            module,
            args=tuple(inputs.values()),
            input_names=list(inputs),
            output_names=[output],
            opset_version=17,
            dynamo=False,
        )
